"""The snapshots of a bundle as a table: the columns of the view `snapshots`, out of the payloads.

The one place that says how they follow, for who writes a bundle and for who checks one.
Times are UTC without a zone. The same table gives the same bytes, and whoever checks one
writes it again: two programs may read other rows out of one file that was made for it.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.contract import CHECKSUMMED, Column, ViewInputs, statistic_columns
from warehouse.definitions import Definitions
from warehouse.payload import Snapshot
from warehouse.record import Record, sha256_hex
from warehouse.relations import Files
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
_WRITER: Final = re.compile(r"parquet-cpp-arrow version (2[1-9]|[3-9][0-9])\.[0-9]+\.[0-9]+")

Taken = tuple[Record, Snapshot]


class Difference(NamedTuple):
    """Where a table is not what was signed: in which row, None for the file as a whole."""

    row: int | None
    expected: str
    found: str


def table_of(taken: Sequence[Taken], definitions: Mapping[str, Definitions]) -> pa.Table:
    """One row per snapshot, in their order.

    `definitions` are those that the snapshots name, the newest last. Raises NotCanonical for
    a payload that says what no column can hold.
    """
    names = sorted({name for _, snapshot in taken for name in snapshot.stats})
    columns = statistic_columns(ViewInputs(Files(), tuple(names), dict(definitions)))
    fields = [*_FIELDS, *((c.name, _KINDS.get(c.definition.kind, pa.float64())) for c in columns)]
    rows = [_row(record, snapshot, columns) for record, snapshot in taken]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def parquet_of(table: pa.Table) -> bytes:
    """Write a table as Parquet, in one group of rows and without statistics.

    By statistics readers pass over rows that they have not looked at.
    """
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        store_schema=False,
        write_statistics=False,
        row_group_size=max(1, table.num_rows),
    )
    return sink.getvalue()


def csv_of(table: pa.Table) -> bytes:
    """Write a table as RFC 4180 has it, except for plain line ends; nothing where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_csv_rows(table))
    return out.getvalue().encode()


def parquet_difference(content: bytes, expected: pa.Table) -> Difference | None:
    """Where a Parquet file is not as expected; None where it is."""
    if content == parquet_of(expected):
        return None
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        # Looked at before it is read: a few bytes may stand for very many rows.
        if file.metadata.num_rows != expected.num_rows:
            return Difference(None, f"{expected.num_rows} rows", f"{file.metadata.num_rows} rows")
        if not file.schema_arrow.equals(expected.schema):
            return Difference(None, f"columns {_names(expected.schema)}", _names(file.schema_arrow))
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        return Difference(None, "a Parquet file", str(error))
    return _first_cell(expected, table) or _ambiguity(file.metadata, expected.num_rows)


def csv_difference(content: bytes, expected: pa.Table) -> Difference | None:
    """Where a CSV file is not as expected; None where it is. Line ends may be those of Windows."""
    if content.replace(b"\r\n", b"\n") == csv_of(expected).replace(b"\r\n", b"\n"):
        return None
    header, *rows = _csv_rows(expected)
    try:
        lines = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        return Difference(None, "a CSV file", str(error))
    if lines[:1] != [header]:
        found = _line(lines[0]) if lines else "nothing"
        return Difference(None, f"columns {_line(header)}", found)
    return _first_csv_cell(header, rows, lines[1:])


def _first_csv_cell(header: list[str], rows: list[list[str]], lines: list[list[str]]) -> Difference:
    for number, (signed, row) in enumerate(zip_longest(rows, lines)):
        if signed is None:
            return Difference(None, f"{len(rows)} rows", f"one more: {_line(row)}")
        if row is None or len(row) != len(header):
            return Difference(number, f"the row {_line(signed)}", _line(row) if row else "none")
        for column, value, cell in zip(header, signed, row, strict=True):
            if cell != value:
                return Difference(number, f"{column} {value!r}", repr(cell))
    return Difference(None, "the table as it is written here", "the same cells, written otherwise")


def _first_cell(expected: pa.Table, table: pa.Table) -> Difference | None:
    if table.equals(expected):
        return None
    pairs = zip(expected.to_pylist(), table.to_pylist(), strict=True)
    for number, (signed, found) in enumerate(pairs):
        for column, value in signed.items():
            if found[column] != value:
                return Difference(number, f"{column} {value!r}", repr(found[column]))
    return None


def _ambiguity(metadata: pq.FileMetaData, rows: int) -> Difference | None:
    """Why a file that another release of pyarrow may have written could be read otherwise."""
    if not _WRITER.fullmatch(metadata.created_by or ""):
        # Of other writers pyarrow may keep statistics to itself that other readers use.
        return Difference(None, "a file written by pyarrow, 21 or newer", f"{metadata.created_by}")
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != rows:
        found = " and ".join(str(group.num_rows) for group in groups)
        return Difference(None, f"{rows} rows in its groups", found)
    for group in groups:
        for column in (group.column(place) for place in range(group.num_columns)):
            name = column.path_in_schema
            if column.num_values != group.num_rows:
                expected = f"{group.num_rows} values of {name}"
                return Difference(None, expected, f"{column.num_values}")
            if _is_indexed(column):
                return Difference(None, f"no statistics of {name}", "some, which nobody signed")
    return None


def _is_indexed(column: pq.ColumnChunkMetaData) -> bool:
    said = column.to_dict()
    is_filtered = said.get("bloom_filter_offset") is not None
    is_paged = column.has_column_index or column.has_offset_index
    return column.is_stats_set or is_filtered or is_paged


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


def _line(cells: Sequence[str]) -> str:
    return ",".join(cells)[:200]
