"""One append, and one batch of a whole fleet: ours beside what people would use instead.

The same rows on the same disk, in turns. Ours journals, chains, signs and flushes all of it; what
the signatures of a batch cost is told apart, because the others have none.
"""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from etl.log import SigningLog
from etl.snapshot import Reading
from tests.benchmarks.fleet import CACHE, a_log, nights
from tests.benchmarks.life import Life
from tests.benchmarks.report import Result, alternating
from tests.benchmarks.rivals import (
    Append,
    deltalake,
    dlt_duckdb,
    dlt_files,
    plain,
    pyiceberg,
)

_RIVALS: Final[dict[str, Callable[..., Append]]] = {
    "dlt, files": dlt_files,
    "dlt, DuckDB": dlt_duckdb,
    "pyiceberg, SQLite": pyiceberg,
    "deltalake": deltalake,
}


def run(instances: int = 10_000) -> list[Result]:
    """One record, then a record of each instance, against each rival in turns."""
    return [*_measure(1, times=15), *_measure(instances, times=3)]


def _measure(rows: int, *, times: int) -> list[Result]:
    CACHE.mkdir(parents=True, exist_ok=True)
    what = "one append" if rows == 1 else f"one batch of {rows:,}, signed"
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        log, night = a_log(Path(name, "ours"))
        calendar = nights(1000)
        lives = [Life(number, calendar[0]) for number in range(rows)]
        log.begin()
        night.now = calendar[0]
        records = log.append([life.day(night.now) for life in lives])
        *_, checkpoint = log.ledger.checkpoints(log.origin, 0)
        table = plain(records, checkpoint)
        following = iter(calendar[1:])
        results = []
        for rival, made in _RIVALS.items():
            # Read beforehand: reading a source is nobody's part of an append.
            days = islice(following, times + 1)
            readings = [[life.day(day) for life in lives] for day in days]
            append = partial(_append_next, log, iter(readings))
            mine, other = alternating(append, made(Path(name), table), times=times, warm=1)
            results.append(Result(what, mine * 1e3, "ms", None, rival, other * 1e3))
    return results


def _append_next(log: SigningLog, readings: Iterator[list[Reading]]) -> None:
    log.append(next(readings))
