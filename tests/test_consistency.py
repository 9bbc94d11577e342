"""One consistent moment: no torn totals, no long locks, and timeouts that cost one statistic."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from etl.catalogue import UNLEASH
from etl.reading import read
from etl.source import Transaction
from etl.statistic import Catalogue, Probe, Statistic
from tests.readers import Reader
from warehouse.errors import SourceFailure
from warehouse.payload import Value

pytestmark = pytest.mark.slow

MOVED = 50
# One commit moves the same number of rows out of one table and into two others.
THERE = """
    UPDATE features SET archived_at = now() WHERE name LIKE 'moved %';
    INSERT INTO release_plan_definitions (id, discriminator, name, created_by_user_id)
    SELECT name, 'plan', name, 1 FROM features WHERE name LIKE 'moved %';
    INSERT INTO segments (name) SELECT name FROM features WHERE name LIKE 'moved %'
"""
BACK = """
    UPDATE features SET archived_at = NULL WHERE name LIKE 'moved %';
    DELETE FROM release_plan_definitions WHERE name LIKE 'moved %';
    DELETE FROM segments WHERE name LIKE 'moved %'
"""


@contextmanager
def moving(reader: Reader) -> Iterator[list[int]]:
    """Move rows to and fro for as long as the block lasts; the list grows with every commit."""
    commits: list[int] = []
    enough = threading.Event()

    def move() -> None:
        with psycopg.connect(reader.database.url, autocommit=True) as connection:
            while not enough.is_set():
                for script in (THERE, BACK):
                    with connection.transaction():
                        connection.execute(script.encode())
                    commits.append(len(commits))
                    enough.wait(0.002)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        yield commits
    finally:
        enough.set()
        mover.join()


def totals(stats: dict[str, Value]) -> tuple[int, int, int]:
    live, plans, segments = (
        int(stats[name]) for name in ("featureToggles", "releasePlans", "segments")
    )
    return live + plans, live + segments, live + int(stats["archivedFeatureToggles"])


@pytest.mark.parametrize(("readings", "parallel"), [(200, 1), (50, 4)])
def test_a_total_is_never_torn(reader: Reader, readings: int, parallel: int) -> None:
    reader.database.execute(
        f"INSERT INTO features (name) SELECT 'moved ' || n FROM generate_series(1, {MOVED}) AS n"
    )

    source = reader.source(parallel=parallel)
    with moving(reader) as commits:
        seen = [dict(read(source, UNLEASH).stats) for _ in range(readings)]

    assert {totals(stats) for stats in seen} == {(MOVED, MOVED, MOVED)}
    assert {stats["featureToggles"] for stats in seen} == {0, MOVED}
    assert len(commits) > readings / 2


@contextmanager
def locked(reader: Reader, table: str) -> Iterator[None]:
    with psycopg.connect(reader.database.url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


def slow(name: str, seconds: float) -> Probe:
    return Probe(
        subject="test",
        source=f"(SELECT pg_sleep({seconds})) AS s",
        needs=("users.id",),
        statistics=(
            Statistic(name=name, meaning="Slow.", sql="count(*)", since="4.17"),
            Statistic(name=f"{name}Too", meaning="Slow.", sql="count(*) + 1", since="4.17"),
        ),
    )


def test_a_locked_table_costs_its_own_statistics(reader: Reader) -> None:
    before = reader.read()

    with locked(reader, "segments"):
        reading = reader.read(lock_timeout=0.2)

    assert [(m.statistic, m.cause, m.reason) for m in reading.unavailable] == [
        ("segments", "timeout", "canceling statement due to lock timeout")
    ]
    rest = {name: value for name, value in before.stats.items() if name != "segments"}
    assert reading.stats == rest


def test_a_locked_table_costs_no_more_with_four_connections(reader: Reader) -> None:
    with locked(reader, "client_instances"):
        reading = reader.read(lock_timeout=0.2, parallel=4)

    assert [(missing.statistic, missing.cause) for missing in reading.unavailable] == [
        ("clientApps.30d", "timeout"),
        ("clientApps.7d", "timeout"),
        ("clientApps.allTime", "timeout"),
        ("names.apps", "timeout"),
    ]


def test_a_locked_identity_costs_the_snapshot_and_never_makes_another_one(reader: Reader) -> None:
    with (
        locked(reader, "settings"),
        pytest.raises(SourceFailure) as failure,
    ):
        reader.read(lock_timeout=0.2)

    assert str(failure.value) == (
        f"source 'prod' ({reader.address}) answers with an error: "
        "canceling statement due to lock timeout"
    )


def test_a_slow_statistic_costs_itself(reader: Reader) -> None:
    catalogue = Catalogue((*UNLEASH.probes[:2], slow("slow", 0.5), *UNLEASH.probes[2:]))
    expected = reader.read().stats

    reading = reader.read(catalogue, statement_timeout=0.3)

    assert [(m.statistic, m.cause, m.reason) for m in reading.unavailable] == [
        (name, "timeout", "canceling statement due to statement timeout")
        for name in ("slow", "slowToo")
    ]
    assert reading.stats == expected


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.25, "250ms"), (2, "2s"), (90, "90s"), (120, "2min"), (3600, "1h")]
)
def test_timeouts_are_in_force_inside_the_transaction(
    reader: Reader, seconds: float, shown: str
) -> None:
    source = reader.source(statement_timeout=seconds, lock_timeout=seconds)

    with source.transaction() as transaction:
        found = transaction.one("""
            SELECT current_setting('statement_timeout') AS statement,
                   current_setting('lock_timeout') AS lock,
                   current_setting('TimeZone') AS zone,
                   current_setting('transaction_isolation') AS isolation,
                   current_setting('transaction_read_only') AS read_only
        """)

    assert found == {
        "statement": shown,
        "lock": shown,
        "zone": "UTC",
        "isolation": "repeatable read",
        "read_only": "on",
    }


def test_settings_that_the_server_does_not_keep_are_noticed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(transaction: Transaction, sql: str) -> object:
        return genuine(transaction, sql.replace("set_config('statement_timeout'", "concat(''"))

    genuine = Transaction.rows
    monkeypatch.setattr(Transaction, "rows", forgetful)

    with pytest.raises(SourceFailure) as failure:
        reader.read(statement_timeout=60.001)

    assert str(failure.value) == (
        "source 'prod' does not honour statement_timeout: expected '60001ms', found '1min'"
    )


def test_a_migration_waits_no_longer_than_the_transaction(reader: Reader) -> None:
    migrated = threading.Event()

    def migrate() -> None:
        reader.database.execute("ALTER TABLE users ADD COLUMN nickname text")
        migrated.set()

    migration = threading.Thread(target=migrate)
    with reader.source().transaction() as transaction:
        transaction.rows("SELECT count(id) FROM users")
        migration.start()
        waited = not migrated.wait(0.3)
    ended = migrated.wait(1)
    migration.join()

    assert waited
    assert ended


def test_a_reading_gives_way_to_a_migration_that_holds_what_it_wants(reader: Reader) -> None:
    with psycopg.connect(reader.database.url) as migration:
        migration.execute("ALTER TABLE segments ADD COLUMN nickname text")
        began = time.monotonic()
        reading = reader.read(lock_timeout=0.2)
        took = time.monotonic() - began
        migration.execute("ALTER TABLE users ADD COLUMN nickname text")

    assert [missing.statistic for missing in reading.unavailable] == ["segments"]
    assert took < 2
