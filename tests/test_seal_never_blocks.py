"""Sealing while others write and read: no append is refused, no read fails, none sees a hole.

A writer appends all the time, a sealer seals all the time and is killed at random, eight
readers open the catalogue with plain DuckDB as anybody does, and one never closes it.
"""

import json
import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import pytest

from etl.log import SigningLog
from tests.builders import SOME_STATS, History, a_history, a_reading
from tests.sealed import commit_files, is_whole, sealed_now
from warehouse import catalog
from warehouse.checks.trust import trust_any
from warehouse.layout import Layout
from warehouse.query import ask
from warehouse.sealed.seal import seal
from warehouse.verify import verify

pytestmark = pytest.mark.slow

# Forks have everything imported already: they are killed at work and not at their start.
FORK = multiprocessing.get_context("fork")
READERS = 8
SECONDS = 18
SIZES = (
    "SELECT count(*), count(DISTINCT index), min(index), max(index) FROM ledger",
    "SELECT count(*) + 1, count(DISTINCT index) + 1, min(index) - 1, max(index) FROM snapshots",
)
VALUES = "SELECT count(*), count(DISTINCT taken_at) FROM statistic_values WHERE statistic = 'users'"


def write(root: Path, log: SigningLog, stop: Event, note: Path) -> None:
    """Append and refresh, as a run does; note how many, or what went wrong."""
    done, failures = 0, []
    while not stop.is_set():
        try:
            stats = {**SOME_STATS, f"apiTokens.kind{done // 40}": done}
            log.append([a_reading(stats)])
            catalog.refresh(root, new_statistics=stats)
            done += 1
        except Exception as failure:
            failures.append(repr(failure))
    note.write_text(json.dumps([done, failures]))


def read(root: Path, stop: Event, note: Path) -> None:
    """Open, ask, close, again and again: what is there has to be the beginning of the log."""
    reads, failures, newest = 0, [], 0
    while not stop.is_set():
        try:
            with duckdb.connect(str(root / "catalog.duckdb"), read_only=True) as connection:
                connection.execute("SET threads = 1")
                newest = look(connection, newest)
            reads += 1
        except Exception as failure:
            failures.append(repr(failure))
        time.sleep(0.1)
    note.write_text(json.dumps([reads, failures]))


def read_without_an_end(root: Path, stop: Event, note: Path) -> None:
    """Open once, and ask until it is over."""
    reads, failures, newest = 0, [], 0
    with duckdb.connect(str(root / "catalog.duckdb"), read_only=True) as connection:
        while not stop.is_set():
            try:
                newest = look(connection, newest)
                reads += 1
            except Exception as failure:
                failures.append(repr(failure))
            time.sleep(0.1)
    note.write_text(json.dumps([reads, failures]))


def look(connection: duckdb.DuckDBPyConnection, newest: int) -> int:
    """Ask for the size of the history in every shape; it is whole, and no smaller than before."""
    for question in SIZES:
        (count, distinct, first, last), *_ = connection.execute(question).fetchall()
        assert (count, distinct, first, last) == (count, count, 0, count - 1), question
        assert count >= newest, f"{question}: {count} after {newest}"
        newest = count
    ((values, _),) = connection.execute(VALUES).fetchall()
    assert values + 1 >= newest, f"{values} values after {newest}"
    return newest


def seal_until_killed(root: Path, grace_seconds: float, note: Path) -> None:
    """Seal again and again, and note each time what it was."""
    with note.open("a") as notes:
        while True:
            done = seal(root, grace_seconds=grace_seconds)
            notes.write(f"{done.records} {done.removed}\n")
            notes.flush()
            time.sleep(0.1)


def seal_and_kill(root: Path, grace_seconds: float, note: Path) -> tuple[int, list[str]]:
    """Let sealers work and kill them at random; say how often, and what they had noted."""
    chance = random.Random(11)  # noqa: S311 - the same moments every time, no secret
    ends, kills = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends:
        sealer = FORK.Process(target=seal_until_killed, args=(root, grace_seconds, note))
        sealer.start()
        sealer.join(chance.uniform(0.4, 5))
        sealer.kill()
        sealer.join()
        assert sealer.exitcode == -signal.SIGKILL
        kills += 1
    return kills, note.read_text().splitlines()


@contextmanager
def running(folder: Path, *jobs: Callable[[Event, Path], None]) -> Iterator[list[Path]]:
    """Run each job in a process of its own; it leaves a note when it is told to stop."""
    stop = FORK.Event()
    notes = [folder / f"note-{number}" for number in range(len(jobs))]
    processes: list[BaseProcess] = [
        FORK.Process(target=job, args=(stop, note)) for job, note in zip(jobs, notes, strict=True)
    ]
    for process in processes:
        process.start()
    try:
        yield notes
    finally:
        stop.set()
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.kill()


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take()
    catalog.build(made.root)
    return made


@pytest.mark.parametrize(("grace_seconds", "holds"), [(3600, True), (4, False)])
def test_nobody_waits_and_nobody_sees_a_hole(
    history: History, tmp_path: Path, grace_seconds: float, holds: bool
) -> None:
    root = history.root
    jobs = [lambda stop, note: write(root, history.log, stop, note)]
    jobs += [lambda stop, note: read(root, stop, note)] * READERS
    jobs += [lambda stop, note: read_without_an_end(root, stop, note)] * holds

    with running(tmp_path, *jobs) as notes:
        kills, sealed = seal_and_kill(root, grace_seconds, tmp_path / "sealed")

    told = [json.loads(note.read_text()) for note in notes]
    written, *reads = [count for count, _ in told]
    assert [failures for _, failures in told] == [[]] * len(told)
    assert kills >= 4
    assert sum(not line.startswith("0 ") for line in sealed) >= 3
    assert any(not line.endswith(" 0") for line in sealed) is not holds
    assert written >= 20
    assert min(reads) >= 3
    (size,) = ask(root, "SELECT count(*), count(DISTINCT index), max(index) + 1 FROM ledger").rows
    assert size == (written + 2,) * 3
    sealed_now(root)
    assert commit_files(root) == []
    assert len(Layout(root).standing().parts) == 1
    report = verify(root, trust_any([history.key]))
    assert is_whole(report)
    assert report.records == written + 2
    assert [*(root / "sealed" / "wide").iterdir()] == Layout(root).part_files("wide")
