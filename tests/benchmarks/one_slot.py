"""A fleet in one slot: the daemon against a bare psycopg loop that asks the same of the same.

`run.py one_slot`, not part of `make bench`: a thousand databases take 10 GB and some minutes to
make. FLEET=1000 sources, FLEET_DATABASES=1000 databases that they share; with fewer databases
than sources several sources read the same one.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from apscheduler.schedulers import base
from sqlalchemy import event

from etl.catalogue import UNLEASH
from etl.demo.database import create_fresh_database
from etl.demo.postgres import Server, running_postgres
from etl.init import init, new_sources
from etl.patience import Deadline
from etl.reading import read
from etl.run import Outcome, open_log, read_source
from etl.settings import Settings, SourceSettings, load_settings
from etl.snapshot import NewSchedule
from etl.source import Source
from schedules.daemon.alarm import SlotAlarm
from schedules.daemon.board import Board, SharedBoard
from schedules.daemon.clocks import ClockGuard, Clocks
from schedules.daemon.conductor import Conductor, Doors
from schedules.daemon.keeper import keep
from schedules.daemon.reporting import Reporter
from tests.benchmarks.report import Result
from tests.command import TALLYBOOK, environment
from tests.daemon_world import A_DAY, World
from tests.daemons import ONCE
from warehouse.schedule import Schedule

_SOURCES = int(os.environ.get("FLEET", "1000"))
_DATABASES = int(os.environ.get("FLEET_DATABASES", str(_SOURCES)))
_CONCURRENCY = 8


def run() -> Iterator[Result]:
    """Make the fleet, and let both go over it."""
    yield _scheduler()
    yield from _growth()
    with (
        running_postgres(major=18, settings={"max_connections": "100"}) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        urls = _databases(server)
        settings = _fleet(Path(folder), urls)
        statements = _statements(urls[0])
        bare = _bare_loop(urls, statements)
        ours = _one_slot(settings)
        rival = f"psycopg alone, {_CONCURRENCY} at a time"
        # Half of its throughput is twice its time.
        yield Result(f"a slot of {_SOURCES} sources", ours, "s", 2.0, rival, bare)
        yield _memory(settings)


def _databases(server: Server) -> list[str]:
    create_fresh_database(server.create_database("fleet_template"), datetime.now(UTC))
    made = [server.create_database(f"fleet_{n}", "fleet_template") for n in range(_DATABASES)]
    return [made[n % _DATABASES] for n in range(_SOURCES)]


def _fleet(folder: Path, urls: Sequence[str]) -> Settings:
    named = [f"s{number}={url}" for number, url in enumerate(urls)]
    init(folder / "tally", new_sources(named, []), "example.com/fleet")
    file = folder / "tally" / "tallybook.toml"
    daemon = f'schedule = "{ONCE}"\nconcurrency = {_CONCURRENCY}\nlisten = "off"\n'
    file.write_text(f"{file.read_text()}\n[daemon]\n{daemon}")
    settings = load_settings(file)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    open_log(settings).append([NewSchedule(s, ONCE, "UTC", yesterday) for s in settings.tables])
    return settings


def _statements(url: str) -> list[str]:
    """What a snapshot asks, in order."""
    source, asked = Source(SourceSettings("one", url)), []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(source._engine, "before_cursor_execute", note)  # what is asked
    read(source, UNLEASH)
    return asked


def _bare_loop(urls: Sequence[str], statements: Sequence[str]) -> float:
    def ask(url: str) -> None:
        with psycopg.connect(url, prepare_threshold=None) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for statement in statements:
                cursor = connection.execute(statement.encode())
                if cursor.description:
                    cursor.fetchall()

    began = time.perf_counter()
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        list(pool.map(ask, urls))
    return time.perf_counter() - began


def _one_slot(settings: Settings) -> float:
    """From the moment that the slot is due until all of it is in the history."""
    log = open_log(settings)
    log.heal()
    now = datetime.now(UTC).isoformat()
    board = SharedBoard(Board(pid=1, started=now, beat=now, origin=settings.origin))
    clocks = Clocks()

    def ask(settings: Settings, name: str, deadline: Deadline) -> Outcome:
        return read_source(settings, name, deadline=deadline)

    doors = Doors(SlotAlarm, ask, keep, dict, clocks)
    conductor = Conductor(settings, doors, ClockGuard(clocks), Reporter(board, clocks.wall))
    with log.turn() as memory:
        timetables = memory.timetables
    began = time.perf_counter()
    conductor.begin(timetables)
    while (
        conductor.is_busy
        or conductor.has_unkept
        or any(lane.state != "idle" for lane in conductor.lanes.values())
    ):
        conductor.step(1.0)
    took = time.perf_counter() - began
    conductor.stop()
    found = board.copy()
    kept = sum(one.snapshots for one in found.sources.values())
    assert kept == _SOURCES, (kept, found.failures)  # or the number means nothing
    return took


def _scheduler() -> Result:
    """What APScheduler and our trigger cost, a job."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]

    class FakeDatetime(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # as it is used
            return now[0]

    real, base.datetime = base.datetime, FakeDatetime
    try:
        rung = threading.Semaphore(0)
        alarm = SlotAlarm(lambda _: rung.release())
        for number in range(1000):
            alarm.set(str(number), Schedule("0 2 * * *", "Europe/Berlin"), timedelta())
        alarm.start()
        now[0] += A_DAY
        began = time.perf_counter()
        alarm.wake()
        for _ in range(1000):
            rung.acquire()
        took = time.perf_counter() - began
        alarm.stop()
    finally:
        base.datetime = real
    return Result("the scheduler, a job of 1,000 due at once", took, "ms", 1.0)


def _memory(settings: Settings) -> Result:
    """The daemon's memory once it has nothing to do."""
    process = subprocess.Popen(
        [TALLYBOOK, "--config", settings.path, "daemon"],
        env=environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(20)
        resident = _resident(process.pid)
    finally:
        process.terminate()
        process.wait()
    return Result(f"memory of an idle daemon, {_SOURCES} sources", resident, "MB", 200)


def _growth() -> Iterator[Result]:
    """30 days of 20 sources, an hour at a time: what memory and descriptors do meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        named = [f"s{number}=postgresql://db/unleash" for number in range(20)]
        init(Path(folder) / "tally", new_sources(named, []), "example.com/days")
        file = Path(folder) / "tally" / "tallybook.toml"
        file.write_text(f'{file.read_text()}\n[daemon]\nschedule = "@hourly"\n')
        settings = load_settings(file)
        world = World(settings, now=datetime.now(UTC) - 40 * A_DAY)
        world.keep = lambda found, news: keep(found, news, clock=lambda: world.now)
        world.memory = replace(world.memory, timetables={})
        world.start()
        world.pass_time(5 * A_DAY)
        before, open_before = _resident(os.getpid()), _descriptors()
        world.pass_time(25 * A_DAY)
        grown = _resident(os.getpid()) / before
        more = _descriptors() - open_before
    yield Result("memory after 30 days, of that after 5", grown, "×", 1.05)
    yield Result("file descriptors that 25 days left open", float(more), "", 0)


def _resident(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
