"""Exports beside what the views say.

`AS_VIEWED` is the truth: the rows of a table as plain DuckDB finds them in the catalogue.
`tidy` makes the rows of different tools comparable.
"""

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import pandas as pd

from etl.log import SigningLog
from tests.builders import (
    A_MONDAY,
    DAY,
    ORIGIN,
    SOME_DEFINITIONS,
    SOME_STATS,
    History,
    a_definition,
    a_history,
    a_key,
    a_reading,
)
from warehouse.exports.manifest import MANIFEST, Manifest
from warehouse.ledger import Ledger
from warehouse.payload import Instance

Row = dict[str, Any]

STAGING: Final = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
ODD: Final = Instance("=1+1", '@a,"b"\r\nü\t')
INSTANCE_KEY: Final = "instance || '/' || instance_id AS instance_key"
_VALUES: Final = (
    "SELECT v.*, s.log, s.index FROM statistic_values AS v "
    "JOIN snapshots AS s USING (instance_id, instance, taken_at)"
)
AS_VIEWED: Final = {
    "snapshots": "SELECT * FROM snapshots ORDER BY log, index",
    # The view has no position: here no two snapshots are of one instance and moment.
    "statistic_values": f"{_VALUES} ORDER BY log, index, statistic",
    "facts": f"SELECT {INSTANCE_KEY}, taken_at::DATE AS day, * FROM ({_VALUES}) "
    "ORDER BY log, index, statistic",
    "instances": f"SELECT {INSTANCE_KEY}, * FROM instances ORDER BY 1",
    "statistics": "SELECT * FROM statistics ORDER BY statistic",
    "definitions": "SELECT DISTINCT * EXCLUDE (definitions) FROM definitions ORDER BY definition",
}


def a_motley_history(folder: Path) -> History:
    """Make a history of three instances and two sets of definitions, with odd names in it."""
    made = a_history(folder)
    made.take_days(3)
    made.take(
        a_reading({"users": 2**53 - 1, "averageFlags": "0.1"}, instance=STAGING),
        a_reading({"users": 1, "apiTokens.=x": 3}, instance=ODD, taken_at=A_MONDAY + 400 * DAY),
    )
    new = (*SOME_DEFINITIONS, a_definition("fresh", meaning="A statistic that came later."))
    made.take(
        a_reading(
            {**SOME_STATS, "fresh": 7},
            taken_at=A_MONDAY + 5 * DAY,
            due_at=A_MONDAY,
            definitions=new,
        ),
        definitions=new,
    )
    return made


def reopened(folder: Path) -> History:
    """Open the history that `a_history` made in a folder, in another process."""
    log = SigningLog(
        origin=ORIGIN,
        ledger=Ledger(folder / "history"),
        signer=a_key(),
        state=next(folder.glob("state-*")),
        tool="tallybook/test",
        lock_timeout=5,
    )
    return History(folder / "history", log, a_key())


def take(history: History, day: int) -> None:
    """Append a snapshot of so many days after A_MONDAY."""
    history.take(a_reading(taken_at=A_MONDAY + day * DAY))


def names(folder: Path) -> list[str]:
    """Return what anybody sees in a folder."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def viewed(root: Path, table: str) -> list[Row]:
    """Return a table as plain DuckDB finds it in the catalogue."""
    with duckdb.connect(str(root / "catalog.duckdb"), read_only=True) as connection:
        found = connection.execute(AS_VIEWED[table])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def manifest_of(version: Path) -> Manifest:
    """Read a manifest."""
    return msgspec.json.decode((version / MANIFEST).read_bytes(), type=Manifest)


def flaws(version: Path) -> list[str]:
    """Say what is wrong with a version: nothing, where its manifest verifies."""
    manifest = manifest_of(version)
    named = {file.path for file in manifest.files} | {MANIFEST}
    there = {str(p.relative_to(version)) for p in version.rglob("*") if p.is_file()}
    found = [f"{path} is in one of folder and manifest only" for path in named ^ there]
    for file in manifest.files:
        content = (version / file.path).read_bytes()
        if (len(content), hashlib.sha256(content).hexdigest()) != (file.bytes, file.sha256):
            found.append(f"{file.path} is not what the manifest says")
    return found


def paths(latest: Path, table: str) -> list[Path]:
    """Return the files of a table: those that its folder has, or the one of its name."""
    folder = latest / table
    return sorted(folder.iterdir()) if folder.is_dir() else sorted(latest.glob(f"{table}.*"))


def tidy(rows: Iterable[Row], *, empty_is_nothing: bool = False) -> list[Row]:
    """Make the values of different tools one: nothing, times without a zone, plain numbers."""
    return [{name: _tidy(value, empty_is_nothing) for name, value in row.items()} for row in rows]


def _tidy(value: Any, empty_is_nothing: bool) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return None if value == "" and empty_is_nothing else value


def guarded(rows: Iterable[Row]) -> list[Row]:
    """Write the rows of a view as a CSV file has them: no formulas, nothing for an empty text."""
    return [
        {name: _guarded(value) for name, value in row.items()}
        for row in tidy(rows, empty_is_nothing=True)
    ]


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[0] in "=+-@\t\r" else value
