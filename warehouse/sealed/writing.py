"""The files of a part as they are written: each kind with its order, groups and encodings.

Only the columns that queries look rows up by have minima and maxima. A reader leaves out
whole row groups by them, so that verification compares every one of them with the rows.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.files import storing
from warehouse.rows import HOT_SCHEMA
from warehouse.sealed.schemas import VALUES_SCHEMA

_MOMENTS: Final = ("taken_at", "recorded_at", "due_at", "db_time")
_DICTIONARY: Final = pa.dictionary(pa.int32(), pa.string())
# As the values are in memory: in the file there is no difference.
_COMPACT_SCHEMA: Final = pa.schema(
    (f.name, _DICTIONARY if pa.types.is_string(f.type) else f.type) for f in VALUES_SCHEMA
)


@dataclass(frozen=True)
class Form:
    """How a kind of file is written: rows in a group, columns with minima and maxima."""

    group_rows: int
    looked_up: tuple[str, ...]


FORMS: Final = {
    "ledger": Form(2048, ("index",)),
    "wide": Form(20_000, ("instance_id", "instance", "taken_at", "recorded_at")),
    "values": Form(1 << 17, ("statistic", "instance_id", "instance", "taken_at")),
}


@contextmanager
def writing_ledger(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Write the records of a part as they were committed: give what takes a group at a time."""
    with storing(path), _writer(path, "ledger", HOT_SCHEMA) as writer:
        yield writer.write_table


def write_wide(path: Path, wide: pa.Table) -> None:
    """Write the rows of snapshots."""
    with storing(path), _writer(path, "wide", wide.schema) as writer:
        writer.write_table(wide, row_group_size=FORMS["wide"].group_rows)


def write_values(path: Path, values: Iterable[pa.Table]) -> None:
    """Write the values, statistic after statistic: a large one begins a group of its own."""
    rows = FORMS["values"].group_rows
    with storing(path), _writer(path, "values", _COMPACT_SCHEMA) as writer:
        for table in _gathered(values, rows):
            writer.write_table(table, row_group_size=rows)


def _writer(path: Path, kind: str, schema: pa.Schema) -> pq.ParquetWriter:
    moments = [name for name in _MOMENTS if name in schema.names and kind != "ledger"]
    options: dict[str, Any] = {}
    if moments:
        # Moments hardly ever repeat; the distance from one to the next takes half the bytes.
        options["column_encoding"] = dict.fromkeys(moments, "DELTA_BINARY_PACKED")
        options["use_dictionary"] = [n for n in schema.names if n not in moments]
    else:
        options["use_dictionary"] = False
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_checksum=True,
        write_statistics=list(FORMS[kind].looked_up),
        store_schema=False,
        **options,
    )


def in_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of tables, as many at a time as a group of a `ledger` has."""
    rows = FORMS["ledger"].group_rows
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        if count >= rows:
            whole = pa.concat_tables(waiting)
            full = count - count % rows
            yield from (whole.slice(at, rows) for at in range(0, full, rows))
            waiting, count = [whole.slice(full)], count - full
    if count:
        yield pa.concat_tables(waiting)


def _gathered(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for table in tables:
        if waiting and sum(t.num_rows for t in waiting) + table.num_rows > rows:
            yield _united(waiting)
            waiting = []
        waiting.append(table)
    if waiting:
        yield _united(waiting)


def _united(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables([t.select(_COMPACT_SCHEMA.names) for t in tables]).unify_dictionaries()
