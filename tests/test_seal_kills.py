"""A sealing killed at every system call that changes anything: no row is lost, none is doubled.

What lies there then is asked as it stands, by plain DuckDB on whatever catalogue there is;
after the next command; and after the next sealing, which finishes.
"""

import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.attack_world import World, copy_of
from tests.sealed import (
    Answers,
    answers,
    answers_as_it_stands,
    commit_files,
    part_files,
    sealed_now,
    statistics_change,
)
from tests.traced import counted_calls, trace
from warehouse import catalog
from warehouse.ledger import Unreadable
from warehouse.sealed.seal import Sealed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="needs strace"),
]

# What gives and takes names is tried at each of its calls; of all other kinds a few are enough.
NAMING = ("mkdir", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir")
SOME = 3


@pytest.fixture
def half_sealed(world: World) -> World:
    """Parts, and commits that are to be folded into one of them; all of it is to be replaced."""
    sealed_now(world.root)
    statistics_change(world, 1)
    statistics_change(world, 2)
    return world


def chosen(call: str, times: int) -> list[int]:
    every = 1 if call in NAMING else max(1, times // SOME)
    return sorted({*range(1, times + 1, every), times})


def killed_at_calls(world: World, calls: Collection[str] = ()) -> Iterator[str]:
    """Let a sealing die at its calls, one after the other, each time in the world as it was."""
    seal = (sys.executable, "-m", "tests.one_sealing", str(world.root))
    kept = copy_of(world, world.folder.with_name("kept"))

    def put_back() -> None:
        shutil.rmtree(world.folder)
        shutil.copytree(kept.folder, world.folder)

    counts = counted_calls(world.folder, seal)
    put_back()
    for call, times in counts.items():
        for nth in chosen(call, times) if not calls or call in calls else ():
            inject = f"inject={call}:signal=KILL:when={nth}"
            _, traced = trace(world.folder, seal, "-e", f"trace={call}", "-e", inject)
            # A call that some thread makes need not be made again.
            if "+++ killed by SIGKILL +++" in traced:
                yield f"{call} {nth}"
            put_back()


def test_a_sealing_killed_at_any_call_loses_and_doubles_nothing(half_sealed: World) -> None:
    root = half_sealed.root
    before, as_it_stood = answers(root), answers_as_it_stands(root)

    stories, made = {}, set()
    for story in killed_at_calls(half_sealed):
        made.add(len(part_files(root)))
        stories[story] = (
            answers_as_it_stands(root) == as_it_stood,
            says_nothing_wrong(half_sealed),
            answers(root) == before,
            finishes(half_sealed, before),
        )

    assert len(stories) >= 30
    # Killed before any file of the new part was there, between, and after the old one was gone.
    assert {6, 7, 8, 9} <= made
    assert {story: end for story, end in stories.items() if end != (True,) * 4} == {}


def says_nothing_wrong(world: World) -> bool:
    # The newest nights are known to no witness of the auditor's, only to the signer.
    report = world.verify()
    return report.status != "tampered" and report.counts.keys() <= {"UNANCHORED"}


def finishes(world: World, before: Answers) -> bool:
    """Whether the next sealing ends as it should have ended, and leaves nothing to do."""
    sealed_now(world.root)
    return (
        len(part_files(world.root)) == 6
        and commit_files(world.root) == []
        and answers(world.root) == before
        and sealed_now(world.root) == Sealed()
        and not world.verify().stale_catalogue
    )


def test_a_commit_after_a_killed_sealing_is_kept_like_any_other(half_sealed: World) -> None:
    """Whatever epoch is the live one then."""
    root = half_sealed.root
    before = len(answers(root)["ledger"][2])

    ends = {}
    for story in killed_at_calls(half_sealed, ("mkdir", "rename")):
        statistics_change(half_sealed, 3)
        asked = [count_as_it_stands(root), len(answers(root)["ledger"][2])]
        sealed_now(root)
        ends[story] = (*asked, len(answers(root)["ledger"][2]))

    assert len(ends) >= 6
    assert set(ends.values()) == {(before + 3,) * 3}


def count_as_it_stands(root: Path) -> int:
    return len(answers_as_it_stands(root)["ledger"][1])


def test_what_spoils_half_way_is_told_and_finished_later(
    half_sealed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(half_sealed.root)

    def full(*_: object) -> None:
        raise Unreadable("the disk gives it back no more")

    monkeypatch.setattr("warehouse.sealed.seal.write_values", full)
    with pytest.raises(Unreadable, match="no more"):
        sealed_now(half_sealed.root)
    monkeypatch.undo()

    assert answers(half_sealed.root) == before
    assert [*(half_sealed.root / "_tmp").iterdir()] == []
    assert catalog.refresh(half_sealed.root) is False
    assert finishes(half_sealed, before)
