"""The few things that the SQL part of a life does again and again."""

from datetime import UTC, datetime

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]


def one(connection: Connection, query: str) -> object:
    """Return the only value of a query."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def count(connection: Connection, rows: str) -> int:
    """Return how many `rows` there are: a table, with its WHERE clause where needed."""
    return int(str(one(connection, f"SELECT count(*) FROM {rows}")))


def now(connection: Connection) -> datetime:
    """Return the instant of the transaction."""
    instant = one(connection, "SELECT now()")
    assert isinstance(instant, datetime)
    return instant.astimezone(UTC)


def fill(connection: Connection, goal: int, rows: str, insert: str) -> None:
    """Insert as many rows as `rows` still lacks of `goal`; `insert` numbers them by i."""
    missing = goal - count(connection, rows)
    assert missing >= 0, f"{rows}: {-missing} more than the {goal} expected"
    table = rows.split(maxsplit=1)[0]
    connection.execute(f"INSERT INTO {table} {insert} FROM generate_series(1, {missing}) AS i")
