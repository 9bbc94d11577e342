"""What somebody may lay into a history's folder, and what it must not be able to do there."""

import os
import shutil
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import (
    A_MONDAY,
    History,
    a_definition,
    a_history,
    a_reading,
    definitions_json,
)
from warehouse import catalog
from warehouse.errors import CannotStore
from warehouse.query import ask
from warehouse.record import sha256_hex


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(2)
    catalog.refresh(made.root)
    return made


def names(history: History) -> set[str]:
    return set(history.verify().counts)


def test_a_large_file_without_rows_is_still_looked_at(history: History) -> None:
    schema = pa.schema([("stats", pa.map_(pa.string(), pa.bool_())), ("taken_at", pa.date32())])
    file = history.files()[0].with_name(f"{'0' * 16}.{'0' * 12}.parquet")
    padded = schema.with_metadata({"padding": os.urandom(5 << 20).hex()})
    pq.write_table(schema.empty_table().cast(padded), file)

    found = names(history)

    assert file.stat().st_size > 4 << 20
    assert "FILE_UNREADABLE" in found


def test_a_catalogue_with_a_log_of_writes_beside_it_is_no_catalogue(history: History) -> None:
    (history.root / "catalog.duckdb.wal").write_bytes(b"anything")

    assert names(history) == {"CATALOG_MISMATCH"}


def test_a_catalogue_of_other_views_is_found(history: History) -> None:
    forge(history, "CREATE VIEW snapshots AS SELECT 'prod' AS instance, 7 AS users")

    assert names(history) == {"CATALOG_MISMATCH"}


def test_a_catalogue_that_says_it_is_of_another_release_is_not_passed_over(
    history: History,
) -> None:
    forge(history, "CREATE VIEW snapshots AS SELECT 'prod' AS instance, 7 AS users")
    stamp = history.ledger.layout.catalog_stamp
    label = msgspec.json.decode(stamp.read_bytes())
    stamp.write_bytes(msgspec.json.encode({**label, "contract": "0" * 64}))

    report = history.verify()

    assert (report.status, report.stale_catalogue) == ("incomplete", True)
    assert ask(history.root, "SELECT users FROM snapshots ORDER BY 1").rows == [(120,), (121,)]


def forge(history: History, view: str) -> None:
    path = history.ledger.layout.catalog
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute(view)


def test_a_catalogue_that_leaves_out_a_statistic_is_not_taken_for_whole(history: History) -> None:
    history.take(a_reading({"users": 1, "apiTokens.Admin": 77}, taken_at=A_MONDAY))

    report = history.verify()

    assert (report.status, report.findings) == ("incomplete", [])
    assert report.stale_catalogue


def test_a_definition_that_no_record_names_means_nothing(history: History) -> None:
    content = definitions_json([a_definition("users", kind="switch", meaning="Paying customers.")])
    layout = history.ledger.layout
    (layout.definitions / f"{sha256_hex(content)}.json").write_bytes(content)

    catalog.build(history.root)

    (row,) = ask(history.root, "SELECT meaning FROM statistics WHERE statistic = 'users'").rows
    assert row == ("What users means.",)
    assert names(history) == set()


def test_no_clock_says_which_definition_is_newer(history: History) -> None:
    newer = [a_definition("users", meaning="The newer meaning.")]
    history.take(a_reading({"users": 5}, definitions=newer), definitions=newer)
    catalog.build(history.root)
    for age, file in enumerate(sorted(history.ledger.layout.definitions.iterdir())):
        os.utime(file, (age, age))

    catalog.build(history.root)

    (row,) = ask(history.root, "SELECT meaning FROM statistics WHERE statistic = 'users'").rows
    assert row == ("The newer meaning.",)
    assert names(history) == set()


def test_a_copy_in_another_place_is_as_intact_as_the_first(
    history: History, tmp_path: Path
) -> None:
    there = shutil.copytree(history.root, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    copy = History(there, history.log, history.signer)

    report = copy.verify()

    assert (report.status, report.findings) == ("intact", [])
    assert report.catalogue_of == str(history.root)


def test_drafts_behind_a_link_are_not_swept(history: History, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "old.parquet.1").write_text("mine")
    shutil.rmtree(history.root / "_tmp")
    (history.root / "_tmp").symlink_to(victim)

    with pytest.raises(CannotStore, match="it is a link to somewhere else"):
        history.take()

    assert (victim / "old.parquet.1").read_text() == "mine"


def test_checkpoints_are_not_written_to_where_a_link_leads(
    history: History, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    history.ledger.layout.checkpoints.unlink()
    history.ledger.layout.checkpoints.symlink_to(victim)

    with pytest.raises(CannotStore, match="symbolic links"):
        history.take()

    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", ["checkpoints.log", "catalog.json", "definitions/x.json"])
def test_a_pipe_in_the_folder_stops_nobody(history: History, name: str) -> None:
    (history.root / name).unlink(missing_ok=True)
    os.mkfifo(history.root / name)

    status = history.verify().status

    assert status in {"intact", "incomplete", "tampered"}


def test_a_deeply_nested_file_is_found_and_no_crash(history: History) -> None:
    content = b"[" * 200_000
    (history.ledger.layout.definitions / f"{sha256_hex(content)}.json").write_bytes(content)
    history.ledger.layout.catalog_stamp.write_bytes(content)

    assert "DEFINITIONS_MISMATCH" in names(history)


def test_a_writer_that_comes_by_meanwhile_is_no_offence(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = type(history.ledger.layout)
    listed = layout.record_files

    def and_then_somebody_writes(self: object) -> object:
        files = listed(history.ledger.layout)
        if len(files) == 3:
            monkeypatch.setattr(layout, "record_files", listed)
            history.take()
        return files

    monkeypatch.setattr(layout, "record_files", and_then_somebody_writes)

    report = history.verify()

    assert report.status in {"intact", "incomplete"}
    assert set(report.counts) <= {"UNANCHORED"}
