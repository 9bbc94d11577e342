"""One snapshot of a large database, against the real endpoint and against psql.

Everything in one run on one server: the database is filled, a real Unleash 8.2.0 serves
its statistics from it, and the three take turns.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
from sqlalchemy import event

from etl.catalogue import UNLEASH
from etl.demo.postgres import Server, running_postgres
from etl.init import init, new_sources
from etl.reading import read
from etl.settings import SourceSettings
from etl.source import Source
from tests.benchmarks import large_database
from tests.benchmarks.report import Result, alternating, median_seconds
from tests.real_unleash.releases import UNLEASH_8_2_0
from tests.real_unleash.server import ADMIN_TOKENS, UnleashServer, running_server

_TIMES = 11
# Unleash deletes old metrics and idle instances at its start; the benchmark's must stay.
_KEEP_ROWS = """
    CREATE RULE keep AS ON DELETE TO client_metrics_env DO INSTEAD NOTHING;
    CREATE RULE keep AS ON DELETE TO client_metrics_env_variants DO INSTEAD NOTHING;
    CREATE RULE keep AS ON DELETE TO client_instances DO INSTEAD NOTHING;
"""
# A server as people run it: memory for its data, nothing else tuned.
_SERVER = {"shared_buffers": "1GB", "effective_cache_size": "4GB"}


def run(scale: float = 1.0) -> list[Result]:
    """Fill a database, start a real server on it, and let all take turns."""
    with (
        running_postgres(major=16, settings=_SERVER) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        url = server.create_database("unleash")
        log = Path(folder) / "unleash.log"
        with running_server(UNLEASH_8_2_0, url, log):
            pass
        large_database.fill(url, scale)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_KEEP_ROWS)
        with running_server(UNLEASH_8_2_0, url, log) as unleash:
            return _measure(server, url, unleash, Path(folder))


def _measure(server: Server, url: str, unleash: UnleashServer, folder: Path) -> list[Result]:
    endpoint = _endpoint(unleash)
    one, four = _snapshot(url, parallel=1), _snapshot(url, parallel=4)
    # The first answer after a start takes half a minute.
    endpoint()
    ours, theirs = alternating(one, endpoint, times=_TIMES)
    ours_4, theirs_4 = alternating(four, endpoint, times=_TIMES)
    typed = _psql(server, url, folder)
    again, psql = alternating(one, typed, times=_TIMES)
    command, memory = _whole_command(url, folder)
    return [
        Result("snapshot, one connection", ours, "s", 0.45, "endpoint of Unleash 8.2.0", theirs),
        Result(
            "snapshot, four connections", ours_4, "s", 0.35, "endpoint of Unleash 8.2.0", theirs_4
        ),
        Result("snapshot, one connection", again, "s", 1.10, "the same SQL in psql", psql),
        Result("transaction open, one connection", ours, "s", 2.0),
        Result("tallybook snapshot, the whole command", command, "s", 5.0),
        Result("tallybook snapshot, peak memory", memory, "MB", 200),
    ]


def _endpoint(unleash: UnleashServer) -> Callable[[], object]:
    address = f"{unleash.url}/api/admin/instance-admin/statistics"
    headers = {"Authorization": ADMIN_TOKENS[0]}
    # A connection of its own each time: the server closes idle ones after five seconds.
    return lambda: httpx.get(
        address, headers=headers, timeout=120, trust_env=False
    ).raise_for_status()


def _snapshot(url: str, *, parallel: int) -> Callable[[], object]:
    source = Source(SourceSettings(name="bench", url=url, parallel=parallel))
    return lambda: read(source, UNLEASH)


def _psql(server: Server, url: str, folder: Path) -> Callable[[], object]:
    """What one snapshot asks, typed into psql in the same kind of transaction."""
    source = Source(SourceSettings(name="bench", url=url))
    asked: list[str] = []
    event.listen(source._engine, "before_cursor_execute", lambda *args: asked.append(str(args[2])))
    read(source, UNLEASH)
    script = folder / "typed.sql"
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    script.write_text(";\n".join([begin, *asked, "ROLLBACK"]) + ";\n")
    quietly = ["-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1"]
    words: list[str | Path] = [server.psql, *quietly, "-f", script, url]
    return lambda: subprocess.run(words, check=True)


def _whole_command(url: str, folder: Path) -> tuple[float, float]:
    home = folder / "tally"
    init(home, new_sources([f"bench={url}"], []), "bench.example/log")
    command: list[str | Path] = [Path(sys.executable).with_name("tallybook"), "snapshot"]
    seconds = median_seconds(
        lambda: subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL), times=3
    )
    measured = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured, *command],
        cwd=home, check=True, capture_output=True, text=True,
    )  # fmt: skip
    # Linux counts kilobytes, macOS bytes.
    kilobytes = int(done.stdout.split()[-1]) / (1024 if sys.platform == "darwin" else 1)
    return seconds, kilobytes / 1024
