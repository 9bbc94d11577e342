"""A lived-in Unleash 8.2 database: three years of a company that grew from 40 people to 250.

All of it is arithmetic (life/*.sql), done by the server itself: the same instant
makes the same rows, to the last byte. The schema is ours (schema.sql), and a test
compares it with what the migrations of a real server make.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise, repeat

import psycopg

_DAY = timedelta(days=1)
_YEARS = timedelta(days=1096)

_LANGUAGE = ("arithmetic", "names")
_PAST = ("people", "projects", "flags", "rollout", "clients", "traffic", "changes")
_DAY_OF_LIFE = ("day", "rollout", "traffic", "changes")

# Which release was installed how many days ago, and how many migrations it knew by then.
UPGRADES = (
    (1096, "5.6.9", 210),
    (1000, "5.9.6", 251),
    (900, "5.12.8", 276),
    (780, "6.2.3", 293),
    (690, "6.5.0", 309),
    (620, "6.7.0", 320),
    (510, "7.0.2", 342),
    (440, "7.1.1", 351),
    (370, "7.3.0", 362),
    (280, "7.4.1", 371),
    (200, "7.6.3", 384),
    (150, "8.0.1", 386),
    (95, "8.1.0", 393),
    (40, "8.2.0", 397),
)


def create_fresh_database(url: str, now: datetime) -> None:
    """Fill an empty database with what a server has right after its migrations, at `now`."""
    with psycopg.connect(url) as connection:
        _create_tables(connection, born=now)
        _record_migrations(connection, repeat(now))


def create_unleash_database(url: str, now: datetime, *, lag_days: int = 0) -> None:
    """Fill an empty database with three years of life up to `now`, all or nothing.

    With a `lag_days` of 7 its people believe that `now` is a week ago: their weekends
    and holidays come later.
    """
    with psycopg.connect(url) as connection:
        _create_tables(connection, born=now - _YEARS)
        _record_migrations(connection, _upgrade_instants(now))
        _tell(connection, _PAST, now, lag_days)
        connection.execute("ANALYZE")


def live_one_day(url: str, day_start: datetime, *, lag_days: int = 0) -> None:
    """Move a lived-in database on by the 24 hours from `day_start`, all or nothing."""
    with psycopg.connect(url) as connection:
        _tell(connection, _LANGUAGE + _DAY_OF_LIFE, day_start + _DAY, lag_days)


def grow_older(url: str) -> None:
    """Move everything that ever happened in a database back by one day."""
    with psycopg.connect(url) as connection:
        connection.execute(_script("life/ageing.sql"))


def live_days(url: str, now: datetime, days: int) -> Iterator[date]:
    """Fill an empty database and let `days` pass in it, yielding after each one.

    The clock of a PostgreSQL server cannot be turned, and the windows of the
    statistics end at that clock. So the past becomes older instead, and each new day
    ends at `now`: every yield finds windows that are full, as a real server's are.
    Yields the date on which its people believe to be.
    """
    create_unleash_database(url, now, lag_days=days)
    for lag in reversed(range(days)):
        grow_older(url)
        live_one_day(url, now - _DAY, lag_days=lag)
        yield (now - lag * _DAY).date()


def _create_tables(connection: psycopg.Connection, born: datetime) -> None:
    connection.execute(_script("schema.sql"))
    _tell(connection, _LANGUAGE, born, lag_days=0)
    connection.execute(_script("fresh.sql"))


def _tell(
    connection: psycopg.Connection, chapters: Sequence[str], now: datetime, lag_days: int
) -> None:
    # JIT would spend seconds on compiling what runs once.
    connection.execute(
        "SELECT set_config('TimeZone', 'UTC', true), set_config('jit', 'off', true),"
        " set_config('demo.now', %s, true), set_config('demo.lag', %s, true)",
        (now.astimezone(UTC).isoformat(), str(lag_days)),
    )
    for chapter in chapters:
        connection.execute(_script(f"life/{chapter}.sql"))


def _script(name: str) -> bytes:
    return files("etl.demo").joinpath(name).read_bytes()


def _upgrade_instants(now: datetime) -> Iterator[datetime]:
    """Say for each migration when it ran: all that an upgrade brought, in one night."""
    known = (0, *(migrations for _, _, migrations in UPGRADES))
    for (days_ago, _, _), (before, after) in zip(UPGRADES, pairwise(known), strict=True):
        night = (now - days_ago * _DAY).replace(hour=3, minute=0, second=0, microsecond=0)
        yield from (night + i * timedelta(milliseconds=3) for i in range(after - before))


def _record_migrations(connection: psycopg.Connection, instants: Iterable[datetime]) -> None:
    names = _script("migrations.txt").decode().split()
    runs = [at.astimezone(UTC).replace(tzinfo=None) for _, at in zip(names, instants)]  # noqa: B905
    connection.execute(
        "INSERT INTO migrations (name, run_on)"
        " SELECT * FROM unnest(%s::text[], %s::timestamp[]) AS run(name, run_on)",
        (names, runs),
    )
