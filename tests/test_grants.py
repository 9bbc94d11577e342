"""The least-privilege role as SQL: what it may read follows from the catalogue alone."""

import re

import pytest

from etl.access import columns_of_release, grants_for_release
from etl.grants import FORBIDDEN, granted_columns, grants_sql
from etl.source import duration, literal
from etl.version import known_releases
from warehouse.errors import BadInput

GRANT = re.compile(r'GRANT SELECT \((.+)\) ON "public"\."(\w+)" TO "tallybook";')


def granted_in(sql: str) -> set[str]:
    return {
        f"{table}.{column.strip().strip(chr(34))}"
        for columns, table in GRANT.findall(sql)
        for column in columns.split(",")
    }


def sql_for(release: str, *, functions: bool = False) -> str:
    return grants_for_release(release, "tallybook", "unleash", "public", functions=functions)


def test_the_role_is_written_out_in_full() -> None:
    sql = grants_sql(
        ["users.seen_at", "users.id", "features.name"],
        role="tallybook",
        database="unleash",
        schema="public",
        statement_timeout=90,
        lock_timeout=0.5,
        functions=False,
    )

    assert sql == (
        "-- The role tallybook may read what Tallybook counts, and nothing else.\n"
        "-- Run it as an administrator of the database, again after each upgrade of Unleash.\n"
        "BEGIN;\n"
        "DO $tallybook$ BEGIN\n"
        "    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tallybook') THEN\n"
        '        CREATE ROLE "tallybook" LOGIN;\n'
        "    END IF;\n"
        "END $tallybook$;\n"
        'ALTER ROLE "tallybook" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS '
        "NOINHERIT\n"
        "    CONNECTION LIMIT 8;\n"
        'ALTER ROLE "tallybook" SET default_transaction_read_only = on;\n'
        "ALTER ROLE \"tallybook\" SET statement_timeout = '90s';\n"
        "ALTER ROLE \"tallybook\" SET lock_timeout = '500ms';\n"
        "ALTER ROLE \"tallybook\" SET idle_in_transaction_session_timeout = '5min';\n"
        'GRANT CONNECT ON DATABASE "unleash" TO "tallybook";\n'
        'GRANT USAGE ON SCHEMA "public" TO "tallybook";\n'
        'REVOKE ALL ON ALL TABLES IN SCHEMA "public" FROM "tallybook";\n'
        'GRANT SELECT ("name") ON "public"."features" TO "tallybook";\n'
        'GRANT SELECT ("id", "seen_at") ON "public"."users" TO "tallybook";\n'
        "COMMIT;\n"
        "-- Then give it a password:  \\password tallybook\n"
    )


def test_names_are_quoted_wherever_they_stand() -> None:
    sql = grants_sql(
        ["users.id"], role='o"dd', database="data'base", schema='sche"ma', functions=False
    )

    assert "WHERE rolname = 'o\"dd'" in sql
    assert 'CREATE ROLE "o""dd" LOGIN;' in sql
    assert 'GRANT CONNECT ON DATABASE "data\'base" TO "o""dd";' in sql
    assert 'GRANT SELECT ("id") ON "sche""ma"."users" TO "o""dd";' in sql


def test_nothing_forbidden_is_granted() -> None:
    assert granted_columns() & FORBIDDEN == set()


def test_with_functions_the_settings_stay_closed() -> None:
    sql = sql_for("8.2", functions=True)

    assert {c for c in granted_in(sql) if c.startswith("settings.")} == set()
    assert 'GRANT EXECUTE ON FUNCTION tallybook.settings() TO "tallybook";' in sql


def test_the_newest_release_has_every_column() -> None:
    assert granted_in(sql_for("8.2")) == granted_columns()


def test_every_granted_column_is_known_to_some_release() -> None:
    assert granted_columns() - columns_of_release("8.2") == set()


@pytest.mark.parametrize("release", sorted({r.release for r in known_releases()}))
def test_every_release_gets_the_columns_that_its_schema_has(release: str) -> None:
    granted = granted_in(sql_for(release))

    assert granted == columns_of_release(release) & granted_columns()
    assert {"users.id", "features.archived_at", "migrations.name"} <= granted


def test_an_older_release_gets_fewer_columns() -> None:
    assert columns_of_release("4.17") < columns_of_release("6.0") < columns_of_release("8.2")


@pytest.mark.parametrize("release", ["8.2", "v8.2", "8.2.0", "v8.2.0", "8"])
def test_a_release_is_named_as_people_name_it(release: str) -> None:
    assert sql_for(release) == sql_for("8.2.0")


@pytest.mark.parametrize("release", ["", "9.9", "8.2.99", "latest", "4.16", "7.", "8.2.0-beta"])
def test_an_unknown_release_gets_those_that_are_known(release: str) -> None:
    with pytest.raises(BadInput) as refusal:
        sql_for(release)

    last = known_releases()[-1].release
    assert str(refusal.value) == f"no Unleash release {release!r} is known"
    assert refusal.value.hint == f"Known are 4.17.0 to {last}; name one like 8.2 or 7.4.1."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"),
        (0.001, "1ms"),
        (0.25, "250ms"),
        (2, "2s"),
        (60, "1min"),
        (90, "90s"),
        (3600, "1h"),
        (86400, "1d"),
    ],
)
def test_a_timeout_is_written_as_postgresql_gives_it_back(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_literal_holds_any_text() -> None:
    assert literal("it's") == "'it''s'"
