"""What analysts ask of a whole fleet, of `catalog.duckdb` and of a native DuckDB file.

The same rows, the same SQL, the same process, in turns: our views over Parquet, opened as
anybody opens them, against tables of a `.duckdb` file that hold what the views say.
"""

import math
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from tests.benchmarks.fleet import Fleet, a_fleet
from tests.benchmarks.report import Result, alternating
from tests.benchmarks.sealing import is_sealed, seal_everything, stored_bytes

_TIMES = 9
_ONE: Final = "4c1b6b6e-0000-4000-8000-000000000007"
QUESTIONS: Final = {
    "one statistic of one instance": (
        "SELECT taken_at, value FROM statistic_values "
        f"WHERE instance_id = '{_ONE}' AND statistic = 'activeUsers.last30' ORDER BY taken_at"
    ),
    "latest of all": "SELECT * FROM latest",
    "month over month of one statistic, all instances": (
        "SELECT month, total, total / lag(total) OVER (ORDER BY month) - 1 AS growth FROM ("
        "SELECT date_trunc('month', taken_at) AS month, avg(value) AS total "
        "FROM statistic_values WHERE statistic = 'users' GROUP BY 1) ORDER BY month"
    ),
    "averages of all statistics": (
        "SELECT statistic, avg(value) FROM statistic_values GROUP BY statistic ORDER BY 1"
    ),
}
_TABLES: Final = ("snapshots", "statistic_values")


def run(instances: int = 10_000, days: int = 365) -> list[Result]:
    """Make the fleet where it is missing, seal it, make the native file, and ask both."""
    fleet = a_fleet(instances, days)
    sealing = _seal(fleet)
    native = _native(fleet)
    with (
        duckdb.connect(str(fleet.history / "catalog.duckdb"), read_only=True) as ours,
        duckdb.connect(str(native), read_only=True) as theirs,
    ):
        for question, sql in QUESTIONS.items():
            _require_same_answer(question, _asking(ours, sql)(), _asking(theirs, sql)())
        times = {
            question: alternating(_asking(ours, sql), _asking(theirs, sql), times=_TIMES)
            for question, sql in QUESTIONS.items()
        }
    results = [
        Result(question, mine * 1000, "ms", 2.5, "native .duckdb", other * 1000)
        for question, (mine, other) in times.items()
    ]
    return [*sealing, *results, _mean(results), _bytes(fleet, native)]


def _asking(connection: duckdb.DuckDBPyConnection, sql: str) -> Callable[[], pa.Table]:
    # As Arrow: to make Python objects of ten thousand rows would take longer than the answer.
    return lambda: connection.execute(sql).to_arrow_table()


def _require_same_answer(question: str, ours: pa.Table, theirs: pa.Table) -> None:
    if not ours.num_rows or _comparable(ours) != _comparable(theirs):
        raise AssertionError(f"not the same answer: {question}")


def _comparable(table: pa.Table) -> list[tuple[object, ...]]:
    # Sums of doubles differ in their last digits with the order that threads add them in.
    rows = (row.values() for row in table.to_pylist())
    return sorted(
        (tuple(f"{v:.9g}" if isinstance(v, float) else v for v in row) for row in rows), key=repr
    )


def _native(fleet: Fleet) -> Path:
    """The rows of the views as tables, in the order in which the nights brought them."""
    native = fleet.folder / "native.duckdb"
    if native.exists():
        return native
    draft = native.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with duckdb.connect(str(draft)) as connection:
        connection.execute(f"ATTACH '{fleet.history / 'catalog.duckdb'}' AS catalog (READ_ONLY)")
        for table in _TABLES:
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM catalog.{table}")
        latest = files("warehouse").joinpath("views", "latest.sql").read_text(encoding="utf-8")
        connection.execute(f"CREATE VIEW latest AS {latest}")
    draft.rename(native)
    return native


def _seal(fleet: Fleet) -> list[Result]:
    if is_sealed(fleet.history):
        return []
    began = time.perf_counter()
    seal_everything(fleet.history)
    micros = (time.perf_counter() - began) / fleet.snapshots * 1e6
    return [Result("seal, per record (10 µs are 100,000 records/s)", micros, "µs", 10)]


def _mean(results: list[Result]) -> Result:
    ratios = [result.ratio for result in results if result.ratio]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return Result("geometric mean of these", mean, "×", 0.9)


def _bytes(fleet: Fleet, native: Path) -> Result:
    which, ours = stored_bytes(fleet.history)
    return Result(
        f"stored, {which}", ours / 1e6, "MB", 0.8, "native .duckdb", native.stat().st_size / 1e6
    )
