"""Writers killed at any moment: nothing acknowledged is lost, nothing partial is ever seen."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etl.run import open_log
from etl.settings import load_settings
from tests.builders import SOME_DEFINITIONS, definitions_json
from tests.command import TALLYBOOK, environment
from tests.histories import ORIGIN, History, a_history
from tests.readers import Reader
from warehouse import catalog
from warehouse.checkpoints import read_checkpoints
from warehouse.ledger import Ledger, read_records
from warehouse.note import parse_checkpoint
from warehouse.query import ask
from warehouse.record import sha256_hex

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "postgresql://me@127.0.0.1/unleash"
KILLS = 210


@contextmanager
def watching(history: History) -> Iterator[list[int]]:
    """Read the warehouse all the time, by files and by SQL; the list has the sizes seen."""
    sizes: list[int] = []
    failures: list[Exception] = []
    enough = threading.Event()

    def watch() -> None:
        seen = 0
        while not enough.is_set():
            try:
                files = Ledger(history.warehouse).layout.record_files()
                assert [file.first_index for file in files] == list(range(len(files)))
                for file in files[seen:]:
                    assert read_records(file.path)
                seen = len(files)
                ((count, last),) = ask(
                    history.warehouse, "SELECT count(*), max(index) FROM ledger"
                ).rows
                # DuckDB lists the folder once, and may miss a name that appears meanwhile.
                assert count <= last + 1
                sizes.append(count)
            except Exception as failure:
                failures.append(failure)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        enough.set()
        watcher.join()
    assert failures == []


def test_writers_killed_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    content = definitions_json(SOME_DEFINITIONS)
    Ledger(history.warehouse).keep_definitions(content, sha256_hex(content))
    notes = tmp_path / "notes"

    with watching(history) as sizes:
        driver = subprocess.run(
            [sys.executable, "-m", "tests.killed_writer", history.folder, notes, str(KILLS), "1"],
            cwd=ROOT,
            env=environment({"PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    log = open_log(load_settings(history.folder / "tallybook.toml"))
    size = log.heal()
    catalog.build(history.warehouse)
    records = list(log.ledger.records())
    told = [line.split()[1] for line in notes.read_text().splitlines() if line[:4] == "kept"]
    told_of = json.loads(driver.stdout)
    assert told_of["killed"] == KILLS, driver.stderr
    assert told_of["inside"] >= 100
    assert set(told) <= {record.sha256 for record in records}
    assert len(told) == len(set(told))
    assert [payload.index for payload in history.payloads()] == list(range(size))
    assert [snapshot.seq for snapshot in history.snapshots()] == list(range(size - 1))
    assert size - 1 <= len(told) + KILLS
    assert sizes == sorted(sizes)
    assert len(sizes) > 5
    heads = list(read_checkpoints(history.warehouse / "checkpoints.log"))
    assert heads == [(note, True) for note in log.ledger.checkpoints(ORIGIN, 0)]
    assert [parse_checkpoint(note).size for note, _ in heads] == list(range(1, size + 1))
    assert history.drafts == []
    assert history.verdict() == (0, "intact")


def test_the_command_killed_at_any_moment_heals_by_itself(reader: Reader, tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    began = time.monotonic()
    whole = history.run("snapshot")
    usual = time.monotonic() - began
    chance = random.Random(7)  # noqa: S311 - the same moments every time, no secret

    codes = []
    with watching(history):
        for attempt in range(12):
            end = (signal.SIGKILL, signal.SIGTERM)[attempt % 2]
            codes.append(killed_after(history, chance.uniform(0.4, 1.1) * usual, end))

    again = history.run("snapshot")
    assert whole.code == 0
    assert {code for code in codes if code} <= {-signal.SIGKILL, -signal.SIGTERM}
    assert sum(code != 0 for code in codes) >= 4
    assert (again.code, again.err) == (0, "")
    snapshots = history.snapshots()
    assert len(snapshots) >= 2 + codes.count(0)
    assert [snapshot.seq for snapshot in snapshots] == list(range(len(snapshots)))
    assert history.verdict() == (0, "intact")


def killed_after(history: History, seconds: float, end: signal.Signals) -> int:
    """Start a snapshot, kill it after so long, and return its exit code."""
    process = subprocess.Popen(
        [TALLYBOOK, "snapshot"],
        cwd=history.folder,
        env=environment({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.send_signal(end)
    return process.wait(30)


def test_a_kill_between_signature_and_commit_is_told_and_healed(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    (genesis,) = (history.warehouse / "hot").rglob("*.parquet")
    signed = history.payloads()
    genesis.unlink()
    unfinished = history.run("verify")

    healed = history.run("doctor")

    assert unfinished.code != 0
    assert "ok       log                  example.com/test, 1 records" in healed.out
    assert history.payloads() == signed
    assert history.verdict() == (0, "intact")


def test_drafts_of_dead_writers_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    drafts = history.warehouse / "_tmp"
    for name in ("0123.000000000001.parquet.77", ".catalog.duckdb.77", ".catalog.duckdb.78"):
        (drafts / name).touch()
    an_hour_ago = time.time() - 3601
    os.utime(drafts / ".catalog.duckdb.77", (an_hour_ago, an_hour_ago))

    open_log(load_settings(history.folder / "tallybook.toml")).heal()

    assert [draft.name for draft in drafts.iterdir()] == [".catalog.duckdb.78"]
