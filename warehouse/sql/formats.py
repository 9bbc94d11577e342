"""An answer as text or bytes, row by row: a table, CSV, JSON, Markdown, an Arrow stream.

Nothing keeps more than a few hundred rows, however many there are. A table has to, for its
columns' widths, and so shows only the first rows of many.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain, count, islice
from typing import Any, Final, NamedTuple

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from warehouse.sql.wire import Question
from warehouse.terminal import cell, table

Row = tuple[Any, ...]

_BATCH: Final = 500
_ARROW_BATCH: Final = 10_000
MOST_IN_A_TABLE: Final = 10_000
_NUMBERS: Final = frozenset(
    (
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "NUMBER"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    )
)
# A name that comes from a database must not steer the terminal it is shown on.
_CONTROL: Final = {n: f"\\x{n:02x}" for n in (*range(9), *range(11, 32), *range(127, 160))}


class Head(NamedTuple):
    """The names and the DuckDB types of an answer's columns."""

    names: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def numeric(self) -> list[bool]:
        return [kind in _NUMBERS or kind.startswith("DECIMAL") for kind in self.types]


@dataclass
class Written:
    """An answer being written: `chunks` to take one after the other, `count` so far, a note."""

    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    count: int = 0
    note: str | None = None

    def counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self.count += 1
            yield row


def write(result: duckdb.DuckDBPyConnection, head: Head, question: Question) -> Written:
    """Write the rows of a result as the question wants them."""
    written = Written()
    if question.form == "arrow":
        written.chunks = _arrow(result)
        return written
    rows = written.counted(_rows(result))
    if question.form == "table":
        text = _table(head, rows, question, written)
    else:
        text = _FORMATS[question.form](head, rows, _shown if question.width else cell)
    written.chunks = (part.encode() for part in text)
    return written


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _csv(head: Head, rows: Iterator[Row], as_text: Callable[[Any], str]) -> Iterator[str]:
    # RFC 4180, except for plain line ends.
    lines: Iterator[Sequence[str]] = chain(
        [head.names], (["" if v is None else as_text(v) for v in row] for row in rows)
    )
    while part := list(islice(lines, _BATCH)):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(part)
        yield out.getvalue()


def _json(head: Head, rows: Iterator[Row], _: Callable[[Any], str]) -> Iterator[str]:
    names = _distinct(head.names)
    before = "["
    while part := list(islice(rows, _BATCH)):
        objects = [dict(zip(names, map(plain, row), strict=True)) for row in part]
        yield before + "\n  " + ",\n  ".join(json.dumps(each, allow_nan=False) for each in objects)
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _markdown(head: Head, rows: Iterator[Row], as_text: Callable[[Any], str]) -> Iterator[str]:
    yield _markdown_line(head.names)
    yield _markdown_line(["---:" if right else "---" for right in head.numeric])
    while part := list(islice(rows, _BATCH)):
        yield "".join(_markdown_line([as_text(value) for value in row]) for row in part)


def _markdown_line(cells: Sequence[str]) -> str:
    escaped = (c.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>") for c in cells)
    return f"| {' | '.join(escaped)} |\n"


_FORMATS: Final = {"csv": _csv, "json": _json, "markdown": _markdown}
FORMATS: Final = ("table", *_FORMATS, "arrow")


def _table(head: Head, rows: Iterator[Row], question: Question, written: Written) -> Iterator[str]:
    first = list(islice(rows, MOST_IN_A_TABLE + 1))
    if len(first) > MOST_IN_A_TABLE:
        written.count = MOST_IN_A_TABLE
        written.note = (
            f"these are the first {MOST_IN_A_TABLE:,} rows; --format csv, json and so on have all"
        )
    cells = [[Text(_shown(value)) for value in row] for row in first[:MOST_IN_A_TABLE]]
    names = [_shown(name) for name in head.names]
    if question.width and sum(map(len, names)) + 2 * len(names) > question.width:
        tables = [_one_row(names, row, number) for number, row in enumerate(cells, 1)]
    else:
        numbers = [name for name, right in zip(names, head.numeric, strict=True) if right]
        tables = [table(names, right=numbers)]
        for row in cells:
            tables[0].add_row(*row)
    for made in tables:
        yield _drawn(made, question.width)


def _one_row(names: Sequence[str], row: Sequence[Text], number: int) -> Table:
    # More columns than the terminal has room for: each row becomes a table of its own.
    made = table(("column", "value"), title=f"row {number}")
    for name, value in zip(names, row, strict=True):
        made.add_row(name, value)
    return made


def _drawn(made: Table, width: int | None) -> str:
    out = io.StringIO()
    # What goes to no terminal is as wide as its rows. Names are printed as they are: no [markup].
    Console(
        file=out, width=width or 1000, force_terminal=width is not None,
        highlight=False, markup=False, emoji=False,
    ).print(made)  # fmt: skip
    return out.getvalue()


def _arrow(result: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    # By name: it takes as long as all the rest to load, and no other format needs it.
    ipc = import_module("pyarrow.ipc")
    reader = result.to_arrow_reader(_ARROW_BATCH)
    out = io.BytesIO()
    with ipc.new_stream(out, reader.schema) as stream:
        for batch in reader:
            stream.write_batch(batch)
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, a number behind those that were there before: JSON has each but once."""
    taken: set[str] = set()
    found = []
    for name in names:
        free = next(
            each for each in chain([name], (f"{name}_{n}" for n in count(2))) if each not in taken
        )
        taken.add(free)
        found.append(free)
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no word for as text, and no number as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {cell(key): plain(each) for key, each in value.items()}
        case _:
            return cell(value)


def _shown(value: Any) -> str:
    return cell(value).translate(_CONTROL)
