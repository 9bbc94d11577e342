"""The catalogue: always right, never in the way, and made again whenever it is not there."""

import os
import shutil
import time
from pathlib import Path

import duckdb
import pytest

from tests.builders import History, a_definition, a_history, a_reading
from warehouse import catalog
from warehouse.contract import fingerprint
from warehouse.errors import BrokenHistory, CannotStore, LedgerFailure, NoWarehouse
from warehouse.mount import Mount
from warehouse.query import ask
from warehouse.record import sha256_hex

ODD_NAMES = ("with space", "quote's", 'double"quote', "[brackets]", "star*", "{checksum}", "ünï")


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take()
    catalog.build(made.root)
    return made


def count_in(root: Path) -> object:
    return ask(root, "SELECT count(*) FROM snapshots").rows[0][0]


def count_with_plain_duckdb(file: Path) -> object:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM snapshots").fetchall()[0][0]


def lock_out_writers(root: Path) -> None:
    """Make drafts impossible, for root as well, whom permissions do not stop."""
    (root / "_tmp").rmdir()
    (root / "_tmp").write_text("in the way")


def test_a_catalogue_holds_views_and_no_data(history: History) -> None:
    with duckdb.connect(str(history.root / "catalog.duckdb"), read_only=True) as connection:
        kinds = connection.execute(
            "SELECT DISTINCT table_type FROM information_schema.tables"
        ).fetchall()

    assert kinds == [("VIEW",)]


def test_a_catalogue_is_closed_to_writers(history: History) -> None:
    assert (history.root / "catalog.duckdb").stat().st_mode & 0o777 == 0o444


def test_building_leaves_no_draft(history: History) -> None:
    assert list((history.root / "_tmp").iterdir()) == []


def test_a_current_catalogue_is_left_alone(history: History) -> None:
    before = (history.root / "catalog.duckdb").stat()

    assert catalog.refresh(history.root) is False

    assert (history.root / "catalog.duckdb").stat() == before


def test_a_snapshot_with_known_statistics_needs_no_new_catalogue(history: History) -> None:
    history.take()

    assert catalog.refresh(history.root, new_statistics={"users"}) is False

    assert count_in(history.root) == 2


def test_a_new_statistic_makes_it_stale(history: History) -> None:
    history.take(a_reading({"apiTokens.brand-new": 1}))

    assert catalog.refresh(history.root, new_statistics={"apiTokens.brand-new"}) is True

    found = ask(history.root, 'SELECT max("apiTokens_brand-new") FROM snapshots').rows
    assert found == [(1,)]


def test_new_definitions_make_it_stale(history: History) -> None:
    definitions = (a_definition("users"), a_definition("flagsOfToday"))
    history.take(a_reading({"users": 1}, definitions=definitions), definitions=definitions)

    assert catalog.refresh(history.root) is True

    assert ask(history.root, "SELECT count(flagsOfToday) FROM snapshots").rows == [(0,)]


def test_an_epoch_that_somebody_adds_hides_nothing(history: History) -> None:
    history.ledger.layout.epoch(1).mkdir()
    assert count_in(history.root) == 1

    history.take()

    assert count_in(history.root) == 2


def test_another_release_of_the_views_makes_it_stale(history: History) -> None:
    stamp = history.root / "catalog.json"
    stamp.write_text(stamp.read_text().replace(fingerprint(), "an older release"))

    assert catalog.refresh(history.root) is True


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b'{"root":1}'])
def test_a_damaged_stamp_makes_it_stale(history: History, content: bytes) -> None:
    (history.root / "catalog.json").write_bytes(content)

    assert catalog.refresh(history.root) is True


def test_a_warehouse_that_was_moved_gets_a_new_one(history: History, tmp_path: Path) -> None:
    moved = history.root.rename(tmp_path / "elsewhere")

    assert count_in(moved) == 1
    assert count_with_plain_duckdb(moved / "catalog.duckdb") == 1


def test_a_warehouse_that_was_copied_reads_its_own_files(history: History, tmp_path: Path) -> None:
    copied = shutil.copytree(history.root, tmp_path / "copy")
    history.take()

    assert (count_in(copied), count_in(history.root)) == (1, 2)


def test_a_copy_without_empty_folders_is_read(history: History, tmp_path: Path) -> None:
    copied = shutil.copytree(history.root, tmp_path / "copy")
    (copied / "_tmp").rmdir()

    assert count_in(copied) == 1


@pytest.mark.parametrize("missing", ["catalog.duckdb", "catalog.json"])
def test_a_deleted_one_is_made_again(history: History, missing: str) -> None:
    (history.root / missing).unlink()

    assert count_in(history.root) == 1
    assert (history.root / missing).exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00" * 20_000])
def test_a_corrupt_one_is_made_again(history: History, content: bytes) -> None:
    file = history.root / "catalog.duckdb"
    file.unlink()
    file.write_bytes(content)

    assert count_in(history.root) == 1
    assert count_with_plain_duckdb(file) == 1


def test_a_shortened_one_is_made_again(history: History) -> None:
    file = history.root / "catalog.duckdb"
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[: len(whole) // 2])

    assert count_in(history.root) == 1


def test_a_reader_that_may_not_write_uses_what_is_there(history: History) -> None:
    content = b'{"statistics":[]}'
    history.ledger.keep_definitions(content, sha256_hex(content))
    lock_out_writers(history.root)

    catalog.ensure(history.root)

    assert count_with_plain_duckdb(history.root / "catalog.duckdb") == 1


def test_a_reader_that_may_not_write_is_not_given_another_places_files(
    history: History, tmp_path: Path
) -> None:
    copied = shutil.copytree(history.root, tmp_path / "copy")
    lock_out_writers(copied)

    with pytest.raises(CannotStore) as refusal:
        catalog.ensure(copied)

    assert str(refusal.value) == f"cannot write '{copied / '_tmp'}': file exists"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_is_read_only_is_left_as_it_is(history: History) -> None:
    (history.root / "catalog.json").unlink()
    (history.root / "_tmp").chmod(0o555)

    try:
        with pytest.raises(CannotStore, match=r"permission denied$"):
            catalog.ensure(history.root)
    finally:
        (history.root / "_tmp").chmod(0o755)


def test_a_folder_without_a_history_is_no_warehouse(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        catalog.ensure(tmp_path)
    with pytest.raises(NoWarehouse):
        catalog.build(tmp_path)


def test_a_damaged_record_says_how_to_find_out(history: History) -> None:
    file = history.files()[-1]
    file.write_bytes(b"nonsense")

    with pytest.raises(LedgerFailure) as refusal:
        catalog.build(history.root)

    assert str(refusal.value) == (
        f"cannot read the history: Invalid Input Error: File '{file}' "
        "too small to be a Parquet file"
    )
    assert refusal.value.hint == "Find out what is damaged with: tallybook verify"


def test_a_damaged_definition_is_named(history: History) -> None:
    (file,) = history.ledger.layout.definitions.iterdir()
    file.write_bytes(b"{}")

    with pytest.raises(BrokenHistory, match=f"^'{file}' has changed: expected SHA-256 {file.stem}"):
        catalog.build(history.root)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    history = a_history(tmp_path / name)
    history.take()

    assert count_in(history.root) == 1
    assert count_with_plain_duckdb(history.root / "catalog.duckdb") == 1


def test_a_folder_is_found_through_a_link(history: History, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(history.root)

    assert count_in(link) == 1
    assert catalog.refresh(link) is False


@pytest.mark.parametrize("name", ["plain", *ODD_NAMES])
def test_one_can_be_built_for_another_place(tmp_path: Path, name: str) -> None:
    history = a_history(tmp_path / name)
    history.take()
    there, file = tmp_path / f"mounted at {name}", tmp_path / "for-others.duckdb"

    made = catalog.build(history.root, mount=Mount(there, history.root), to=file)
    history.root.rename(there)

    assert made == file
    assert count_with_plain_duckdb(file) == 1


def test_one_for_another_place_leaves_the_own_one_alone(history: History, tmp_path: Path) -> None:
    before = (history.root / "catalog.duckdb").stat()

    catalog.build(history.root, to=tmp_path / "other.duckdb")

    assert (history.root / "catalog.duckdb").stat() == before
    assert count_with_plain_duckdb(tmp_path / "other.duckdb") == 1


def test_one_for_a_folder_that_is_missing_is_refused(history: History, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "other.duckdb"

    with pytest.raises(CannotStore, match="no such file or directory"):
        catalog.build(history.root, to=file)


def test_a_new_one_does_not_disturb_those_who_read_the_old_one(history: History) -> None:
    with duckdb.connect(str(history.root / "catalog.duckdb"), read_only=True) as reader:
        for _ in range(3):
            history.take(a_reading({f"apiTokens.at{time.monotonic_ns()}": 1}))
            catalog.build(history.root)
            reader.execute("SELECT * FROM snapshots").fetchall()

        assert reader.execute("SELECT count(*) FROM ledger").fetchall() == [(5,)]
