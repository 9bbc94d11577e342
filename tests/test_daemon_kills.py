"""A daemon killed at any moment: no slot twice, none that was acknowledged lost, no silent hole."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from etl.journal import STATE_FILE
from etl.run import open_log
from etl.settings import load_settings
from tests.builders import SOME_DEFINITIONS, definitions_json
from tests.command import environment
from tests.histories import History, a_history
from warehouse import catalog
from warehouse.ledger import Ledger
from warehouse.payload import Missed, Snapshot
from warehouse.record import moment, sha256_hex

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
# A thousand take two minutes: TALLYBOOK_KILLS=1000.
KILLS = int(os.environ.get("TALLYBOOK_KILLS", "120"))
SOURCES = ("prod", "staging", "test")
AN_HOUR = timedelta(hours=1)


def test_a_daemon_killed_at_any_moment_keeps_every_slot_once(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", **dict.fromkeys(SOURCES, "postgresql://db/unleash"))
    file = history.folder / "tallybook.toml"
    file.write_text(f'{file.read_text()}\n[daemon]\nschedule = "@hourly"\n')
    content = definitions_json(SOME_DEFINITIONS)
    Ledger(history.warehouse).keep_definitions(content, sha256_hex(content))
    begin = datetime.now(UTC).replace(minute=30) - timedelta(days=3000)
    (history.folder / "time").write_text(begin.isoformat())
    begin_anew(history, begin)
    notes = tmp_path / "notes"

    driver = subprocess.run(
        [sys.executable, "-m", "tests.killed_daemon", history.folder, notes, str(KILLS), "1"],
        cwd=ROOT,
        env=environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    open_log(load_settings(file)).heal()
    catalog.build(history.warehouse)
    assert json.loads(driver.stdout or "{}") == {"killed": KILLS}, driver.stderr
    told = [
        (payload.instance.name, str(payload.due_at))
        for payload in history.payloads()
        if isinstance(payload, Snapshot | Missed)
    ]
    acknowledged = {(line.split()[0], line.split()[1]) for line in notes.read_text().splitlines()}
    assert max(Counter(told).values()) == 1
    assert acknowledged <= set(told)
    for source in SOURCES:
        due = [moment(due_at) for name, due_at in told if name == source]
        assert len(due) > KILLS
        assert all(later - slot == AN_HOUR for slot, later in pairwise(due))
    missed = [p.reason for p in history.payloads() if isinstance(p, Missed)]
    assert len(missed) > 0
    assert set(missed) == {"down: no daemon was running"}
    assert history.verdict() == (0, "intact")


def begin_anew(history: History, at: datetime) -> None:
    """Let the log have begun then, so that its records come in the order of time."""
    for file in Ledger(history.warehouse).layout.record_files():
        file.path.unlink()
    (history.warehouse / "checkpoints.log").unlink()
    (history.state / STATE_FILE).unlink()
    log = open_log(load_settings(history.folder / "tallybook.toml"))
    replace(log, clock=lambda: at).begin()
