"""Whether the sorted files of a part say what its records say: no row more, less or other.

They follow from the columns of the part's `ledger`, which are compared with what was signed
record by record. Here the rows are made from those once more, and compared a group at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from warehouse.checks.findings import Finding, Place
from warehouse.checks.readers import (
    Groups,
    alike,
    require_agreement,
    require_all_rows,
    rows_of,
)
from warehouse.layout import Layout
from warehouse.ledger import Unreadable, open_hot, reading
from warehouse.sealed.names import FIXED
from warehouse.sealed.parts import Part
from warehouse.sealed.plan import Unfoldable
from warehouse.sealed.reading import open_part
from warehouse.sealed.schemas import VALUES_SCHEMA
from warehouse.sealed.shapes import values_of, wide_of
from warehouse.sealed.writing import FORMS

# A file that is wrong all over is not told row by row.
_MOST_TOLD: Final = 20
_SHOWN: Final = ("index", "taken_at", "statistic", "value")


def check_part(layout: Layout, part: Part) -> list[Finding]:
    """Compare `wide` and `values` of a part with its records. Raises nothing for what they hold."""
    found: list[Finding] = []
    ledger = layout.part(part, "ledger")
    try:
        with reading(ledger):
            wide = wide_of(_records(ledger))
    except (Unreadable, Unfoldable) as error:
        return [_unreadable(ledger, error)]
    for kind, expected in (("wide", iter([wide])), ("values", values_of(wide))):
        path = layout.part(part, kind)
        try:
            found += islice(_differences(path, kind, _Rows(expected), wide.schema), _MOST_TOLD)
        except Unreadable as error:
            found.append(_unreadable(path, error))
    return found


@dataclass
class _Rows:
    """Rows out of one table after the other, as many at a time as somebody asks for."""

    tables: Iterator[pa.Table]
    _rest: pa.Table | None = None

    def take(self, count: int) -> pa.Table | None:
        """The next rows, so many or what there is; None where there are no more."""
        waiting = [self._rest] if self._rest is not None else []
        while sum(table.num_rows for table in waiting) < count:
            if (table := next(self.tables, None)) is None:
                break
            waiting.append(table)
        if not waiting:
            return None
        # As the file has them: in memory texts may be numbers of a dictionary.
        whole = pa.concat_tables([_plain(table) for table in waiting])
        self._rest = whole.slice(count) if whole.num_rows > count else None
        return whole.slice(0, count)


def _records(ledger: Path) -> Iterator[pa.Table]:
    opened = open_hot(ledger)
    for group in range(opened.num_row_groups):
        with reading(ledger):
            yield opened.read_row_group(group, columns=[*FIXED, "type", "stats"])


def _differences(
    path: Path, kind: str, expected: _Rows, wide_schema: pa.Schema
) -> Iterator[Finding]:
    file = open_part(path, kind)
    schema = VALUES_SCHEMA if kind == "values" else wide_schema
    if not file.schema_arrow.equals(schema):
        yield _columns_differ(path, schema, file.schema_arrow)
        return
    for numbers in [[number] for number in range(file.num_row_groups)] or [[]]:
        with reading(path):
            table = file.read_row_groups(numbers)
        require_all_rows(path, file, numbers, table)
        groups = Groups.of(rows_of(file), numbers)
        require_agreement(path, table, groups, FORMS[kind].looked_up)
        wanted = expected.take(table.num_rows) if table.num_rows else schema.empty_table()
        yield from _compared(path, wanted if wanted is not None else schema.empty_table(), table)
    if (lacking := expected.take(1)) is not None and lacking.num_rows:
        yield Finding("ROW_MISMATCH", _place(path, lacking, 0), _told(lacking, 0), "no such row")


def _compared(path: Path, expected: pa.Table, found: pa.Table) -> Iterator[Finding]:
    count = min(expected.num_rows, found.num_rows)
    wanted, given = expected.slice(0, count), found.slice(0, count)
    odd = [name for name in found.column_names if not alike(wanted[name], given[name])]
    for row in range(count) if odd else ():
        for name in odd:
            pair = wanted[name][row].as_py(), given[name][row].as_py()
            if repr(pair[0]) != repr(pair[1]):
                said = (f"{name} {pair[0]!r}", f"{name} {pair[1]!r}")
                yield Finding("ROW_MISMATCH", _place(path, wanted, row), *said)
    if found.num_rows > count:
        yield Finding("ROW_MISMATCH", _place(path, found, count), "no row", _told(found, count))


def _columns_differ(path: Path, expected: pa.Schema, found: pa.Schema) -> Finding:
    lacking = [name for name in expected.names if name not in found.names]
    strange = [name for name in found.names if name not in expected.names]
    said = f"columns {', '.join(lacking) or 'of these records'}"
    place = Place(file=str(path))
    return Finding("ROW_MISMATCH", place, said, ", ".join(strange) or "others, or in another order")


def _place(path: Path, table: pa.Table, row: int) -> Place:
    def told(name: str) -> Any:
        return table[name][row].as_py() if name in table.column_names else None

    return Place(told("log"), told("index"), told("instance"), str(path))


def _told(table: pa.Table, row: int) -> str:
    shown = [name for name in _SHOWN if name in table.column_names]
    return ", ".join(f"{name} {table[name][row].as_py()}" for name in shown)


def _plain(table: pa.Table) -> pa.Table:
    return (
        table.select(VALUES_SCHEMA.names).cast(VALUES_SCHEMA)
        if "value" in table.column_names
        else table
    )


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding("FILE_UNREADABLE", Place(file=str(path)), "a Parquet file", str(error))
