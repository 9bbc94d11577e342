"""What other people would keep a snapshot with: the same rows, handed to each of them.

Each is set up as its own documentation begins: pyiceberg with a SQLite catalogue, delta-rs in a
folder, dlt loading Parquet into a folder and into a DuckDB file.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

# Read when dlt is imported: nothing here talks to anybody.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")

import dlt
import pyarrow as pa
from deltalake import write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from warehouse.columns import table_of
from warehouse.record import Record, parse
from warehouse.rows import HOT_SCHEMA

Append = Callable[[], object]


def plain(records: Sequence[Record], checkpoint: str) -> pa.Table:
    """The rows of a commit, as a table that all of them take."""
    # pyiceberg wants microseconds, and neither likes a map without a field id.
    fields = [
        pa.field(f.name, pa.timestamp("us") if pa.types.is_timestamp(f.type) else f.type)
        for f in HOT_SCHEMA
    ]
    table = table_of(records, [parse(record.payload) for record in records], checkpoint)
    return table.cast(pa.schema(fields))


def deltalake(folder: Path, table: pa.Table) -> Append:
    """delta-rs, a commit per append."""
    return lambda: write_deltalake(str(folder / "delta"), table, mode="append")


def pyiceberg(folder: Path, table: pa.Table) -> Append:
    """pyiceberg with a SQLite catalogue, a snapshot per append."""
    warehouse = folder / "iceberg"
    warehouse.mkdir()
    catalog = SqlCatalog(
        "bench", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}"
    )
    catalog.create_namespace("tally")
    kept = catalog.create_table("tally.book", schema=table.schema)
    return lambda: kept.append(table)


def dlt_files(folder: Path, table: pa.Table) -> Append:
    """dlt, Parquet files in a folder, a load package per append."""
    target = dlt.destinations.filesystem(bucket_url=f"file://{folder / 'dlt-files'}")
    return _dlt("files", folder, target, table)


def dlt_duckdb(folder: Path, table: pa.Table) -> Append:
    """dlt, a DuckDB file, a load package per append."""
    target = dlt.destinations.duckdb(credentials=str(folder / "dlt.duckdb"))
    return _dlt("duckdb", folder, target, table)


def _dlt(name: str, folder: Path, destination: object, table: pa.Table) -> Append:
    pipeline = dlt.pipeline(
        f"bench_{name}",
        destination=destination,
        dataset_name="tally",
        pipelines_dir=str(folder / f"dlt-pipelines-{name}"),
    )
    rows = _without_maps(table)
    return lambda: pipeline.run(rows, table_name="book", loader_file_format="parquet")


def _without_maps(table: pa.Table) -> pa.Table:
    # dlt has no maps: JSON is what it makes of them elsewhere.
    for at, field in enumerate(table.schema):
        if pa.types.is_map(field.type):
            texts = [None if m is None else json.dumps(dict(m)) for m in table[at].to_pylist()]
            table = table.set_column(at, field.name, pa.array(texts, pa.string()))
    return table
