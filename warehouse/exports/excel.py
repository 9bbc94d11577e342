"""An export as one Excel workbook: a sheet per table, and one that explains the columns.

Real dates and numbers, a header that stays, filters, widths that fit. Text is written as text:
nothing in a history can become a formula or a link. Excel keeps 15 digits of a number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from warehouse.errors import BadInput, CannotStore
from warehouse.exports.flat import DAY, MOMENT, WHOLE
from warehouse.exports.tables import Column, Table
from warehouse.files import storing

MOST_ROWS: Final = 1_048_576
MOST_COLUMNS: Final = 16_384
_LONGEST_TEXT: Final = 32_767
_WIDEST: Final = 60
_LEAST: Final = {MOMENT: 19, DAY: 11, WHOLE: 9}
_ARROW: Final = 3  # characters that the button of the filter covers
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
    "use_zip64": True,
}
_EXPLAINED: Final = ("table", "column", "type", "description")

Sheet = tuple[Table, Iterable[pa.RecordBatch]]


def require_room(rows: Mapping[str, int], tables: Sequence[Table]) -> None:
    """Raise BadInput unless every table fits a sheet."""
    for table in tables:
        if rows[table.name] >= MOST_ROWS:
            raise BadInput(
                f"{rows[table.name]:,} rows of {table.name} do not fit: "
                f"an Excel sheet has {MOST_ROWS:,}, one of them for the header",
                hint="Take --format parquet or csv, or less of it: --since, --instance, "
                "--shape wide",
            )
        if len(table.columns) > MOST_COLUMNS:
            raise BadInput(
                f"{len(table.columns):,} columns of {table.name} do not fit: "
                f"an Excel sheet has {MOST_COLUMNS:,}",
                hint="Take --shape long, or --format parquet or csv",
            )


def write_workbook(path: Path, sheets: Iterable[Sheet], about: str) -> dict[str, int]:
    """Write a workbook; return how many rows each table has. Raises CannotStore.

    `about` goes into its properties.
    """
    rows: dict[str, int] = {}
    tables: list[Table] = []
    with storing(path):
        # What it drafts beside itself is as large as the workbook: on the same disk.
        book = xlsxwriter.Workbook(path, {**_OPTIONS, "tmpdir": str(path.parent)})
        book.set_properties({"title": "Tallybook", "comments": about})
        for table, batches in sheets:
            rows[table.name] = _write_table(book, table, batches)
            tables.append(table)
        _write_explanations(book, tables)
        try:
            book.close()
        except XlsxWriterException as error:
            raise CannotStore(f"cannot write {str(path)!r}: {error}") from error
    return rows


def _write_table(book: Any, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    sheet = book.add_worksheet(table.name)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, [c.name for c in table.columns], book.add_format({"bold": True}))
    formats = [book.add_format({"num_format": c.type.excel}) for c in table.columns]
    widths = [_narrowest(column) for column in table.columns]
    row = 0
    for values in _rows(batches):
        row += 1
        for place, value in enumerate(values):
            if isinstance(value, str):
                widths[place] = max(widths[place], len(value))
            _write(sheet, row, place, value, formats[place])
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(width, _WIDEST))
    sheet.autofilter(0, 0, row, len(widths) - 1)
    return row


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _write(sheet: Any, row: int, place: int, value: Any, number_format: Any) -> None:
    match value:
        case None:
            pass
        case str():
            kept = value if len(value) <= _LONGEST_TEXT else f"{value[: _LONGEST_TEXT - 1]}…"
            sheet.write_string(row, place, kept)
        case bool():
            sheet.write_boolean(row, place, value)
        case date() if value.year < 1900:
            # Excel's calendar begins there.
            sheet.write_string(row, place, value.isoformat())
        case datetime() | date():
            sheet.write_datetime(row, place, value, number_format)
        case _:
            sheet.write_number(row, place, value, number_format)


def _write_explanations(book: Any, tables: Sequence[Table]) -> None:
    sheet = book.add_worksheet("columns")
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, _EXPLAINED, book.add_format({"bold": True}))
    lines = [(t.name, c.name, c.type.sql, c.about) for t in tables for c in t.columns]
    for row, line in enumerate(lines, start=1):
        for place, cell in enumerate(line):
            _write(sheet, row, place, cell, None)
    for place, width in enumerate((18, 32, 11, 100)):
        sheet.set_column(place, place, width)
    sheet.autofilter(0, 0, len(lines), len(_EXPLAINED) - 1)


def _narrowest(column: Column) -> int:
    return max(len(column.name) + _ARROW, _LEAST.get(column.type, 0))
