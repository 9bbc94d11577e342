"""The columns of sorted files: those that records have, and one for each statistic."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from warehouse.rows import HOT_SCHEMA
from warehouse.sealed.names import BESIDE, FIXED, column_of

VALUES_SCHEMA: Final = pa.schema(
    [
        pa.field("statistic", pa.string()),
        *(HOT_SCHEMA.field(name).with_nullable(True) for name in BESIDE),
        pa.field("value", pa.float64()),
    ]
)


def wide_schema(statistics: Iterable[str]) -> pa.Schema:
    """The columns of a `wide` file with these statistics."""
    fixed = [HOT_SCHEMA.field(name).with_nullable(True) for name in FIXED]
    return pa.schema([*fixed, *(pa.field(column_of(name), pa.float64()) for name in statistics)])
