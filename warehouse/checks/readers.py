"""Whether DuckDB reads in a file what was read here: the views are answered by it, not by us.

Two readers need not agree about a file that somebody made on purpose. Its pages have
checksums, what describes them has none: one reader may take a text for bytes, another leave
out rows because of a minimum that is a lie. Here they have to agree, value by value.
"""

from functools import cache
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from warehouse.contract import text
from warehouse.layout import as_glob
from warehouse.ledger import Unreadable
from warehouse.rows import HOT_SCHEMA

# DuckDB counts microseconds, and knows no bytes of a fixed length.
_ITS_TYPES: Final = {pa.timestamp("ms"): pa.timestamp("us"), pa.binary(32): pa.binary()}
_ITS_SCHEMA: Final = pa.schema([(f.name, _ITS_TYPES.get(f.type, f.type)) for f in HOT_SCHEMA])
# By these it leaves out rows without a look at them. The writer makes none.
_SHORTCUTS: Final = (
    "stats_min", "stats_max", "stats_min_value", "stats_max_value", "stats_null_count",
    "stats_distinct_count", "bloom_filter_offset", "bloom_filter_length",
)  # fmt: skip
_HAS_SHORTCUTS: Final = " OR ".join(f"{column} IS NOT NULL" for column in _SHORTCUTS)


def require_agreement(path: Path, table: pa.Table, first_row: int | None) -> None:
    """Raise Unreadable unless DuckDB has the same in a file as we, who have read `table`.

    Its rows are those of the whole file, or where there is a `first_row` some from there on.
    """
    if reason := _disagreement(path, table, first_row):
        raise Unreadable(f"cannot read {str(path)!r}: {reason}")


def _disagreement(path: Path, table: pa.Table, first_row: int | None) -> str | None:
    connection, name = _duckdb().cursor(), text(as_glob(path))
    try:
        found = connection.execute(_rows(name, first_row, table.num_rows)).to_arrow_table()
        shortcuts = connection.execute(
            f"SELECT count(*) FROM parquet_metadata({name}) WHERE {_HAS_SHORTCUTS}"
        ).fetchall()
    except (duckdb.Error, RuntimeError) as error:
        # It says with the latter what cannot be handed over: a map with a key that is missing.
        return f"DuckDB cannot read it: {error}"
    if shortcuts != [(0,)]:
        return "it has statistics, by which DuckDB may leave out rows"
    if not found.schema.equals(_ITS_SCHEMA):
        odd = [f"{f.name} as {f.type}" for f in found.schema if f not in [*_ITS_SCHEMA]]
        return f"DuckDB finds {', '.join(odd) or 'other columns'}"
    different = [c for c in HOT_SCHEMA.names if not _alike(table[c], found[c])]
    return f"DuckDB finds other values in {', '.join(different)}" if different else None


def _rows(name: str, first: int | None, count: int) -> str:
    if first is None:
        return f"FROM read_parquet({name}, hive_partitioning = false)"
    return (
        "SELECT * EXCLUDE file_row_number "
        f"FROM read_parquet({name}, hive_partitioning = false, file_row_number = true) "
        f"WHERE file_row_number >= {first} AND file_row_number < {first + count}"
    )


def _alike(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    if ours.type in _ITS_TYPES:
        ours = ours.cast(theirs.type)
    # What is no number equals nothing, itself included; written down it does.
    return ours.equals(theirs) or repr(ours.to_pylist()) == repr(theirs.to_pylist())


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # Every core has its process already; and each file is to be read as it is now.
    connection.execute("SET threads = 1")
    connection.execute("SET enable_external_file_cache = false")
    return connection
