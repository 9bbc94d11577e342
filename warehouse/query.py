"""Ad-hoc SQL over the views: read-only, and unable to reach outside the warehouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from warehouse import catalog
from warehouse.contract import VIEWS
from warehouse.errors import QueryFailure
from warehouse.files import storing
from warehouse.layout import Layout, as_glob
from warehouse.relations import text

_EXPLAIN: Final = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\s", re.IGNORECASE)
# CREATE: in a catalogue that is open for reading it makes what is gone at once; PIVOT needs it.
_QUESTIONS: Final = (duckdb.StatementType.SELECT, duckdb.StatementType.CREATE)


@dataclass(frozen=True)
class Answer:
    """The rows of a query, with the names and the DuckDB types of their columns."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def as_dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@contextmanager
def reading(root: Path, as_of: datetime | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue of the warehouse in `root`, made anew first if it is stale or damaged.

    With `as_of` (UTC, without a zone) every view shows what had been recorded by then, and
    nothing else; what statistics and definitions there are is told as of today.

    What runs on this connection can read the warehouse's own files and nothing
    else. It may still write there: see `ask`.
    """
    catalog.ensure(root)
    with _opened(root, as_of) as connection:
        # DuckDB compares with the pattern in the views as well as with what it matches.
        # Written out: with a parameter, DuckDB imports pandas where there is one, for 0.3 s.
        folders = ", ".join(map(text, (str(root.resolve()), as_glob(root.resolve()))))
        connection.execute(f"SET allowed_directories = [{folders}]")
        connection.execute("SET enable_external_access = false")
        # All times here are UTC without a zone; now() has to mean the same.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
        yield connection


def ask(
    root: Path, sql: str, parameters: object = None, *, as_of: datetime | None = None
) -> Answer:
    """Run one query, as the history was known at `as_of` if that is given.

    Raises QueryFailure in DuckDB's words, and NoWarehouse.
    """
    try:
        with reading(root, as_of) as connection:
            _require_question(connection, sql)
            result = connection.execute(sql, parameters)
            described = result.description or []
            types = tuple(str(column[1]) for column in described)
            _require_no_zone(types)
            return Answer(tuple(column[0] for column in described), types, result.fetchall())
    except duckdb.Error as error:
        raise _explained(str(error).strip()) from error


@contextmanager
def _opened(root: Path, as_of: datetime | None) -> Iterator[duckdb.DuckDBPyConnection]:
    if as_of is None:
        with _open(root) as connection:
            yield connection
        return
    # Thrown away afterwards: all that differs is one condition in the views.
    with storing(Path("a temporary folder")):
        folder = TemporaryDirectory(prefix="tallybook-")
    with folder as name:
        file = catalog.build(root, to=Path(name, "catalog.duckdb"), as_of=as_of)
        with duckdb.connect(str(file), read_only=True) as connection:
            yield connection


def _open(root: Path) -> duckdb.DuckDBPyConnection:
    path = str(Layout(root).catalog)
    try:
        return duckdb.connect(path, read_only=True)
    except duckdb.Error:
        catalog.build(root)
        return duckdb.connect(path, read_only=True)


def _require_question(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    # DuckDB lets COPY write where it may read, although the catalogue is open for reading only.
    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    if kinds == [duckdb.StatementType.EXPLAIN]:
        return _require_question(connection, _EXPLAIN.sub("", sql, count=1))
    if not kinds or any(kind not in _QUESTIONS for kind in kinds):
        found = ", ".join(kind.name for kind in kinds) or "nothing"
        raise QueryFailure(
            f"the history answers questions only: expected SELECT, found {found}",
            hint='To write a file: tallybook sql --format csv "SELECT …" > FILE',
        )
    return None


def _require_no_zone(types: tuple[str, ...]) -> None:
    # Python gets such a time only with a package that nothing else here needs.
    if any("WITH TIME ZONE" in kind for kind in types):
        raise QueryFailure(
            "the answer has a time with a time zone; all times of the history are UTC without one",
            hint="Write ::TIMESTAMP behind it, as in SELECT now()::TIMESTAMP",
        )


def _explained(reason: str) -> QueryFailure:
    return QueryFailure(
        reason,
        hint=f"The views are {', '.join(VIEWS[:-1])} and {VIEWS[-1]}; "
        "DESCRIBE snapshots lists the columns of one.",
    )
