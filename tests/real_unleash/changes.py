"""Changes of a living server's database that are taken back: rows are kept and put in again."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

# How each table that a test may change gets its old rows back. TRUNCATE, because the server is
# kept from deleting applications (history.py), and UPDATE where other tables refer to the rows.
RESTORE = {
    "settings": "TRUNCATE settings; INSERT INTO settings TABLE kept.settings",
    "client_instances": (
        "TRUNCATE client_instances; INSERT INTO client_instances TABLE kept.client_instances"
    ),
    "feature_strategies": (
        "UPDATE feature_strategies AS changed SET constraints = old.constraints"
        " FROM kept.feature_strategies AS old WHERE old.id = changed.id"
    ),
    "api_tokens": (
        "UPDATE api_tokens AS changed SET type = old.type"
        " FROM kept.api_tokens AS old WHERE old.secret = changed.secret"
    ),
    "users": (
        "UPDATE users AS changed SET seen_at = old.seen_at"
        " FROM kept.users AS old WHERE old.id = changed.id"
    ),
    "features": (
        "UPDATE features AS changed SET archived_at = old.archived_at"
        " FROM kept.features AS old WHERE old.name = changed.name"
    ),
}


@contextmanager
def changed(database_url: str, change: str) -> Iterator[None]:
    """Execute `change`, and restore the rows it may have changed at the end."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA kept")
        for table in RESTORE:
            connection.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")
        try:
            connection.execute(change)
            yield
        finally:
            for restore in RESTORE.values():
                connection.execute(restore)
            connection.execute("DROP SCHEMA kept CASCADE")
