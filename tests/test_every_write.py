"""A commit killed at every system call that changes anything, one after the other.

strace counts the calls of a whole commit, then ends the process at the entry of each of
them in turn. What the disk holds then is all that a killed writer can leave.
"""

import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.run import open_log
from etl.settings import load_settings
from tests.builders import SOME_DEFINITIONS, a_reading, definitions_json
from tests.command import TALLYBOOK
from tests.histories import History, a_history
from tests.traced import counted_calls, trace
from warehouse import catalog
from warehouse.ledger import Ledger, Unreadable, read_records
from warehouse.record import decode, sha256_hex

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="needs strace"),
]

NOWHERE = "postgresql://me@127.0.0.1/unleash"
APPEND = (sys.executable, "-m", "tests.one_commit", ".")
ROTATE = (str(TALLYBOOK), "keys", "rotate")


@dataclass
class Seen:
    """Every payload that was ever on disk, by its place: there may be only one of each."""

    payloads: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def look(self, history: History) -> None:
        """Note what the warehouse, its drafts and the signer's journal hold."""
        hot = (history.warehouse / "hot").rglob("*.parquet")
        for path in [*hot, *(history.warehouse / "_tmp").glob("*.parquet.*")]:
            try:
                self._note(record.payload for record in read_records(path))
            except Unreadable:
                assert path.parent.name == "_tmp"
        self._note(read_journal(history.state / STATE_FILE).batch)

    def _note(self, payloads: Iterator[bytes] | Sequence[bytes]) -> None:
        for payload in payloads:
            self.payloads[decode(payload).index].add(payload)

    @property
    def doubled(self) -> dict[int, set[bytes]]:
        return {index: seen for index, seen in self.payloads.items() if len(seen) > 1}


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path / "tally", prod=NOWHERE)
    content = definitions_json(SOME_DEFINITIONS)
    Ledger(made.warehouse).keep_definitions(content, sha256_hex(content))
    open_log(load_settings(made.folder / "tallybook.toml")).append([a_reading()])
    return made


def traced(history: History, command: Sequence[str], *options: str) -> tuple[str, str]:
    """Run a command under strace in the history's folder; return its output and the trace."""
    return trace(history.folder, command, *options)


def calls_of(history: History, command: Sequence[str]) -> dict[str, int]:
    """How often a command makes each of the calls, in the order of their first."""
    copy = History(history.folder.parent / "counted")
    shutil.copytree(history.folder, copy.folder)
    return counted_calls(copy.folder, command)


def killed_at_every_call(
    history: History, command: Sequence[str]
) -> Iterator[tuple[str, History, str]]:
    """Copies of the history, one for each call, in which the command died at its entry."""
    for call, times in calls_of(history, command).items():
        for nth in range(1, times + 1):
            copy = History(history.folder.parent / f"{call}-{nth}")
            shutil.copytree(history.folder, copy.folder)
            inject = f"inject={call}:signal=KILL:when={nth}"
            out, trace = traced(copy, command, "-e", f"trace={call}", "-e", inject)
            assert "+++ killed by SIGKILL +++" in trace
            yield f"{call} {nth}", copy, out
            shutil.rmtree(copy.folder)


@pytest.mark.parametrize("room", [True, False], ids=["room in the journal", "no room left"])
def test_a_commit_killed_at_any_call_keeps_what_was_told_and_signs_nothing_twice(
    history: History, room: bool
) -> None:
    journal = history.state / STATE_FILE
    if not room:
        journal.write_bytes(journal.read_bytes().rstrip(b"\n") + b"\n")
    before = {record.sha256 for record in Ledger(history.warehouse).records()}

    stories = {}
    for story, copy, out in killed_at_every_call(history, APPEND):
        seen = Seen()
        seen.look(copy)
        log = open_log(load_settings(copy.folder / "tallybook.toml"))
        log.append([a_reading()])
        catalog.build(copy.warehouse)
        seen.look(copy)
        kept = {record.sha256 for record in Ledger(copy.warehouse).records()}
        told = set(re.findall(r"kept (\w+)", out))
        stories[story] = (told <= kept, before <= kept, seen.doubled, copy.drafts, copy.verdict())

    assert len(stories) >= (14 if room else 16)
    assert ("rename 1" in stories) is not room
    assert {story: end for story, end in stories.items() if end != WELL} == {}


def test_a_rotation_killed_at_any_call_leaves_one_key_in_force(history: History) -> None:
    old = open_log(load_settings(history.folder / "tallybook.toml")).signer.public_key.key_id

    stories, keys = {}, set()
    for story, copy, _ in killed_at_every_call(history, ROTATE):
        seen = Seen()
        seen.look(copy)
        log = open_log(load_settings(copy.folder / "tallybook.toml"))
        log.append([a_reading()])
        catalog.build(copy.warehouse)
        seen.look(copy)
        newest = list(Ledger(copy.warehouse).records())[-1]
        keys.add(newest.key_id == old)
        signed = newest.key_id == log.signer.public_key.key_id
        stories[story] = (signed, True, seen.doubled, copy.drafts, copy.verdict())

    assert {story: end for story, end in stories.items() if end != WELL} == {}
    assert keys == {True, False}


WELL: tuple[bool, bool, dict[int, set[bytes]], list[Path], tuple[int, str]] = (
    True,
    True,
    {},
    [],
    (0, "intact"),
)
