"""Sealed files, opened: their columns have to be those that their kind has."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.ledger import open_hot, reading
from warehouse.sealed.names import FIXED, statistic_of
from warehouse.sealed.schemas import VALUES_SCHEMA, wide_schema


def open_part(path: Path, kind: str) -> pq.ParquetFile:
    """Open a file of a part, its columns those they have to be. Raises Unreadable."""
    if kind == "ledger":
        return open_hot(path)
    with reading(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        found = file.schema_arrow
        if not found.equals(VALUES_SCHEMA if kind == "values" else _wide_schema_of(found)):
            names = ", ".join(found.names)
            raise ValueError(f"expected the columns of a {kind} file, found {names}")
    return file


def _wide_schema_of(found: pa.Schema) -> pa.Schema:
    return wide_schema(sorted(_statistics(found)))


def _statistics(schema: pa.Schema) -> list[str]:
    return [statistic_of(name) for name in schema.names[len(FIXED) :]]
