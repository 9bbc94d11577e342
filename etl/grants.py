"""The least-privilege role, as SQL. Pure.

READ ONLY is no security boundary, grants are: the role may read exactly the
columns that the catalogue names, and can never read a token's secret, a password hash
or an e-mail address.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from etl.catalogue import UNLEASH
from etl.catalogue.listings import LISTINGS
from etl.functions import FUNCTIONS, functions_sql
from etl.source import duration, literal


def _table(column: str) -> str:
    return column.partition(".")[0]


# What names the instance and tells its release, beside what the statistics read.
IDENTITY: Final = frozenset({"settings.name", "settings.content", "migrations.name"})
FORBIDDEN: Final = frozenset(
    {
        "api_tokens.secret",
        "api_token_project.secret",
        "api_tokens_v2.selector",
        "api_tokens_v2.verifier",
        "personal_access_tokens.secret",
        "personal_access_tokens.selector",
        "personal_access_tokens.verifier",
        "users.email",
        "users.name",
        "users.password_hash",
        "users.username",
    }
)
# Tables that are none: what only a function returns.
_ONLY_FUNCTIONS: Final = frozenset(FUNCTIONS) - {_table(column) for column in IDENTITY}
_CONNECTIONS: Final = 8


def granted_columns() -> frozenset[str]:
    """Every column that the role reads in some schema, as `table.column`."""
    listed = (column for listing in LISTINGS for column in listing.needs)
    columns = UNLEASH.columns() | IDENTITY | frozenset(listed)
    return frozenset(column for column in columns if _table(column) not in _ONLY_FUNCTIONS)


def grants_sql(
    columns: Iterable[str],
    *,
    role: str,
    database: str,
    schema: str,
    statement_timeout: float = 60,
    lock_timeout: float = 2,
    functions: bool = True,
) -> str:
    """Write the role for a database that has these columns. Running it again is harmless.

    Without `functions` the role reads the settings themselves, where Unleash keeps the secret
    of its sessions and those of sign-in services, and cannot tell the forms of API tokens.
    """
    who = quoted(role)
    if functions:
        columns = [column for column in columns if _table(column) not in FUNCTIONS]
    lines = [
        f"-- The role {role} may read what Tallybook counts, and nothing else.",
        "-- Run it as an administrator of the database, again after each upgrade of Unleash.",
        "BEGIN;",
        "DO $tallybook$ BEGIN",
        f"    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)}) THEN",
        f"        CREATE ROLE {who} LOGIN;",
        "    END IF;",
        "END $tallybook$;",
        f"ALTER ROLE {who} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT",
        f"    CONNECTION LIMIT {_CONNECTIONS};",
        f"ALTER ROLE {who} SET default_transaction_read_only = on;",
        f"ALTER ROLE {who} SET statement_timeout = {literal(duration(statement_timeout))};",
        f"ALTER ROLE {who} SET lock_timeout = {literal(duration(lock_timeout))};",
        f"ALTER ROLE {who} SET idle_in_transaction_session_timeout = '5min';",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {who};",
        f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {who};",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {quoted(schema)} FROM {who};",
        *_column_grants(columns, schema, who),
        *(functions_sql(quoted(schema), who) if functions else ()),
        "COMMIT;",
        f"-- Then give it a password:  \\password {role}",
    ]
    return "\n".join(lines) + "\n"


def quoted(identifier: str) -> str:
    """Write an identifier for PostgreSQL."""
    return '"' + identifier.replace('"', '""') + '"'


def _column_grants(columns: Iterable[str], schema: str, who: str) -> list[str]:
    tables = groupby(sorted(columns), key=_table)
    return [
        f"GRANT SELECT ({', '.join(quoted(column.partition('.')[2]) for column in members)})"
        f" ON {quoted(schema)}.{quoted(table)} TO {who};"
        for table, members in tables
    ]
