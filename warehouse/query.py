"""Ad-hoc SQL over the views: read-only, and unable to reach outside the warehouse."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from warehouse import catalog
from warehouse.errors import QueryFailure
from warehouse.files import storing
from warehouse.layout import Layout, as_glob
from warehouse.question import require_question
from warehouse.relations import text


@dataclass(frozen=True)
class Limits:
    """How much a question may take: bytes of memory, and a folder for what does not fit in it.

    Without a folder nothing is put aside; in it, four times the memory at most.
    """

    memory: int
    spill: Path | None = None


@dataclass(frozen=True)
class Answer:
    """The rows of a query, with the names and the DuckDB types of their columns."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def as_dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@contextmanager
def reading(
    root: Path, as_of: datetime | None = None, limits: Limits | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue of the warehouse in `root`, made anew first if it is stale or damaged.

    With `as_of` (UTC, without a zone) every view shows what had been recorded by then, and
    nothing else; what statistics and definitions there are is told as of today.

    What runs on this connection can read the warehouse's own files and nothing
    else. It may still write there: see `warehouse.question`.
    """
    catalog.ensure(root)
    with _opened(root, as_of) as connection:
        if limits:
            _limit(connection, limits)
        # DuckDB compares with the pattern in the views as well as with what it matches.
        # Written out: with a parameter, DuckDB imports pandas where there is one, for 0.3 s.
        folders = ", ".join(map(text, (str(root.resolve()), as_glob(root.resolve()))))
        connection.execute(f"SET allowed_directories = [{folders}]")
        connection.execute("SET enable_external_access = false")
        # A name that is no view must not become a variable of this program.
        connection.execute("SET python_enable_replacements = false")
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
            require_question(connection, sql)
            result = connection.execute(sql, parameters)
            described = result.description or []
            types = tuple(str(column[1]) for column in described)
            require_no_zone(types)
            return Answer(tuple(column[0] for column in described), types, result.fetchall())
    except duckdb.Error as error:
        raise explained(str(error).strip()) from error


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


def _limit(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    connection.execute(f"SET memory_limit = '{limits.memory}B'")
    connection.execute(f"SET temp_directory = {text(str(limits.spill or ''))}")
    connection.execute(f"SET max_temp_directory_size = '{4 * limits.memory}B'")


def require_no_zone(types: Iterable[str]) -> None:
    """Raise QueryFailure where one of these DuckDB types is a time with a zone."""
    # Python gets such a time only with a package that nothing else here needs.
    if any("WITH TIME ZONE" in kind for kind in types):
        raise QueryFailure(
            "the answer has a time with a time zone; all times of the history are UTC without one",
            hint="Write ::TIMESTAMP behind it, as in SELECT now()::TIMESTAMP",
        )


def explained(reason: str) -> QueryFailure:
    """Make DuckDB's words a failure that says where to look."""
    return QueryFailure(
        reason,
        hint="What can be asked: tallybook sql --describe; the columns of a view: "
        "tallybook sql --describe snapshots",
    )
