"""The ledger on disk: commits that are whole, in their place, and never changed."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import (
    ORIGIN,
    a_checkpoint,
    a_genesis,
    a_history,
    a_key,
    a_reading,
    a_snapshot,
    signed,
    write_rows,
)
from warehouse.definitions import read_definitions
from warehouse.errors import BrokenHistory, CannotStore, LedgerFailure, NoWarehouse
from warehouse.layout import Layout, as_glob, log_key
from warehouse.ledger import Ledger, Unreadable, read_records, read_rows
from warehouse.record import decode
from warehouse.rows import HOT_SCHEMA, row_of

GENESIS = signed(a_genesis(a_key()))
FIRST = signed(a_snapshot())
BEGUN, GROWN = a_checkpoint(GENESIS), a_checkpoint(GENESIS, FIRST)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "history")
    made.create()
    return made


def test_records_come_back_as_they_were_committed(ledger: Ledger) -> None:
    ledger.commit([GENESIS], BEGUN)
    ledger.commit([FIRST], GROWN)

    assert list(ledger.records()) == [GENESIS, FIRST]


def test_a_commit_is_one_file_named_for_its_place(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS, FIRST], GROWN)

    assert committed == (
        ledger.layout.root / "hot/epoch=000000" / f"{log_key(ORIGIN)}.000000000000.parquet"
    )
    assert read_records(committed) == [GENESIS, FIRST]
    assert list(ledger.layout.drafts.iterdir()) == []


def test_the_same_commit_again_changes_nothing(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    before = committed.stat()

    assert ledger.commit([GENESIS], BEGUN) == committed

    assert (committed.stat().st_ino, committed.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_the_second_writer_of_a_place_loses(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    other = signed(a_genesis(a_key(), nonce="0" * 32))

    with pytest.raises(LedgerFailure) as refusal:
        ledger.commit([other], a_checkpoint(other))

    assert str(refusal.value) == f"'{committed}' already holds other records"
    assert list(ledger.records()) == [GENESIS]


def test_the_end_of_a_log_is_one_more_than_its_newest_index(ledger: Ledger) -> None:
    ledger.commit([GENESIS], BEGUN)
    second = signed(a_snapshot(index=2, seq=1))
    ledger.commit([FIRST, second], a_checkpoint(GENESIS, FIRST, second))

    assert ledger.end_of(ORIGIN) == 3
    assert ledger.end_of("example.com/other") == 0


def test_a_ledger_holds_a_place_where_a_commit_begins(ledger: Ledger) -> None:
    ledger.commit([GENESIS, FIRST], GROWN)

    assert ledger.layout.holds(ORIGIN, 0)
    assert not ledger.layout.holds(ORIGIN, 1)
    assert not ledger.layout.holds("example.com/other", 0)


def test_logs_do_not_meet_in_one_warehouse(ledger: Ledger) -> None:
    other = signed(a_genesis(a_key(2), log="example.com/other"), a_key(2))

    ledger.commit([GENESIS], BEGUN)
    ledger.commit([other], a_checkpoint(other, origin="example.com/other", by=[a_key(2)]))

    assert sorted(r.key_id for r in ledger.records()) == sorted([GENESIS.key_id, other.key_id])


def test_a_row_is_what_its_payload_says(ledger: Ledger) -> None:
    payload = a_snapshot(due_at="2026-11-23T02:00:00.000Z", remarks={"users": "one left out"})
    record = signed(payload)

    (row,) = read_rows(ledger.commit([record], GROWN))

    assert row == row_of(record, decode(record.payload)) | {"checkpoint": GROWN}
    assert {name: str(value) for name, value in row.items() if name.endswith("_at")} == {
        "recorded_at": "2026-11-23 02:00:01",
        "due_at": "2026-11-23 02:00:00",
        "taken_at": "2026-11-23 02:00:00",
    }
    assert row["stats"] == sorted(row["stats"])
    assert dict(row["stats"])["averageFlags"] == 48.5
    assert dict(row["stats"])["SAMLenabled"] == 1.0


def test_a_commit_without_snapshots_has_the_same_columns(ledger: Ledger) -> None:
    schema = pq.read_schema(ledger.commit([GENESIS], BEGUN))

    assert schema.equals(HOT_SCHEMA)


def test_the_newest_record_of_a_commit_carries_its_checkpoint(ledger: Ledger) -> None:
    rows = read_rows(ledger.commit([GENESIS, FIRST], GROWN))

    assert [row["checkpoint"] for row in rows] == [None, GROWN]


def test_checkpoints_are_told_from_where_they_are_asked_for(ledger: Ledger) -> None:
    other = signed(a_genesis(a_key(2), log="example.com/other"), a_key(2))
    ledger.commit([GENESIS], BEGUN)
    ledger.commit([other], a_checkpoint(other, origin="example.com/other", by=[a_key(2)]))
    ledger.commit([FIRST], GROWN)

    assert [list(ledger.checkpoints(ORIGIN, after)) for after in range(4)] == [
        [BEGUN, GROWN],
        [GROWN],
        [],
        [],
    ]


def test_the_same_records_with_another_checkpoint_change_nothing(ledger: Ledger) -> None:
    ledger.commit([GENESIS], BEGUN)

    ledger.commit([GENESIS], a_checkpoint(GENESIS, by=[a_key(), a_key(2)]))

    assert list(ledger.checkpoints(ORIGIN, 0)) == [BEGUN]


def test_an_existing_warehouse_stays_as_it_is(ledger: Ledger) -> None:
    ledger.commit([GENESIS], BEGUN)

    Ledger(ledger.layout.root).create()

    assert list(ledger.records()) == [GENESIS]


def test_drafts_of_records_are_swept(ledger: Ledger) -> None:
    (ledger.layout.drafts / "0123.000000000001.parquet.999").write_bytes(b"half")

    ledger.sweep_drafts()

    assert list(ledger.layout.drafts.iterdir()) == []


def test_other_drafts_are_swept_when_nobody_can_be_at_work_on_them(ledger: Ledger) -> None:
    fresh, old = (ledger.layout.drafts / f".catalog.duckdb.{number}" for number in (1, 2))
    fresh.write_bytes(b"half")
    old.write_bytes(b"half")
    os.utime(old, (0, 0))

    ledger.sweep_drafts()

    assert list(ledger.layout.drafts.iterdir()) == [fresh]


def test_the_folder_of_drafts_is_made_where_a_copy_left_it_out(ledger: Ledger) -> None:
    ledger.layout.drafts.rmdir()

    ledger.sweep_drafts()

    assert list(ledger.layout.drafts.iterdir()) == []


def test_definitions_are_kept_once_under_their_hash(ledger: Ledger) -> None:
    ledger.keep_definitions(b"{}", "44136fa3")
    ledger.keep_definitions(b"other", "44136fa3")

    assert [path.name for path in ledger.layout.definitions.iterdir()] == ["44136fa3.json"]
    assert (ledger.layout.definitions / "44136fa3.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PAR1", id="a mark"),
        pytest.param(b"PAR1" * 100, id="many marks"),
        pytest.param(b"\x00" * 4096, id="a page of zeros"),
    ],
)
def test_a_file_that_is_no_parquet_is_named(ledger: Ledger, content: bytes) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    committed.unlink()
    committed.write_bytes(content)

    with pytest.raises(Unreadable, match=f"^cannot read '{committed}': "):
        list(ledger.records())
    with pytest.raises(Unreadable, match=f"^cannot read '{committed}': "):
        ledger.end_of(ORIGIN)
    with pytest.raises(Unreadable, match=f"^cannot read '{committed}': "):
        list(ledger.checkpoints(ORIGIN, 0))


def test_a_file_with_other_columns_is_unreadable(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    rows = read_rows(committed)
    write_rows(committed, rows, HOT_SCHEMA.remove(0))

    with pytest.raises(Unreadable, match=r"expected columns log string, .+, found index int64, "):
        read_rows(committed)


def test_a_file_without_a_column_of_checkpoints_is_unreadable(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    without = HOT_SCHEMA.remove(HOT_SCHEMA.get_field_index("checkpoint"))
    write_rows(committed, read_rows(committed), without)

    with pytest.raises(Unreadable, match=r"^cannot read .+: expected columns .+"):
        list(ledger.checkpoints(ORIGIN, 0))


def test_a_checkpoint_that_is_no_text_is_unreadable(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    table = pq.read_table(committed)
    odd = pa.StringArray.from_buffers(
        1, pa.py_buffer(bytes(4) + b"\x01\0\0\0"), pa.py_buffer(b"\xff")
    )
    committed.unlink()
    pq.write_table(
        table.set_column(table.num_columns - 1, HOT_SCHEMA.field("checkpoint"), odd), committed
    )

    with pytest.raises(Unreadable, match=r"^cannot read .+: 'utf-8' codec can't decode byte 0xff"):
        list(ledger.checkpoints(ORIGIN, 0))


def test_a_file_with_a_column_of_another_type_is_unreadable(ledger: Ledger) -> None:
    committed = ledger.commit([FIRST], GROWN)
    rows = read_rows(committed)
    write_rows(committed, rows, HOT_SCHEMA.set(6, HOT_SCHEMA.field("index").with_name("seq")))

    with pytest.raises(Unreadable, match="expected columns"):
        read_rows(committed)


def test_a_folder_without_a_history_is_no_warehouse(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse) as refusal:
        Layout(tmp_path).require()

    assert str(refusal.value) == f"no warehouse in '{tmp_path}'"


def test_a_ledger_that_cannot_be_written_says_so(ledger: Ledger) -> None:
    ledger.layout.drafts.rmdir()
    ledger.layout.drafts.write_text("in the way")

    with pytest.raises(CannotStore) as refusal:
        ledger.commit([GENESIS], BEGUN)

    assert str(refusal.value).endswith(": not a directory")
    assert list(ledger.records()) == []


def test_folders_that_are_no_epochs_are_left_alone(ledger: Ledger) -> None:
    committed = ledger.commit([GENESIS], BEGUN)
    backup = ledger.layout.hot / "epoch=000000.bak"
    backup.mkdir()
    (backup / committed.name).write_bytes(committed.read_bytes())

    assert ledger.layout.live_epoch() == 0
    assert [file.path for file in ledger.layout.record_files()] == [committed]


def test_commits_go_to_the_newest_epoch_and_are_read_from_all(ledger: Ledger) -> None:
    ledger.commit([GENESIS], BEGUN)
    ledger.layout.epoch(1).mkdir()

    committed = ledger.commit([FIRST], GROWN)

    assert committed.parent == ledger.layout.epoch(1)
    assert list(ledger.records()) == [GENESIS, FIRST]


def test_files_are_ordered_by_place_and_not_by_when_they_came(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    for _ in range(11):
        history.take(a_reading(), a_reading())

    indexes = [decode(record.payload).index for record in history.ledger.records()]

    assert indexes == list(range(23))


def test_a_path_as_a_pattern_matches_itself_alone(tmp_path: Path) -> None:
    odd = tmp_path / "a[bc]*"
    odd.mkdir()
    (tmp_path / "ab").mkdir()
    pattern = as_glob(odd).removeprefix(f"{as_glob(tmp_path)}/")

    assert list(tmp_path.glob(pattern)) == [odd]


def test_a_definition_that_has_changed_is_found(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    (file,) = history.ledger.layout.definitions.iterdir()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b" ")

    with pytest.raises(BrokenHistory, match="has changed: expected SHA-256"):
        read_definitions(history.ledger.layout.definitions, [file.stem])
