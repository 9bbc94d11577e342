"""The snapshots of a bundle as a table: the columns of the view `snapshots`, out of the payloads.

The one place that says how they follow, for who writes a bundle and for who checks one.
Times are UTC without a zone.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.contract import CHECKSUMMED, Column, ViewInputs, statistic_columns
from warehouse.definitions import Definitions
from warehouse.payload import Snapshot
from warehouse.record import Record, sha256_hex
from warehouse.rows import Row, row_of

_MOMENT: Final = pa.timestamp("us")
_FIELDS: Final = (
    ("instance_id", pa.string()),
    ("instance", pa.string()),
    ("taken_at", _MOMENT),
    ("due_at", _MOMENT),
    ("provenance", pa.string()),
    ("version_oss", pa.string()),
    ("version_enterprise", pa.string()),
    ("schema", pa.string()),
    ("db_time", _MOMENT),
    ("recorded_at", _MOMENT),
    ("log", pa.string()),
    ("index", pa.int64()),
    ("definitions", pa.string()),
    ("sum", pa.string()),
)
_KINDS: Final = {
    "count": pa.int64(),
    "bytes": pa.int64(),
    "ratio": pa.float64(),
    "switch": pa.bool_(),
}
_LARGEST: Final = 1 << 63

Taken = tuple[Record, Snapshot]


class Difference(NamedTuple):
    """A cell that is not what was signed: which row, which column."""

    row: int
    column: str
    expected: str
    found: str


def table_of(taken: Sequence[Taken], definitions: Mapping[str, Definitions]) -> pa.Table:
    """One row per snapshot, in their order.

    `definitions` are those that the snapshots name, the newest last. Raises NotCanonical for
    a payload that says what no column can hold.
    """
    names = sorted({name for _, snapshot in taken for name in snapshot.stats})
    columns = statistic_columns(ViewInputs("", tuple(names), dict(definitions)))
    fields = [*_FIELDS, *((c.name, _KINDS.get(c.definition.kind, pa.float64())) for c in columns)]
    rows = [_row(record, snapshot, columns) for record, snapshot in taken]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def parquet_of(table: pa.Table) -> bytes:
    """Write a table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue()


def csv_of(table: pa.Table) -> bytes:
    """Write a table as RFC 4180 has it, except for plain line ends; nothing where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_csv_rows(table))
    return out.getvalue().encode()


def parquet_difference(content: bytes, expected: pa.Table) -> Difference | None:
    """The first cell of a Parquet file that is not as expected; None if there is none."""
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        # Looked at before it is read: a few bytes may stand for very many rows.
        if file.metadata.num_rows != expected.num_rows:
            rows = f"{expected.num_rows} rows", f"{file.metadata.num_rows} rows"
            return Difference(0, "rows", *rows)
        if not file.schema_arrow.equals(expected.schema):
            return Difference(0, "columns", _names(expected.schema), _names(file.schema_arrow))
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        return Difference(0, "file", "a Parquet file", str(error))
    if table.equals(expected):
        return None
    pairs = zip(expected.to_pylist(), table.to_pylist(), strict=True)
    for number, (signed, found) in enumerate(pairs):
        for column, value in signed.items():
            if found[column] != value:
                return Difference(number, column, repr(value), repr(found[column]))
    return None


def csv_difference(content: bytes, expected: pa.Table) -> Difference | None:
    """The first cell of a CSV file that is not as expected; None if there is none."""
    if content == csv_of(expected):
        return None
    header, *rows = _csv_rows(expected)
    try:
        lines = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        return Difference(0, "file", "a CSV file", str(error))
    if lines[:1] != [header]:
        found = ",".join(lines[0]) if lines else "nothing"
        return Difference(0, "columns", ",".join(header), found)
    for number, (signed, row) in enumerate(zip_longest(rows, lines[1:])):
        if signed is None or row is None or len(row) != len(header):
            return Difference(number, "row", _line(signed), _line(row))
        for column, value, cell in zip(header, signed, row, strict=True):
            if cell != value:
                return Difference(number, column, repr(value), repr(cell))
    # The same cells, otherwise quoted or ended: every reader takes them for the same.
    return None


def _row(record: Record, snapshot: Snapshot, columns: Sequence[Column]) -> Row:
    row = row_of(record, snapshot)
    numbers = dict(row["stats"])
    row["sum"] = _checksum(snapshot.instance.id, numbers)
    fixed = {name: row[name] for name, _ in _FIELDS}
    return fixed | {c.name: _cast(numbers.get(c.statistic), c.definition.kind) for c in columns}


def _checksum(instance_id: str, numbers: Mapping[str, float]) -> str | None:
    counts = [_cast(numbers.get(name), "count") for name in CHECKSUMMED]
    return (
        None if None in counts else sha256_hex("".join([instance_id, *map(str, counts)]).encode())
    )


def _cast(value: float | None, kind: str) -> int | float | bool | None:
    # As the view's try_cast does: what does not fit is no value.
    if value is None or kind not in _KINDS or kind == "ratio":
        return value
    if kind == "switch":
        return bool(value)
    whole = round(value) if math.isfinite(value) else _LARGEST
    return whole if -_LARGEST <= whole < _LARGEST else None


def _csv_rows(table: pa.Table) -> Iterator[list[str]]:
    yield table.column_names
    for row in table.to_pylist():
        yield [_text(value) for value in row.values()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        return str(value)
    return f"{value.isoformat(timespec='milliseconds')}Z"


def _names(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _line(cells: list[str] | None) -> str:
    return "no row" if cells is None else ",".join(cells)[:200]
