"""Who reads goes on: whatever becomes of the catalogue, or of the folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack_world import OTHER, World
from tests.builders import (
    a_history,
)
from tests.sealed import (
    answers,
    answers_as_it_stands,
    sealed_now,
    statistics_change,
)
from warehouse import catalog
from warehouse.errors import (
    CannotStore,
)
from warehouse.mount import Mount
from warehouse.sealed.seal import seal

pytestmark = pytest.mark.slow


def break_the_catalogue(root: Path) -> None:
    (root / "catalog.duckdb").chmod(0o644)
    (root / "catalog.duckdb").write_bytes(b"no database")


@pytest.mark.parametrize(
    "harm",
    [
        lambda root: (root / "catalog.duckdb").unlink(),
        lambda root: (root / "catalog.json").unlink(),
        lambda root: (root / "catalog.json").write_text("{}"),
        break_the_catalogue,
    ],
)
def test_a_catalogue_that_is_gone_or_broken_is_made_again(
    world: World, harm: Callable[[Path], object]
) -> None:
    sealed_now(world.root)
    before = answers(world.root)

    harm(world.root)

    assert answers(world.root) == before
    assert world.verify().status == "intact"


def test_a_catalogue_from_before_sealing_is_stale_and_no_offence(world: World) -> None:
    catalogue, stamp = world.layout.catalog, world.layout.catalog_stamp
    before = (catalogue.read_bytes(), stamp.read_bytes())
    seal(world.root)
    for file, content in zip((catalogue, stamp), before, strict=True):
        file.unlink()
        file.write_bytes(content)

    report = world.verify()

    assert (report.status, report.findings, report.stale_catalogue) == ("incomplete", [], True)
    assert catalog.refresh(world.root)
    assert world.verify().status == "intact"


def test_a_log_that_began_since_the_catalogue_was_made_is_no_offence(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    sealed_now(history)
    other = a_history(tmp_path, origin=OTHER, seed=3)

    report = history.verify(history.key, other.key)

    assert [*report.counts] == ["UNANCHORED"]
    assert report.stale_catalogue
    assert answers(history.root)["ledger"][2] != []
    assert not history.verify(history.key, other.key).stale_catalogue


def test_a_warehouse_that_was_moved_answers_the_same(world: World, tmp_path: Path) -> None:
    sealed_now(world.root)
    before = answers(world.root)
    there = world.root.rename(tmp_path / "it's [else]where")

    assert answers(there) == before


def test_a_warehouse_that_nobody_may_write_answers_the_same(world: World) -> None:
    sealed_now(world.root)
    before = answers(world.root)
    (world.root / "_tmp").rmdir()
    (world.root / "_tmp").write_text("in the way, for root as well")

    assert answers(world.root) == before
    with pytest.raises(CannotStore):
        seal(world.root)


def test_sealed_files_can_be_read_under_another_path(world: World, tmp_path: Path) -> None:
    sealed_now(world.root)
    statistics_change(world)
    before = answers_as_it_stands(world.root)
    there, file = tmp_path / "mounted [there]", tmp_path / "for-others.duckdb"

    catalog.build(world.root, mount=Mount(there, world.root), to=file)
    shutil.copytree(world.root, there)
    shutil.rmtree(world.root)
    there.joinpath("catalog.duckdb").unlink()
    file.rename(there / "catalog.duckdb")

    assert answers_as_it_stands(there) == before
