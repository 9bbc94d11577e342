"""`tallybook status`: what is newest, what is late, what fails; and no source is asked."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.run import open_log, take_snapshots
from etl.settings import load_settings
from tests.builders import SOME_DEFINITIONS, a_reading, definitions_json
from tests.daemons import AN_HOUR_AGO, ONCE, declare, due_history, running, slots, wait_until
from tests.histories import ORIGIN, History, a_history
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.payload import Instance
from warehouse.record import sha256_hex, timestamp

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

    (late,) = [
        line for line in json.loads(said.out)["findings"] if line["check"] == "newest snapshot"
    ]
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


def test_slots_are_told_with_the_next_and_what_became_of_the_last(tmp_path: Path) -> None:
    history = due_history(tmp_path / "tally", prod=NOWHERE, daemon={"retry_for": 0})

    before = history.run("status")
    with running(history) as daemon:
        wait_until(lambda: slots(history), "the slot", daemon)
        during = history.run("status")
        told = json.loads(history.run("status", "--json").out)
    after = history.run("status")

    hour = f"{AN_HOUR_AGO:%Y-%m-%d %H:%M} UTC"
    assert before.code == 3
    assert (
        "warning  daemon               none is running, and 1 source(s) are scheduled" in before.out
    )
    assert f"; due since {hour}, and nothing is known of it" in before.out
    assert f"ok       daemon               process {daemon.process.pid}, since " in during.out
    assert f"; last {hour}: source unreachable: " in during.out
    assert "ok       gaps                 1 slot(s) without a snapshot in 30 days" in during.out
    assert "none is running" in after.out
    assert told["daemon"]["pid"] == daemon.process.pid
    (source,) = told["sources"]
    assert (source["last_slot"], source["gaps"]) == (timestamp(AN_HOUR_AGO), 1)
    assert (source["schedule"], source["timezone"], source["overdue"]) == (ONCE, "UTC", None)
    assert source["next_run"].startswith(str(AN_HOUR_AGO.year + 1))


def test_a_paused_source_is_told_and_no_alarm(history: History) -> None:
    declare(history, "prod")
    take(history, datetime.now(UTC))
    history.run("pause", "prod")

    said = history.run("status")

    assert "; paused since " in said.out
    assert "due since" not in said.out
