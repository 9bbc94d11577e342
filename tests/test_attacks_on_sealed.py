"""Every attack is found in sealed files as it is in commits, and sealing hides none of them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attack_parts import a_part_beside
from tests.attack_sealed_tools import part_of_ours, the_rows, two_statistics_swapped
from tests.attack_tools import Attack
from tests.attack_world import OTHER, OTHER_SIZE, SIZE, World, copy_of
from tests.attacks import TABLE
from tests.attacks_on_sealed import ATTACKS
from tests.builders import ORIGIN
from tests.sealed import answers, commit_files, sealed_now
from warehouse.checks.findings import EXIT_CODES, Place, Report
from warehouse.errors import Failure
from warehouse.sealed.parts import KINDS

pytestmark = pytest.mark.slow

# A log that has grown by an attack ends where no witness knows it to.
GROWN = {"UNANCHORED"}
# What sealing itself mends, and what verify then says. Everything else is found after it as before.
MENDED = {
    # Of what is sealed the last head of a file is enough: it covers all records before it.
    "a commit has no head": "incomplete",
    # Rows are read as they are and written anew, with what describes them.
    "a file's statistics hide its rows": "intact",
    "a file's text is bytes to others": "intact",
    # The views are made anew from the history.
    "a view answers otherwise": "intact",
    "a view is gone": "intact",
    "the catalogue has a table of its own": "intact",
    "the catalogue has a function of its own": "intact",
    "the catalogue is no database": "intact",
}


@pytest.fixture(scope="session")
def pristine_sealed(pristine_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world, sealed, its commits gone."""
    made = copy_of(pristine_world, tmp_path_factory.mktemp("sealed") / "world")
    sealed_now(made.root)
    assert commit_files(made.root) == []
    return made


@pytest.fixture
def sealed(pristine_sealed: World, tmp_path: Path) -> World:
    """A copy of the sealed world, to be attacked."""
    return copy_of(pristine_sealed, tmp_path / "world")


def places_of(report: Report, name: str) -> list[Place]:
    return [replace(f.place, file=None) for f in report.findings if f.name == name]


def require(world: World, attack: Attack) -> None:
    report, fast = world.verify(), world.verify(fast=True)
    promised = set(attack.fast.split())
    assert attack.names <= set(report.counts) <= attack.names | GROWN
    assert attack.at in places_of(report, attack.principal)
    assert all(f.expected and f.found and f.expected != f.found for f in report.findings)
    assert (report.status, report.exit_code) == (attack.status, EXIT_CODES[attack.status])
    assert promised <= set(fast.counts) <= promised | GROWN


@pytest.mark.parametrize("attack", TABLE, ids=lambda attack: attack.story)
def test_sealing_hides_no_attack(world: World, attack: Attack) -> None:
    attack.does(world)

    fold_what_can_be_folded(world)

    if attack.story in MENDED:
        report, fast = world.verify(), world.verify(fast=True)
        assert report.status == MENDED[attack.story]
        assert (set(report.counts) | set(fast.counts)) <= GROWN
    else:
        require(world, attack)


def fold_what_can_be_folded(world: World) -> None:
    before = commit_files(world.root)
    refusal = None
    try:
        sealed_now(world.root)
    except Failure as error:
        refusal = str(error)
    if refusal:
        # What cannot be folded stays as it is, and is named.
        assert str(world.root) in refusal
        assert commit_files(world.root) == before


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.story)
def test_every_attack_on_sealed_files_is_found_by_name_and_place(
    sealed: World, attack: Attack
) -> None:
    attack.does(sealed)

    require(sealed, attack)


def test_no_story_is_told_twice() -> None:
    stories = [attack.story for attack in (*TABLE, *ATTACKS)]

    assert sorted(set(stories)) == sorted(stories)
    assert set(MENDED) <= set(stories)


def test_the_world_is_as_intact_sealed_as_it_was(sealed: World) -> None:
    report, fast = sealed.verify(), sealed.verify(fast=True)

    assert (report.status, report.findings) == ("intact", [])
    assert (fast.status, fast.findings) == ("intact", [])
    assert (report.logs, report.instances) == ({OTHER: OTHER_SIZE, ORIGIN: SIZE}, 3)
    assert (report.signatures_valid, report.signatures_checked) == (24, 24)


def a_shorter_part_that_overlaps(world: World) -> None:
    a_part_beside(first=5, end=25)(world)


def the_same_part_by_another_name(world: World) -> None:
    a_part_beside(period="2026")(world)


def a_shorter_part_of_anything(world: World) -> None:
    part = part_of_ours(world)
    for kind in KINDS:
        world.layout.part(part._replace(end=7), kind).write_bytes(b"PAR1")


def files_of_other_names(world: World) -> None:
    part = part_of_ours(world)
    for kind in KINDS:
        path = world.layout.part(part, kind)
        for name in ("more.parquet", f".{path.name}", f"{path.name}.old", "README"):
            shutil.copy(path, path.with_name(name))


def a_half_made_part(world: World) -> None:
    part = part_of_ours(world)
    for kind in ("wide", "values"):
        world.layout.part(part._replace(end=99), kind).write_bytes(b"half")


def the_lock_and_the_empty_folders_are_gone(world: World) -> None:
    (world.root / "sealed" / "seal.lock").unlink()
    shutil.rmtree(world.root / "hot")
    shutil.rmtree(world.root / "_tmp")


@pytest.mark.parametrize(
    "change",
    [
        a_shorter_part_that_overlaps,
        the_same_part_by_another_name,
        a_shorter_part_of_anything,
        files_of_other_names,
        a_half_made_part,
        the_lock_and_the_empty_folders_are_gone,
    ],
)
def test_what_no_view_reads_is_no_attack(sealed: World, change: Callable[[World], None]) -> None:
    before = answers(sealed.root)

    change(sealed)

    report, fast = sealed.verify(), sealed.verify(fast=True)
    assert [f.name for f in report.findings] == []
    assert [f.name for f in fast.findings] == []
    assert answers(sealed.root) == before


def test_a_file_that_is_wrong_all_over_is_not_told_row_by_row(sealed: World) -> None:
    the_rows("wide", two_statistics_swapped)(sealed)

    assert sealed.verify().counts == {"ROW_MISMATCH": 20}


def test_what_is_found_in_sorted_files_says_which_row(sealed: World) -> None:
    the_rows("values", lambda table: table.slice(1))(sealed)

    found = sealed.verify().findings[0]

    path = sealed.layout.part(part_of_ours(sealed), "values")
    assert found.place == Place(instance="prod", file=str(path))
    assert found.expected == "taken_at datetime.datetime(2026, 3, 2, 2, 0)"
    assert found.found == "taken_at datetime.datetime(2026, 3, 3, 2, 0)"
