"""Any byte of any file: changing it is detected, or no answer changes.

Harmless is proved, not assumed: every view is asked again, by the product's own reader and
by DuckDB on the file that anybody may open.
"""

import random
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.attack_world import MONDAY, the_night
from tests.builders import (
    DAY,
    SOME_DEFINITIONS,
    Clock,
    History,
    a_history,
    definitions_json,
)
from tests.tsa import Authority, an_authority
from warehouse import catalog
from warehouse.checks.examine import Batch, Scope, examine
from warehouse.checks.findings import Report
from warehouse.checks.trust import trust_any
from warehouse.contract import VIEWS
from warehouse.outside import gather
from warehouse.query import ask
from warehouse.record import sha256_hex
from warehouse.verify import verify

pytestmark = pytest.mark.slow

MASKS = (0x01, 0x04, 0x20, 0x80, 0xFF)
Answers = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Small:
    """A warehouse of one log with everything that may lie in one, and what it answers."""

    history: History
    anchors: Path
    by_ask: Answers
    by_duckdb: Answers

    @property
    def root(self) -> Path:
        return self.history.root

    def verify(self) -> Report:
        outside = gather(self.root, memory=[self.history.remembered().head], anchors=self.anchors)
        return verify(self.root, trust_any([self.history.key]), outside=outside)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    clock = Clock(MONDAY - timedelta(hours=1))
    history = a_history(folder, clock=clock, schedule="0 2 * * *")
    history.ledger.keep_definitions(
        content := definitions_json(SOME_DEFINITIONS), sha256_hex(content)
    )
    for night in range(2):
        clock.now = MONDAY + night * DAY + timedelta(seconds=1)
        history.log.append([*the_night(MONDAY + night * DAY)])
    authority = an_authority(folder / "authority")
    anchors = folder / "auditor"
    keep(anchors, history, authority)
    keep(history.ledger.layout.anchors, history, authority)
    shutil.copy(authority.ca, anchors)
    catalog.build(history.root)
    return Small(history, anchors, asked(history.root), read_by_anybody(history.root))


def keep(folder: Path, history: History, authority: Authority) -> None:
    """Keep the newest head in a folder of anchors, with a timestamp of it."""
    folder.mkdir()
    *_, note = history.ledger.checkpoints(history.log.origin, 0)
    (folder / "newest.note").write_text(note)
    (folder / "newest.tsr").write_bytes(authority.stamp(note.encode()))


def asked(root: Path) -> Answers:
    answers = {view: ask(root, f"SELECT * FROM {view} ORDER BY ALL") for view in VIEWS}
    return {view: (a.columns, a.types, a.rows) for view, a in answers.items()}


def read_by_anybody(root: Path, views: Iterable[str] = VIEWS) -> Answers:
    found: Answers = {}
    with duckdb.connect(str(root / "catalog.duckdb"), read_only=True) as connection:
        for view in views:
            answer = connection.execute(f"SELECT * FROM {view} ORDER BY ALL")
            found[view] = (answer.description, answer.fetchall())
    return found


@pytest.fixture
def small(pristine: Small) -> Iterator[Small]:
    """The warehouse, put back as it was after the test."""
    kept = pristine.root.parent / "kept"
    shutil.copytree(pristine.root, kept)
    yield pristine
    shutil.rmtree(pristine.root)
    kept.rename(pristine.root)


def flipped(content: bytes, place: int, mask: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= mask
    return bytes(changed)


def is_detected_or_harmless(small: Small, file: Path, content: bytes) -> str:
    """Put other content into a file, and say what came of it."""
    stays = file.stat().st_mode
    file.chmod(0o644)
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        if small.verify().status != "intact":
            return "detected"
        same = read_by_anybody(small.root) == small.by_duckdb
        return "harmless" if same and asked(small.root) == small.by_ask else "MISSED"
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(before)
        file.chmod(stays)


FILES = {
    "hot/epoch=000000/*.000000000000.parquet": 50,
    "hot/epoch=000000/*.000000000001.parquet": 50,
    "hot/epoch=000000/*.000000000003.parquet": 50,
    "definitions/*.json": 30,
    "checkpoints.log": 60,
    "catalog.duckdb": 30,
    "catalog.json": 25,
    "anchors/newest.note": 20,
    "anchors/newest.tsr": 20,
}


def test_every_file_of_the_warehouse_is_tried(pristine: Small) -> None:
    tried = {file for pattern in FILES for file in pristine.root.glob(pattern)}

    assert tried == {file for file in pristine.root.rglob("*") if file.is_file()}


@pytest.mark.parametrize("pattern", FILES)
def test_a_changed_byte_is_detected_or_changes_no_answer(small: Small, pattern: str) -> None:
    (file,) = small.root.glob(pattern)
    content = file.read_bytes()
    chosen = random.Random(pattern)  # noqa: S311  # no secret

    cases = [(chosen.randrange(len(content)), chosen.choice(MASKS)) for _ in range(FILES[pattern])]

    found = {case: is_detected_or_harmless(small, file, flipped(content, *case)) for case in cases}
    assert {case for case, outcome in found.items() if outcome == "MISSED"} == set()
    # The catalogue's label decides only whether it is made anew.
    assert "detected" in found.values() or pattern == "catalog.json"


def test_every_byte_of_one_file_is_detected_or_changes_no_answer(small: Small) -> None:
    _, file, _ = small.history.ledger.layout.record_files()
    key = small.history.key
    batch = Batch(
        layout=small.history.ledger.layout,
        file=file,
        groups=None,
        size=1,
        last=True,
        scope=Scope(),
        keys={key.key_id: key.spki},
    )
    as_it_was, answered = examine(batch), answers_from_records(small)
    content = file.path.read_bytes()

    missed = []
    for place in range(len(content)):
        file.path.unlink()
        file.path.write_bytes(flipped(content, place, 0x01))
        found = examine(batch)
        if found.unreadable is None:
            same = found == as_it_was and answers_from_records(small) == answered
            missed += [] if same or small.verify().status != "intact" else [place]

    assert missed == []


def answers_from_records(small: Small) -> Answers:
    return read_by_anybody(small.root, ("ledger", "snapshots", "statistic_values"))
