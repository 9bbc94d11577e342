"""What somebody could do to the table in a bundle, for one reader of Parquet or for all."""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.proofs.tables import parquet_of

Members = dict[str, bytes]
Forgery = Callable[[Members], object]


def in_table(change: Callable[[pa.Table], pa.Table]) -> Forgery:
    def forge(members: Members) -> None:
        members["data.parquet"] = parquet_of(
            change(pq.read_table(io.BytesIO(members["data.parquet"])))
        )

    return forge


def with_statistics(members: Members) -> None:
    """The same table with its smallest and largest values: true here, and believed unread."""
    out = io.BytesIO()
    table = pq.read_table(io.BytesIO(members["data.parquet"]))
    pq.write_table(table, out, compression="zstd", store_schema=False)
    members["data.parquet"] = out.getvalue()


def with_statistics_of_old(members: Members) -> None:
    """By a writer of whom pyarrow believes no statistics, and others do."""
    with_statistics(members)
    writer = pq.ParquetFile(io.BytesIO(members["data.parquet"])).metadata.created_by.encode()
    other = b"parquet-mr version 1.7.0".ljust(len(writer))
    members["data.parquet"] = members["data.parquet"].replace(writer, other)


def a_hidden_row(members: Members) -> None:
    """Let the group of rows have one more than the file says: the sixth is for DuckDB alone."""
    content = members["data.parquet"]
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    # Thrift's compact form writes 5 as 0x0a, 6 as 0x0c; the group's count comes last.
    place = content.rindex(b"\x16\x0a", footer)
    members["data.parquet"] = content[:place] + b"\x16\x0c" + content[place + 2 :]


def another_cell(table: pa.Table) -> pa.Table:
    rows = table.to_pylist()
    rows[1]["users"] = 900
    return pa.Table.from_pylist(rows, schema=table.schema)


def another_type(table: pa.Table) -> pa.Table:
    place = table.column_names.index("users")
    return table.set_column(place, "users", table["users"].cast(pa.float64()))


def a_null_for_a_zero(table: pa.Table) -> pa.Table:
    rows = table.to_pylist()
    rows[1]["users"] = None
    return pa.Table.from_pylist(rows, schema=table.schema)
