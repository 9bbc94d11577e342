"""Ten years of one instance, a commit each night: what a trend takes, inside and as a command."""

import shutil
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import duckdb

from tests.benchmarks.fleet import CACHE, a_log, nights
from tests.benchmarks.life import Life
from tests.benchmarks.report import Result, median_seconds
from tests.benchmarks.sealing import is_sealed, seal_everything
from warehouse import catalog

_COMMAND: Final = Path(sys.executable).with_name("tallybook")
_STATISTICS: Final = ("users", "activeUsers.last30", "productionChanges.last30", "maxConstraints")
_TREND: Final = (
    "SELECT instance, statistic, taken_at, value FROM statistic_values "
    "WHERE statistic = ? ORDER BY instance, statistic, taken_at"
)
_TIMES = 9


def run(days: int = 3_652) -> list[Result]:
    """Make the ten years where they are missing, seal them, and ask for trends."""
    history = a_decade(days)
    if not is_sealed(history):
        seal_everything(history)
    with duckdb.connect(str(history / "catalog.duckdb"), read_only=True) as connection:
        asking = [partial(_points, connection, name, days) for name in _STATISTICS]
        inside = max(median_seconds(ask, times=_TIMES) for ask in asking)
    commands = [partial(_command, history, name) for name in _STATISTICS]
    command = max(median_seconds(ask, times=_TIMES) for ask in commands)
    named = f"{days:,} nights of one instance"
    return [
        Result(f"trend, {named}, inside DuckDB, the slowest", inside * 1000, "ms", 60),
        Result(f"tallybook trend, {named}, the slowest", command, "s", 0.6),
    ]


def a_decade(days: int, cache: Path = CACHE) -> Path:
    """The history of one instance over so many nights, made unless it is there already."""
    folder = cache / f"decade-{days}"
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        calendar = nights(days)
        life = Life(7, calendar[0])
        log, night = a_log(folder)
        night.now = calendar[0] - timedelta(days=1)
        log.begin()
        for night.now in calendar:
            log.append([life.day(night.now)])
        catalog.build(folder / "history")
        done.touch()
    return folder / "history"


def _points(connection: duckdb.DuckDBPyConnection, statistic: str, expected: int) -> None:
    found = connection.execute(_TREND, [statistic]).to_arrow_table()
    if found.num_rows != expected:
        raise AssertionError(f"expected {expected} points of {statistic}, found {found.num_rows}")


def _command(history: Path, statistic: str) -> None:
    words: list[str | Path] = [_COMMAND, "trend", statistic, "--warehouse", history]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=history.parent)
