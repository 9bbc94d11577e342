"""Ad-hoc SQL over the views: read-only, and unable to reach outside the warehouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from warehouse import catalog
from warehouse.errors import QueryFailure
from warehouse.layout import Layout

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
def reading(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue of the warehouse in `root`, made anew first if it is stale.

    What runs on this connection can read the warehouse's own files and nothing
    else, and write nowhere.
    """
    catalog.ensure(root)
    layout = Layout(root)
    with duckdb.connect(str(layout.catalog), read_only=True) as connection:
        connection.execute("SET allowed_directories = ?", [[str(root.resolve())]])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def ask(root: Path, sql: str, parameters: object = None) -> Answer:
    """Run one query. Raises QueryFailure in DuckDB's words, and NoWarehouse."""
    try:
        with reading(root) as connection:
            result = connection.execute(sql, parameters)
            described = result.description or []
            return Answer(
                columns=tuple(column[0] for column in described),
                types=tuple(str(column[1]) for column in described),
                rows=result.fetchall(),
            )
    except duckdb.Error as error:
        raise QueryFailure(
            str(error).strip(),
            hint="The views are snapshots, statistic_values, latest, instances, statistics, "
            "definitions and ledger; DESCRIBE snapshots lists the columns of one.",
        ) from error
