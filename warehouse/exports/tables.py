"""Tables as they are exported: their columns with types and descriptions, and their rows.

Rows come as Arrow batches of a bounded size, with exactly the columns that were told
before, so a history of any length passes through a memory of a fixed one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from warehouse.errors import LedgerFailure
from warehouse.exports.flat import FlatType, flattened
from warehouse.exports.manifest import TableColumns
from warehouse.exports.shapes import TableShape
from warehouse.relations import quoted, text

# Of a batch: about 64 MB, and as large a group of rows as readers like.
_CELLS: Final = 1 << 23
_COMMENTS: Final = """
    SELECT table_name, column_name, comment FROM duckdb_columns()
    WHERE database_name = current_database() AND comment IS NOT NULL
"""
_ABOUT: Final = """
    SELECT view_name, comment FROM duckdb_views()
    WHERE database_name = current_database() AND comment IS NOT NULL
"""
# What goes wrong while DuckDB reads the history's files comes out of Arrow's reader as any of
# these.
_READ_ERRORS: Final = (duckdb.Error, pa.ArrowException, OSError, RuntimeError)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Column:
    """A column: its flat type, what it means, and the SQL that it comes from."""

    name: str
    type: FlatType
    about: str
    sql: str


@dataclass(frozen=True)
class Statistics:
    """The statistics of this history, as lists in SQL: their names and their columns."""

    names: str
    values: str

    def filled(self, shape: TableShape, scope: str) -> str:
        """The query of a shape for the rows inside `scope`."""
        # In one go: a name may itself look like something to be filled in.
        return shape.query.format(scope=scope, statistics=self.names, values=self.values)


@dataclass(frozen=True)
class Table:
    """A table of this history, in the shape that was asked for."""

    shape: TableShape
    columns: tuple[Column, ...]
    about: str
    statistics: Statistics

    @property
    def name(self) -> str:
        return self.shape.name

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, descriptions included."""
        return pa.schema(
            [
                pa.field(c.name, c.type.arrow, metadata={"description": c.about})
                for c in self.columns
            ],
            metadata={"description": self.about},
        )

    def outline(self) -> TableColumns:
        """Its columns as a manifest has them."""
        return TableColumns(self.name, tuple((c.name, c.type.sql) for c in self.columns))

    def sql(self, scope: str) -> str:
        """The query for the rows inside `scope`."""
        columns = ", ".join(column.sql for column in self.columns)
        return f"SELECT {columns} FROM ({self.statistics.filled(self.shape, scope)})"


def tables_of(connection: DuckDBPyConnection, shapes: Sequence[TableShape]) -> tuple[Table, ...]:
    """Look up which columns the tables of a shape have in this history."""
    comments = {(view, name): about for view, name, about in ask_history(connection, _COMMENTS)}
    abouts = dict(ask_history(connection, _ABOUT))
    statistics = _statistics(connection)
    return tuple(
        Table(
            shape,
            _columns(connection, shape, statistics, comments),
            shape.about or abouts.get(shape.view, ""),
            statistics,
        )
        for shape in shapes
    )


def count_rows(connection: DuckDBPyConnection, table: Table, scope: str) -> int:
    """How many rows of a table are inside `scope`."""
    query = table.statistics.filled(table.shape, scope)
    return int(ask_history(connection, f"SELECT count(*) FROM ({query})")[0][0])


def batches(
    connection: DuckDBPyConnection, table: Table, scope: str, progress: Progress
) -> Iterator[pa.RecordBatch]:
    """The rows of a table, in batches that follow its schema. Raises LedgerFailure.

    `progress` is told how many rows each batch had, after it was used.
    """
    schema = table.schema
    size = max(1024, _CELLS // len(table.columns))
    with reading_history():
        reader = connection.execute(table.sql(scope)).to_arrow_reader(size)
    while True:
        with reading_history():
            batch = next(reader, None)
        if batch is None:
            return
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        progress(batch.num_rows)


@contextmanager
def reading_history() -> Iterator[None]:
    """Turn what goes wrong while the history is read into LedgerFailure."""
    try:
        yield
    except _READ_ERRORS as error:
        raise LedgerFailure(
            f"cannot read the history: {error}",
            hint="Find out what is damaged with: tallybook verify",
        ) from error


def ask_history(connection: DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a small answer. Raises LedgerFailure."""
    with reading_history():
        return connection.execute(query).fetchall()


def _statistics(connection: DuckDBPyConnection) -> Statistics:
    known = ask_history(connection, "SELECT statistic, column_name FROM statistics")
    names = ", ".join(text(statistic) for statistic, _ in known)
    values = ", ".join(f"{quoted(column)}::DOUBLE" for _, column in known)
    return Statistics(f"[{names}]", f"[{values}]")


def _columns(
    connection: DuckDBPyConnection,
    shape: TableShape,
    statistics: Statistics,
    comments: dict[tuple[str, str], str],
) -> tuple[Column, ...]:
    described = ask_history(connection, f"DESCRIBE {statistics.filled(shape, 'true')}")
    found = []
    for name, duckdb_type, *_ in described:
        kind, sql = flattened(name, duckdb_type)
        about = shape.told.get(name) or comments.get((shape.view, name), "")
        found.append(Column(name, kind, about, sql))
    return tuple(found)
