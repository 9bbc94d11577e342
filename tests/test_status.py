"""`tallybook status`: what is newest, what is late, what fails; and no source is asked."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.run import open_log, take_snapshots
from etl.settings import load_settings
from tests.builders import SOME_DEFINITIONS, a_reading, definitions_json
from tests.histories import ORIGIN, History, a_history
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.payload import Instance
from warehouse.record import sha256_hex

pytestmark = pytest.mark.slow

NOWHERE = "postgresql://me@127.0.0.1:1/unleash"


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path / "tally", prod=NOWHERE)
    content = definitions_json(SOME_DEFINITIONS)
    Ledger(made.warehouse).keep_definitions(content, sha256_hex(content))
    return made


def take(history: History, taken_at: datetime) -> None:
    log = open_log(load_settings(history.folder / "tallybook.toml"))
    log.append([a_reading(instance=Instance("id", "prod"), taken_at=taken_at)])


def test_a_source_without_a_snapshot_is_told(history: History) -> None:
    said = history.run("status")

    assert said.code == 3
    assert "warning  newest snapshot      none yet" in said.out


def test_a_history_that_stands_well_ends_with_0(history: History) -> None:
    take(history, datetime.now(UTC) - timedelta(hours=3))

    said = history.run("status")

    assert (said.code, said.err) == (0, "")
    assert f"ok       log                  {ORIGIN}, 2 records" in said.out
    assert "ok       newest snapshot      3 h ago" in said.out


def test_a_late_snapshot_is_a_warning_with_what_to_do(history: History) -> None:
    take(history, datetime.now(UTC) - timedelta(days=3))

    said = history.run("status", "--json")

    (late,) = [line for line in json.loads(said.out) if line["check"] == "newest snapshot"]
    assert (said.code, late["level"]) == (3, "warning")
    assert late["do"] == "Find out what keeps them: tallybook doctor"


def test_records_that_are_not_stored_yet_are_told(history: History) -> None:
    take(history, datetime.now(UTC))
    (newest,) = Layout(history.warehouse).record_files()[1:]
    newest.path.unlink()

    said = history.run("status")

    assert said.code == 3
    assert f"{ORIGIN}, 1 records; 1 more are signed and not stored yet" in said.out
    assert read_journal(history.state / STATE_FILE).memory.size == 2


def test_a_signer_that_forgot_is_told_as_the_doctor_does(history: History) -> None:
    journal = history.state / STATE_FILE
    older = journal.read_bytes()
    take(history, datetime.now(UTC))
    journal.write_bytes(older)

    said = history.run("status")

    assert said.code == 3
    assert (
        f"failure  log                  {ORIGIN}, 2 records, but the signer remembers 1" in said.out
    )


def test_an_anchor_that_fails_is_told_until_it_takes_a_checkpoint(
    history: History, tmp_path: Path
) -> None:
    file = history.folder / "tallybook.toml"
    file.write_text(
        f'{file.read_text()}\n[anchor.away]\nkind = "file"\nfolder = "{tmp_path}/away"\n'
    )
    take(history, datetime.now(UTC))
    take_snapshots(load_settings(file), [])
    failing = history.run("status")
    (tmp_path / "away").mkdir()

    take_snapshots(load_settings(file), [])

    healed = history.run("status")
    assert failing.code == 3
    assert "warning  anchor away          none kept yet; failing since" in failing.out
    assert healed.code == 0
    assert "ok       anchor away          file, 2 records" in healed.out
