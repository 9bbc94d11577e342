"""What has to be known of a database before it can be counted: one look, one instant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError

from etl.functions import FUNCTIONS
from etl.functions import SCHEMA as FUNCTION_SCHEMA
from etl.snapshot import NEVER_STARTED
from etl.source import Source, Transaction, literal
from etl.statistic import WINDOWS, Schema, fit
from etl.version import release_of, schema_of
from warehouse.errors import NotUnleash, SourceRefused
from warehouse.payload import Origin, Release
from warehouse.payload import Schema as Migrations

# A database without these was not made by Unleash.
_UNMISTAKABLE: Final = ("features", "settings", "migrations")
_LONGEST_ID: Final = 500
_IDENTITY: Final = ("settings.name", "settings.content", "migrations.name")

# What functions of ours return reads like the columns of a table.
_FUNCTION_COLUMNS: Final = f"""
    SELECT p.proname::text AS function, p.proname || '.' || argument AS name,
           has_function_privilege(p.oid, 'EXECUTE')
           AND has_schema_privilege(p.pronamespace, 'USAGE') AS readable
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN unnest(p.proargnames) AS argument
    WHERE n.nspname = {literal(FUNCTION_SCHEMA)}
      AND p.proname IN ({", ".join(map(literal, FUNCTIONS))})
      -- Another Unleash may live in another schema of the same database.
      AND strpos(p.prosrc, replace(current_setting('search_path'), ', pg_catalog', '.')) > 0
"""
_ORIGIN = """
    SELECT clock_timestamp() AS db_time,
           current_setting('server_version') AS postgres,
           current_database()::text AS database,
           pg_is_in_recovery() AS replica,
           has_function_privilege('pg_control_system()', 'EXECUTE') AS may_identify
"""
_POSITION = """
    SELECT pg_current_wal_lsn()::text AS lsn,
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint AS timeline
"""
_REPLICA_POSITION = "SELECT pg_last_wal_replay_lsn()::text AS lsn, NULL AS timeline"
_SYSTEM = "SELECT system_identifier::text AS system FROM pg_control_system()"


@dataclass(frozen=True)
class Moment:
    """The instant of a transaction, and what the database is at that instant.

    `windows` has a literal for each name in `statistic.WINDOWS`, to be put into SQL.
    """

    instance_id: str
    db_time: datetime
    taken_at: datetime
    windows: Mapping[str, str]
    schema: Schema
    origin: Origin
    release: Release


def look(source: Source, transaction: Transaction, tables: Iterable[str]) -> Moment:
    """Find out what is to be known before counting.

    Raises NotUnleash, and SourceRefused where the role may not read what names the
    instance.
    """
    taken_at = datetime.now(UTC)
    schema = schema_of_tables(transaction, {*tables, *_UNMISTAKABLE})
    _require_unleash(source, schema)
    migrations = _migrations(transaction)
    facts = transaction.one(_ORIGIN)
    return Moment(
        instance_id=_instance_id(transaction, schema),
        db_time=datetime.fromisoformat(str(facts["db_time"])),
        taken_at=taken_at,
        windows=windows(transaction),
        schema=schema,
        origin=_origin(transaction, facts, migrations),
        release=release_of(migrations),
    )


def schema_of_tables(transaction: Transaction, tables: Iterable[str]) -> Schema:
    """The columns of these tables in the search path, and which of them the role may read."""
    names = ", ".join(literal(table) for table in sorted(tables))
    rows = transaction.rows(_FUNCTION_COLUMNS)
    functions = frozenset(str(row["function"]) for row in rows if row["readable"])
    rows += transaction.rows(
        "SELECT c.relname || '.' || a.attname AS name,"
        " has_column_privilege(c.oid, a.attnum, 'SELECT')"
        " AND has_schema_privilege(c.relnamespace, 'USAGE') AS readable"
        " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace"
        # As the source sets it: the schema in quotes, then pg_catalog.
        " WHERE format('\"%s\", pg_catalog', replace(nspname, '\"', '\"\"'))"
        " = current_setting('search_path'))"
        " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped"
        f" AND c.relname IN ({names})"
    )
    return Schema(
        columns=frozenset(str(row["name"]) for row in rows),
        readable=frozenset(str(row["name"]) for row in rows if row["readable"]),
        functions=functions,
    )


def windows(transaction: Transaction) -> dict[str, str]:
    """The windows' ends as literals, computed once from the transaction's instant.

    PostgreSQL would compute an expression such as now() - interval '1 month' anew
    for each row.
    """
    columns = ", ".join(
        f"quote_literal({sql}) || '::' || pg_typeof({sql})::text AS {name}"
        for name, sql in WINDOWS.items()
    )
    return {name: str(value) for name, value in transaction.one(f"SELECT {columns}").items()}


def _require_unleash(source: Source, schema: Schema) -> None:
    tables = {column.partition(".")[0] for column in schema.columns}
    settings = source.settings
    missing = [table for table in _UNMISTAKABLE if table not in tables]
    if missing:
        found = "it is empty" if not tables else f"it has no table {missing[0]!r}"
        raise NotUnleash(
            f"source {settings.name!r} ({source.address}) is no Unleash database: "
            f"{found} in schema {settings.schema!r}",
            hint="Check the database's name in the URL, and the `schema` setting if Unleash "
            "runs with DATABASE_SCHEMA; a new database is filled when Unleash starts once.",
        )
    closed = [column for column in _IDENTITY if column not in schema.readable]
    if closed:
        raise SourceRefused(
            f"source {settings.name!r} ({source.address}) may not read {', '.join(closed)}, "
            "which tell the instance and its release",
            hint="Let an administrator run what this prints: tallybook grants",
        )


def _migrations(transaction: Transaction) -> Migrations:
    return schema_of(str(row["name"]) for row in transaction.rows("SELECT name FROM migrations"))


def _instance_id(transaction: Transaction, schema: Schema) -> str:
    sql = "SELECT min(content->>'id') FILTER (WHERE name = 'instanceInfo') AS id FROM settings"
    try:
        found = transaction.one(fit(sql, schema, {}))["id"]
    except DBAPIError as error:
        # Only what is malformed is no id; one that could not be read must not become another.
        if not isinstance(error.orig, psycopg.DataError):
            raise
        transaction.restore()
        return NEVER_STARTED
    known = _text(found) or NEVER_STARTED
    return known if len(known) <= _LONGEST_ID else NEVER_STARTED


def _origin(
    transaction: Transaction, facts: Mapping[str, object], migrations: Migrations
) -> Origin:
    replica = bool(facts["replica"])
    position = _if_possible(transaction, _REPLICA_POSITION if replica else _POSITION)
    system = _if_possible(transaction, _SYSTEM) if facts["may_identify"] else {}
    timeline = position.get("timeline")
    return Origin(
        postgres=str(facts["postgres"]),
        database=str(facts["database"]),
        system=_text(system.get("system")),
        lsn=_text(position.get("lsn")),
        timeline=int(str(timeline)) if timeline is not None else None,
        role="replica" if replica else "primary",
        schema=migrations,
    )


def _if_possible(transaction: Transaction, sql: str) -> Mapping[str, object]:
    # Managed services take some of these functions away.
    try:
        return transaction.one(sql)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        transaction.restore()
        return {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
