"""The demo's database: the same every time, consistent in itself, and like a real company's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from etl.demo.database import (
    UPGRADES,
    create_unleash_database,
    grow_older,
    live_days,
    live_one_day,
)
from etl.demo.postgres import running_postgres
from tests.servers import Copy, Database

pytestmark = pytest.mark.slow

A_MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)

CLOCKS = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name <> 'expires_at'
      AND (data_type = 'date' OR data_type LIKE 'timestamp%')
"""

ACTIVE_LAST_WEEK = f"""
    SELECT count(*) FROM users
    WHERE seen_at AT TIME ZONE 'UTC' > timestamptz '{A_MONDAY_NOON}' - interval '1 week'
"""

PRODUCTION_CHANGES = f"""
    SELECT sum(updates)::int FROM stat_environment_updates
    WHERE environment = 'production'
      AND day > timestamptz '{A_MONDAY_NOON}' - interval '30 days'
"""


@pytest.fixture(scope="module")
def monday(new_database: Copy) -> Iterator[Database]:
    with new_database(None) as made:
        create_unleash_database(made.url, A_MONDAY_NOON)
        yield made


def contents(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
        ).fetchall()
        return {table: checksum(connection, table) for (table,) in tables}


def checksum(connection: psycopg.Connection, table: str) -> str:
    rows = f"SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {table} AS t"
    connection.execute("SET LOCAL timezone TO 'UTC'")
    ((found,),) = connection.execute(rows.encode()).fetchall()
    return str(found)


def test_the_same_instant_makes_the_same_rows_on_every_server(monday: Database) -> None:
    with running_postgres(major=16) as older:
        create_unleash_database(older.create_database("again"), A_MONDAY_NOON)
        again = contents(older.url("again"))

    assert again == contents(monday.url)
    assert len(again) == 34


@pytest.mark.parametrize(
    ("counted", "low", "high"),
    [
        ("count(*) FROM users WHERE deleted_at IS NULL AND NOT is_service", 230, 290),
        ("count(*) FROM users WHERE deleted_at IS NOT NULL", 50, 130),
        ("count(*) FROM users WHERE is_service", 11, 11),
        ("count(*) FROM users WHERE seat_type = 'ReadOnly'", 20, 60),
        ("count(DISTINCT email_hash) FROM users", 340, 340),
        ("count(*) FROM personal_access_tokens", 30, 80),
        ("count(*) FROM features WHERE archived_at IS NULL", 300, 450),
        ("count(*) FROM features WHERE archived_at IS NOT NULL", 400, 650),
        ("count(DISTINCT type) FROM features", 6, 6),
        ("count(*) FROM features WHERE stale AND archived_at IS NULL", 40, 120),
        ("count(*) FROM features WHERE potentially_stale", 80, 220),
        ("count(*) FROM projects WHERE archived_at IS NULL", 22, 22),
        ("count(DISTINCT project_mode) FROM project_settings", 3, 3),
        ("count(*) FROM environments", 4, 4),
        ("count(*) FROM feature_strategies", 3_600, 5_000),
        ("max(jsonb_array_length(constraints)) FROM feature_strategies", 9, 9),
        ("count(*) FROM segments", 17, 17),
        ("count(*) FROM context_fields", 13, 13),
        ("count(*) FROM groups", 13, 13),
        ("count(*) FROM roles WHERE type = 'root-custom'", 4, 4),
        ("count(DISTINCT type) FROM api_tokens", 4, 4),
        ("count(*) FROM api_tokens_v2", 14, 14),
        ("count(DISTINCT app_name) FROM client_instances", 41, 41),
        ("count(*) FROM client_metrics_env", 3_000, 10_000),
        ("count(*) FROM client_metrics_env_variants", 800, 4_000),
        ("count(*) FROM release_plan_definitions WHERE discriminator = 'plan'", 40, 120),
        ("count(*) FROM change_requests", 186, 186),
        ("count(*) FROM events WHERE type = 'features-exported'", 142, 142),
        ("count(*) FROM events WHERE type = 'features-imported'", 70, 70),
        ("count(*) FROM events", 35_000, 55_000),
        ("count(DISTINCT date_trunc('month', bucket_ts)) FROM edge_node_presence", 13, 14),
        ("count(*) FROM migrations", 397, 397),
    ],
)
def test_the_numbers_are_those_of_a_company(
    monday: Database, counted: str, low: int, high: int
) -> None:
    number = monday.value(f"SELECT {counted}")

    assert low <= number <= high


def test_the_windows_of_the_statistics_are_full(monday: Database) -> None:
    active, changes = monday.value(ACTIVE_LAST_WEEK), monday.value(PRODUCTION_CHANGES)

    assert 110 <= active <= 190
    assert 100 <= changes <= 1_200


def test_the_company_grew_from_forty_people(monday: Database) -> None:
    grown = monday.rows("""
        SELECT (SELECT count(*) FROM users
                WHERE created_at < day AND (deleted_at IS NULL OR deleted_at > day))
        FROM generate_series(timestamp '2023-12-23', '2026-11-23', '7 months') AS day
    """)

    numbers = [number for (number,) in grown]
    assert numbers == sorted(numbers)
    assert 40 <= numbers[0] <= 70
    assert numbers[-1] >= 230


def test_events_tell_the_same_story_as_the_tables(monday: Database) -> None:
    told = dict(monday.rows("SELECT type, count(*) FROM events GROUP BY type"))
    found = monday.rows("""
        SELECT (SELECT count(*) FROM features),
               (SELECT count(*) FROM features WHERE archived_at IS NOT NULL),
               (SELECT count(*) FROM users WHERE id > 1 AND NOT is_service),
               (SELECT count(*) FROM users WHERE deleted_at IS NOT NULL),
               (SELECT count(*) FROM api_tokens)
    """)

    names = "feature-created feature-archived user-created user-deleted api-token-created"
    assert tuple(told[name] for name in names.split()) == found[0]


def test_every_change_of_an_environment_has_its_event(monday: Database) -> None:
    difference = monday.rows("""
        SELECT day, environment, updates FROM stat_environment_updates
        EXCEPT
        SELECT (created_at AT TIME ZONE 'UTC')::date, coalesce(environment, '*'), count(*)
        FROM events GROUP BY 1, 2
    """)

    assert difference == []


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2026, 11, 22, tzinfo=UTC), id="a Sunday at midnight"),
        pytest.param(datetime(2027, 1, 1, 10, 30, tzinfo=UTC), id="a New Year's morning"),
        pytest.param(datetime(2028, 2, 29, 17, 59, tzinfo=UTC), id="a leap day's evening"),
    ],
)
def test_nothing_happens_in_the_future(new_database: Copy, now: datetime) -> None:
    with new_database(None) as database:
        create_unleash_database(database.url, now - DAY)
        live_one_day(database.url, now - DAY)

        late = [
            f"{table}.{column}"
            for table, column in database.rows(CLOCKS)
            if database.value(
                f"SELECT count(*) FROM {table} WHERE {column} > '{now:%Y-%m-%d %H:%M}'"
            )
        ]

    assert late == []


def test_migrations_ran_in_the_nights_of_upgrades(monday: Database) -> None:
    nights = monday.rows("SELECT count(*)::int FROM migrations GROUP BY run_on::date ORDER BY 1")
    names = [name for (name,) in monday.rows("SELECT name FROM migrations ORDER BY id")]

    assert len(nights) == len(UPGRADES)
    assert len(set(names)) == UPGRADES[-1][2]
    assert names == sorted(names, key=str)
    assert names[0] == "/20141020151056-initial-schema"
    assert names[-1] == "/20260902120000-add-user-agent-to-login-history"


def test_a_week_of_life_moves_the_numbers(database: Database) -> None:
    days, users, active, changes, events = [], [], [], [], []

    for day in live_days(database.url, A_MONDAY_NOON, days=7):
        days.append(day)
        users.append(database.value("SELECT count(*) FROM users WHERE deleted_at IS NULL"))
        active.append(database.value(ACTIVE_LAST_WEEK))
        changes.append(database.value(PRODUCTION_CHANGES))
        events.append(database.value("SELECT count(*) FROM events"))

    assert days == [days[0] + n * DAY for n in range(7)]
    assert days[-1] == A_MONDAY_NOON.date()
    assert users[-1] > users[0]
    assert events == sorted(events)
    assert len(set(events)) >= 5
    assert len(set(changes)) >= 4
    assert all(110 <= number <= 200 for number in active)


def test_a_database_of_yesterday_lives_on(new_database: Copy) -> None:
    with new_database(None) as database:
        create_unleash_database(database.url, A_MONDAY_NOON - DAY)
        before = totals(database)

        live_one_day(database.url, A_MONDAY_NOON - DAY)
        live_one_day(database.url, A_MONDAY_NOON)

        after = totals(database)
        newest = database.value("SELECT max(created_at) FROM events")

    assert all(more > fewer for fewer, more in zip(before, after, strict=True))
    assert A_MONDAY_NOON < newest <= A_MONDAY_NOON + DAY


def test_growing_older_moves_every_clock_by_a_day(lived_in: Database) -> None:
    clocks = """
        SELECT (SELECT max(created_at) FROM events), (SELECT max(seen_at) FROM users),
               (SELECT max(day) FROM stat_environment_updates), (SELECT max(run_on) FROM migrations)
    """
    (before,) = lived_in.rows(clocks)

    grow_older(lived_in.url)

    assert lived_in.rows(clocks) == [tuple(at - DAY for at in before)]


def test_a_fresh_database_is_what_the_migrations_leave(unleash: Database) -> None:
    counts = unleash.rows("""
        SELECT (SELECT count(*) FROM users WHERE NOT is_system), (SELECT count(*) FROM features),
               (SELECT count(*) FROM environments), (SELECT count(*) FROM projects),
               (SELECT count(*) FROM context_fields), (SELECT count(*) FROM strategies),
               (SELECT count(*) FROM roles), (SELECT count(*) FROM release_plan_definitions),
               (SELECT count(*) FROM feature_types), (SELECT count(*) FROM migrations)
    """)

    assert counts == [(1, 0, 2, 1, 5, 4, 6, 1, 6, 397)]


def totals(database: Database) -> list[int]:
    tables = ("users", "features", "events", "edge_node_presence", "stat_traffic_usage")
    return [database.value(f"SELECT count(*) FROM {table}") for table in tables]
