"""Whether DuckDB reads in a file what was read here: the views are answered by it, not by us.

Two readers need not agree about a file that somebody made on purpose. Its pages have
checksums, what describes them has none: one reader may take a text for bytes, another leave
out rows because of a minimum that is a lie. Here they have to agree, value by value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.layout import as_glob
from warehouse.ledger import Unreadable
from warehouse.relations import text

# DuckDB counts microseconds, and knows no bytes of a fixed length.
_ITS_TYPES: Final = {pa.timestamp("ms"): pa.timestamp("us"), pa.binary(32): pa.binary()}
# By these it leaves out rows without a look at them.
_LIMITS: Final = ("stats_min", "stats_min_value", "stats_max", "stats_max_value")
_SHORTCUTS: Final = (
    *_LIMITS, "stats_null_count", "stats_distinct_count", "bloom_filter_offset",
    "bloom_filter_length",
)  # fmt: skip
_HAS_SHORTCUTS: Final = " OR ".join(f"{column} IS NOT NULL" for column in _SHORTCUTS)


@dataclass(frozen=True)
class Groups:
    """Row groups of a file: the first one, the row it begins with, and how many rows each has.

    `last` says that the file ends with them.
    """

    first: int
    first_row: int
    rows: tuple[int, ...]
    last: bool

    @classmethod
    def of(cls, rows: Sequence[int], numbers: Sequence[int]) -> "Groups":
        """Those with these numbers, which follow one another, of all that have so many `rows`."""
        first = numbers[0] if numbers else 0
        mine = tuple(rows[number] for number in numbers)
        return cls(first, sum(rows[:first]), mine, last=first + len(mine) == len(rows))


def require_agreement(
    path: Path, table: pa.Table, groups: Groups, looked_up: Sequence[str] = ()
) -> None:
    """Raise Unreadable unless DuckDB has the same in a file as we, who have read `table`.

    The table is what these groups hold. Columns that are `looked_up` may have minima and
    maxima, and these have to be true; no others may.
    """
    if reason := _disagreement(path, table, groups, looked_up):
        raise Unreadable(f"cannot read {str(path)!r}: {reason}")


def require_all_rows(
    path: Path, file: pq.ParquetFile, groups: Sequence[int], table: pa.Table
) -> None:
    """Raise Unreadable unless a file has as many rows as it says, in all and in these groups.

    One reader counts the rows of a group by its pages, another believes what the file says.
    """
    said = rows_of(file)
    if sum(said) != file.metadata.num_rows or table.num_rows != sum(said[g] for g in groups):
        reason = f"it says that it has {file.metadata.num_rows} rows, and has others"
        raise Unreadable(f"cannot read {str(path)!r}: {reason}")


def rows_of(file: pq.ParquetFile) -> list[int]:
    """How many rows each row group of a file says it has."""
    return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]


def _disagreement(
    path: Path, table: pa.Table, groups: Groups, looked_up: Sequence[str]
) -> str | None:
    connection, name = _duckdb().cursor(), text(as_glob(path))
    try:
        found = connection.execute(_rows(name, groups)).to_arrow_table()
        # What nobody looks up has no limits in any group: that need not be asked for each.
        asked = bool(looked_up) or groups.first == 0
        limits = connection.execute(_shortcuts(name)).fetchall() if asked else []
    except (duckdb.Error, RuntimeError) as error:
        # It says with the latter what cannot be handed over: a map with a key that is missing.
        return f"DuckDB cannot read it: {error}"
    if lie := next(_lies(limits, table, groups, looked_up), None):
        return lie
    if not found.schema.equals(expected := _its_schema(table.schema)):
        odd = [f"{f.name} as {f.type}" for f in found.schema if f not in [*expected]]
        return f"DuckDB finds {', '.join(odd) or 'other columns'}"
    different = [c for c in table.column_names if not alike(table[c], found[c])]
    return f"DuckDB finds other values in {', '.join(different)}" if different else None


def _its_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(f.name, _ITS_TYPES.get(f.type, f.type)) for f in schema])


def _rows(name: str, groups: Groups) -> str:
    if groups.first == 0 and groups.last:
        return f"FROM read_parquet({name}, hive_partitioning = false)"
    # Of the end it is asked for all that it finds there, be it more than there should be.
    end = "" if groups.last else f"AND file_row_number < {groups.first_row + sum(groups.rows)}"
    return (
        "SELECT * EXCLUDE file_row_number "
        f"FROM read_parquet({name}, hive_partitioning = false, file_row_number = true) "
        f"WHERE file_row_number >= {groups.first_row} {end}"
    )


def _shortcuts(name: str) -> str:
    columns = ", ".join(["row_group_id", "path_in_schema", *_SHORTCUTS])
    return f"SELECT {columns} FROM parquet_metadata({name}) WHERE {_HAS_SHORTCUTS}"


def _lies(
    limits: Sequence[tuple[Any, ...]], table: pa.Table, groups: Groups, looked_up: Sequence[str]
) -> Iterator[str]:
    numbered = range(groups.first, groups.first + len(groups.rows))
    starts = dict(zip(numbered, _starts(groups.rows), strict=True))
    for group, column, *said in limits:
        if column not in looked_up:
            yield "it has statistics, by which DuckDB may leave out rows"
        elif group in starts:
            start = starts[group]
            rows = table[column].slice(start, groups.rows[group - groups.first])
            if not _is_true(said, rows):
                yield f"what it says of the least and the greatest {column} is not true"


def _starts(rows: Sequence[int]) -> list[int]:
    return [sum(rows[:number]) for number in range(len(rows))]


def _is_true(said: Sequence[Any], rows: pa.ChunkedArray) -> bool:
    *limits, nulls, distinct, bloom, bloom_length = said
    found = pc.min_max(rows)
    least, greatest = found["min"].as_py(), found["max"].as_py()
    pairs = zip(limits, (least, least, greatest, greatest), strict=True)
    return (
        all(word is None or _says(word, limit) for word, limit in pairs)
        and nulls in (None, rows.null_count)
        and (distinct, bloom, bloom_length) == (None, None, None)
    )


def _says(word: str, limit: object) -> bool:
    try:
        match limit:
            case datetime():
                return datetime.fromisoformat(word) == limit
            case int():
                return int(word) == limit
            case _:
                return word == limit
    except ValueError:
        # A lie may be of a year that no calendar of Python's has.
        return False


def alike(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    """Whether two columns hold the same, whatever their types are called."""
    if ours.type != theirs.type:
        ours = ours.cast(theirs.type)
    if pa.types.is_floating(ours.type):
        # Arrow takes 0 and -0 for the same; who asks a view sees which it is.
        ours, theirs = _bits(ours), _bits(theirs)
    # What is no number equals nothing, itself included; written down it does.
    return ours.equals(theirs) or repr(ours.to_pylist()) == repr(theirs.to_pylist())


def _bits(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.view(pa.int64()) for chunk in numbers.chunks], pa.int64())


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # Every core has its process already; and each file is to be read as it is now.
    connection.execute("SET threads = 1")
    connection.execute("SET enable_external_file_cache = false")
    return connection
