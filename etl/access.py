"""What a role may do on a source, compared with what it should: grants missing, grants too many."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from etl.grants import FORBIDDEN, granted_columns, grants_sql
from etl.moment import schema_of_tables
from etl.settings import SourceSettings
from etl.snapshot import Row
from etl.source import Source, Transaction
from etl.version import known_releases
from warehouse.errors import BadInput

_TOO_MANY: Final = """
    SELECT c.relname || '.' || a.attname AS column_name,
           has_column_privilege(c.oid, a.attnum, 'SELECT') AS reads,
           has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
               OR has_column_privilege(c.oid, a.attnum, 'INSERT, UPDATE') AS writes
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    ORDER BY 1
"""
_CREATES: Final = """
    SELECT nspname::text AS name FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND has_schema_privilege(oid, 'CREATE') ORDER BY 1
"""
_ROLE: Final = """
    SELECT current_user::text AS name, rolsuper, rolcreatedb, rolcreaterole, rolreplication,
           rolbypassrls
    FROM pg_catalog.pg_roles WHERE rolname = current_user
"""


@dataclass(frozen=True)
class Access:
    """What the role has that it should not, and lacks that it should have."""

    role: str
    powers: tuple[str, ...]
    missing: tuple[str, ...]
    secrets: tuple[str, ...]
    readable_besides: tuple[str, ...]
    writable: tuple[str, ...]
    creates_in: tuple[str, ...]


def access_of(transaction: Transaction) -> Access:
    """Compare the privileges of the session's role with the catalogue."""
    role = transaction.one(_ROLE)
    rows = transaction.rows(_TOO_MANY)
    there = {str(row["column_name"]) for row in rows}
    reads = {str(row["column_name"]) for row in rows if row["reads"]}
    wanted = granted_columns() & there
    tables = {column.partition(".")[0] for column in wanted}
    readable = schema_of_tables(transaction, tables).readable
    return Access(
        role=str(role["name"]),
        powers=tuple(name.removeprefix("rol") for name in role if role[name] is True),
        missing=tuple(sorted(wanted - readable)),
        secrets=tuple(sorted(reads & FORBIDDEN)),
        readable_besides=tuple(sorted(reads - wanted - FORBIDDEN)),
        writable=tuple(
            sorted({str(r["column_name"]).partition(".")[0] for r in rows if r["writes"]})
        ),
        creates_in=tuple(str(row["name"]) for row in transaction.rows(_CREATES)),
    )


def table_of(row: Row) -> str:
    """The table of a row that names a column."""
    return str(row["column_name"]).partition(".")[0]


def grants_for_source(
    settings: SourceSettings,
    role: str,
    database: str | None,
    schema: str | None,
    *,
    functions: bool = True,
) -> str:
    """The role for the schema that a source has now. Needs a connection, no privileges."""
    with Source(settings).transaction() as transaction:
        tables = {column.partition(".")[0] for column in granted_columns()}
        columns = schema_of_tables(transaction, tables).columns & granted_columns()
        found = str(transaction.one("SELECT current_database()::text AS name")["name"])
    return grants_sql(
        columns,
        role=role,
        database=database or found,
        schema=schema or settings.schema,
        statement_timeout=settings.statement_timeout,
        lock_timeout=settings.lock_timeout,
        functions=functions,
    )


def grants_for_release(
    release: str, role: str, database: str, schema: str, *, functions: bool = True
) -> str:
    """The role for an Unleash release, asking no database. Raises BadInput for an unknown one."""
    columns = columns_of_release(release) & granted_columns()
    return grants_sql(columns, role=role, database=database, schema=schema, functions=functions)


def columns_of_release(release: str) -> frozenset[str]:
    """The columns that a release's schema has, of those that are read."""
    newest = _newest_migration(release)
    lines = files("etl").joinpath("columns.csv").read_text().splitlines()[1:]
    pairs = (line.split(",") for line in lines)
    return frozenset(column for column, migration in pairs if migration <= newest)


def _newest_migration(release: str) -> str:
    plain = release.removeprefix("v")
    known = known_releases()
    matches = [r for r in known if r.release == plain or r.release.startswith(f"{plain}.")]
    if not matches:
        first, last = known[0].release, known[-1].release
        raise BadInput(
            f"no Unleash release {release!r} is known",
            hint=f"Known are {first} to {last}; name one like 8.2 or 7.4.1.",
        )
    return max(match.newest_migration for match in matches)


def summary(columns: Iterable[str], most: int = 6) -> str:
    """Some names, and how many more."""
    names = list(columns)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
