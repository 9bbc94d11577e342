"""Who reads goes on: whatever becomes of the catalogue, or of the folder."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.attack_world import OTHER, SIZE, World
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


def make_stale(world: World) -> None:
    """Bring back the catalogue of before the newest sealing: it names what is replaced."""
    seal(world.root)
    before = [(f, f.read_bytes()) for f in (world.layout.catalog, world.layout.catalog_stamp)]
    statistics_change(world)
    seal(world.root)
    for file, content in before:
        file.unlink()
        file.write_bytes(content)


def test_a_stale_catalogue_that_reads_a_spoilt_file_is_found(world: World) -> None:
    make_stale(world)
    replaced = next(p for p in world.layout.parts() if p.end == SIZE)
    world.layout.part(replaced, "wide").write_bytes(b"PAR1")

    assert "CATALOG_MISMATCH" in world.verify().counts


def test_the_label_of_an_older_release_is_stale_and_no_offence(world: World) -> None:
    label = json.loads(world.layout.catalog_stamp.read_text())
    older = {k: v for k, v in label.items() if k not in {"parts", "epochs", "commits"}}
    world.layout.catalog_stamp.write_text(json.dumps({**older, "contract": "0" * 64}))
    world.layout.catalog.unlink()
    with duckdb.connect(str(world.layout.catalog)) as connection:
        connection.execute("CREATE VIEW snapshots AS SELECT 7 AS users")

    report = world.verify()

    assert (report.status, report.findings, report.stale_catalogue) == ("incomplete", [], True)


def test_the_label_of_a_catalogue_decides_of_no_file_elsewhere(
    world: World, tmp_path: Path
) -> None:
    seal(world.root)
    victim = tmp_path / "victim.parquet"
    victim.touch()
    os.utime(victim, (0, 0))
    label = json.loads(world.layout.catalog_stamp.read_text())
    label["parts"].append(os.path.relpath(victim, world.root / "sealed" / "ledger"))
    world.layout.catalog_stamp.write_text(json.dumps(label))

    catalog.build(world.root)

    assert victim.stat().st_mtime == 0


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
