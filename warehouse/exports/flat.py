"""The few types that exported columns have: those that every tool reads as what they are.

Nothing nested, no unsigned or 128-bit numbers, no time zones. Whatever else a view may come
to have is turned into one of these in SQL, before it reaches a file.
"""

import re
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from warehouse.relations import quoted


@dataclass(frozen=True)
class FlatType:
    """A type by its names: in SQL, Arrow and Parquet, a data package, and as Excel shows it."""

    sql: str
    arrow: pa.DataType
    package: str
    excel: str


TEXT: Final = FlatType("VARCHAR", pa.string(), "string", "General")
WHOLE: Final = FlatType("BIGINT", pa.int64(), "integer", "#,##0")
NUMBER: Final = FlatType("DOUBLE", pa.float64(), "number", "General")
SWITCH: Final = FlatType("BOOLEAN", pa.bool_(), "boolean", "General")
DAY: Final = FlatType("DATE", pa.date32(), "date", "yyyy-mm-dd")
MOMENT: Final = FlatType("TIMESTAMP", pa.timestamp("us"), "datetime", "yyyy-mm-dd hh:mm:ss")

_PLAIN: Final = {kind.sql: kind for kind in (TEXT, WHOLE, NUMBER, SWITCH, DAY, MOMENT)}
_CAST: Final = (
    (re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"), WHOLE),
    (re.compile(r"FLOAT|DECIMAL\(.*\)"), NUMBER),
    (re.compile(r"TIMESTAMP.*"), MOMENT),
    (re.compile(r"UUID|TIME|INTERVAL|JSON|ENUM\((?!.*\]$).*\)"), TEXT),
)


def flattened(column: str, duckdb_type: str) -> tuple[FlatType, str]:
    """Return the type that a column gets, and the SQL that makes it so."""
    name = quoted(column)
    if kind := _PLAIN.get(duckdb_type):
        return kind, name
    for pattern, kind in _CAST:
        if pattern.fullmatch(duckdb_type):
            return kind, f"CAST({name} AS {kind.sql}) AS {name}"
    if duckdb_type == "BLOB":
        return TEXT, f"lower(hex({name})) AS {name}"
    return TEXT, f"CAST(to_json({name}) AS VARCHAR) AS {name}"
