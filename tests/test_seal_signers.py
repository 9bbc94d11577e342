"""Who signs goes on behind what is sealed, and is refused where he always was."""

import shutil
from pathlib import Path

import pytest

from tests.attack_world import SIZE, World
from tests.builders import (
    ORIGIN,
    a_history,
    a_reading,
)
from tests.sealed import (
    answers,
    commit_files,
    is_whole,
    sealed_now,
    statistics_change,
)
from warehouse import catalog
from warehouse.checkpoints import read_checkpoints
from warehouse.errors import (
    NoWarehouse,
    SignerBehindWarehouse,
    WarehouseBehindSigner,
)
from warehouse.layout import Layout
from warehouse.query import ask
from warehouse.record import sha256_hex
from warehouse.sealed.parts import KINDS
from warehouse.sealed.seal import Sealed, seal

pytestmark = pytest.mark.slow


def test_commits_go_on_behind_what_is_sealed(world: World) -> None:
    sealed_now(world.root)
    statistics_change(world)
    sealed_now(world.root)
    ledger = world.log().ledger

    assert ledger.end_of(ORIGIN) == SIZE + 3
    assert [ledger.layout.holds(ORIGIN, at) for at in (0, 7, SIZE + 2, SIZE + 3)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert not ledger.layout.holds("example.com/third", 0)
    assert world.log().heal() == SIZE + 3
    assert is_whole(world.verify())


def test_a_commit_that_a_crash_kept_back_comes_behind_what_is_sealed(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take_days(3)
    newest = history.files()[-1]
    signed = newest.read_bytes()
    newest.unlink()
    sealed_now(history)

    assert history.log.heal() == 4

    (healed,) = commit_files(history.root)
    assert (healed.name, healed.parent.name) == (newest.name, "epoch=000001")
    assert healed.read_bytes() == signed
    assert catalog.refresh(history.root)
    assert is_whole(history.verify())


def test_a_signer_who_was_restored_from_an_older_copy_is_refused(world: World) -> None:
    older = world.folder / "older"
    shutil.copytree(world.state(), older)
    statistics_change(world)
    sealed_now(world.root)
    shutil.rmtree(world.state())
    older.rename(world.folder / f"state-1-{sha256_hex(ORIGIN.encode())[:8]}")

    with pytest.raises(SignerBehindWarehouse, match="remembers 20 records"):
        world.log().append([a_reading()])


@pytest.mark.parametrize("kinds", [KINDS, ("ledger",), ("wide",)])
def test_a_warehouse_that_lost_what_was_sealed_is_refused(
    world: World, kinds: tuple[str, ...]
) -> None:
    sealed_now(world.root)
    *_, newest = world.layout.standing().parts
    for kind in kinds:
        world.layout.part(newest, kind).unlink()

    with pytest.raises(WarehouseBehindSigner, match=r"20 records of .* ends after"):
        world.log().append([a_reading()])


def test_lines_that_checkpoints_log_lost_are_added_from_sealed_files(world: World) -> None:
    before = [*read_checkpoints(world.layout.checkpoints)]
    mine = [note for note in before if note[0].startswith(f"{ORIGIN}\n")]
    sealed_now(world.root)
    world.layout.checkpoints.write_text("".join(f"{note}\n" for note, _ in before[:3]))

    assert world.log().heal() == SIZE

    found = [*read_checkpoints(world.layout.checkpoints)]
    assert [note for note in found if note[0].startswith(f"{ORIGIN}\n")] == mine


def test_a_copy_without_its_empty_folders_is_as_good(world: World) -> None:
    sealed_now(world.root)
    before = answers(world.root)
    for folder in ("hot/epoch=000001", "hot", "_tmp"):
        (world.root / folder).rmdir()

    assert answers(world.root) == before
    assert world.verify().status == "intact"
    assert seal(world.root) == Sealed()
    statistics_change(world)
    assert len(commit_files(world.root)) == 1
    assert is_whole(world.verify())


def test_a_live_epoch_that_a_copy_lost_makes_no_row_twice(world: World) -> None:
    seal(world.root)
    (world.root / "hot/epoch=000001").rmdir()

    statistics_change(world)

    # It came to those that a part holds, which are still there.
    assert len(Layout(world.root).standing().commits) == 1
    (count,) = ask(world.root, "SELECT count(*), count(DISTINCT (log, index)) FROM ledger").rows
    assert count == (SIZE + 7, SIZE + 7)
    assert is_whole(world.verify())
    before = answers(world.root)
    sealed_now(world.root)
    assert answers(world.root) == before


def test_a_folder_of_anything_else_is_no_warehouse(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        seal(tmp_path)

    assert [*tmp_path.iterdir()] == []
