"""Every schema that a release of Unleash had, from 4.17 on: what can be told is, the rest says why.

The older schemas are ours of 8.2 without the columns and tables that came later.
"""

import csv
from itertools import groupby
from pathlib import Path

import pytest

import etl
from etl.access import grants_for_release
from etl.catalogue import UNLEASH
from etl.catalogue.listings import LISTINGS
from etl.statistic import needed
from tests.readers import ROLE, Reader, grants_of, let_in
from tests.servers import Database

pytestmark = pytest.mark.slow

HERE = Path(etl.__file__).parent


def table_of(column: str) -> str:
    return column.partition(".")[0]


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="") as file:
        return list(csv.DictReader(file))


BORN = {row["column"]: row["since_migration"] for row in rows("columns.csv")}


def columns_after(migration: str) -> frozenset[str]:
    return frozenset(column for column, born in BORN.items() if born <= migration)


def different_schemas() -> list[tuple[str, str]]:
    """Return the first release of each run of releases with equal columns, and its migration."""
    releases = [(row["release"], row["newest_migration"]) for row in rows("releases.csv")]
    runs = groupby(releases, key=lambda release: columns_after(release[1]))
    return [next(run) for _, run in runs]


SCHEMAS = different_schemas()


def age(database: Database, migration: str) -> frozenset[str]:
    """Take away what came after a migration; return the columns that went."""
    there = columns_after(migration)
    gone = BORN.keys() - there
    tables_gone = {table_of(column) for column in gone} - {table_of(column) for column in there}
    for table in sorted(tables_gone):
        database.execute(f"DROP TABLE {table} CASCADE")
    for column in sorted(gone):
        table, _, name = column.partition(".")
        if table not in tables_gone:
            database.execute(f"ALTER TABLE {table} DROP COLUMN {name} CASCADE")
    database.execute(f"DELETE FROM migrations WHERE ltrim(name, '/') > '{migration}'")
    return frozenset(gone)


def release_number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def is_older(release: str, since: str) -> bool:
    return release_number(release) < release_number(since)


def expected_reasons(gone: frozenset[str]) -> dict[str, str]:
    """What the catalogue needs and is gone, by statistic, as a snapshot has to say it."""
    wanted = [(s.name, s.since, needed(probe, s)) for probe, s in UNLEASH.statistics()]
    wanted += [(listing.name, listing.since, listing.needs) for listing in LISTINGS]
    return {
        name: f"{missing[0]}: not in this schema, Unleash older than {since}"
        for name, since, needs in wanted
        if (missing := [column for column in needs if column in gone])
    }


def test_there_are_many_schemas_and_the_newest_lacks_nothing() -> None:
    releases = [release for release, _ in SCHEMAS]

    assert len(releases) > 15
    assert releases[0] == "4.17.0"
    assert columns_after(SCHEMAS[-1][1]) == BORN.keys()


@pytest.mark.parametrize(("release", "migration"), SCHEMAS, ids=[name for name, _ in SCHEMAS])
def test_a_schema_is_read_as_far_as_it_goes(
    unleash: Database, release: str, migration: str
) -> None:
    gone = age(unleash, migration)
    reader = let_in(unleash)

    one, four = reader.read(), reader.read(parallel=4)

    found = {missing.statistic: missing.reason for missing in one.unavailable}
    assert found == expected_reasons(gone)
    assert one.troubles == []
    assert (four.stats, four.unavailable) == (one.stats, one.unavailable)


@pytest.mark.parametrize(("release", "migration"), SCHEMAS, ids=[name for name, _ in SCHEMAS])
def test_a_statistic_is_there_from_the_release_that_the_dictionary_names(
    release: str, migration: str
) -> None:
    reasons = expected_reasons(frozenset(BORN.keys() - columns_after(migration)))

    since = {statistic.name: statistic.since for _, statistic in UNLEASH.statistics()}
    since |= {listing.name: listing.since for listing in LISTINGS}
    older = {name for name, first in since.items() if is_older(release, first)}
    assert older == reasons.keys()


@pytest.mark.parametrize(("release", "migration"), SCHEMAS, ids=[name for name, _ in SCHEMAS])
def test_grants_for_a_release_are_those_for_its_database(
    unleash: Database, release: str, migration: str
) -> None:
    age(unleash, migration)

    for functions in (True, False):
        for_release = grants_for_release(release, ROLE, unleash.name, "public", functions=functions)
        assert for_release == grants_of(unleash, functions=functions)


def test_the_role_of_an_older_release_reads_a_newer_one_but_for_what_is_new(
    unleash: Database,
) -> None:
    unleash.execute(grants_for_release("6.10", ROLE, unleash.name, "public"))
    unleash.execute(f"ALTER ROLE {ROLE} PASSWORD 'a password for one test'")

    reading = Reader(unleash).read()

    assert {missing.statistic: missing.reason for missing in reading.troubles} == {
        "apiTokensV2": "api_tokens_v2.type: permission denied",
        "edgeInstanceUsage": "edge_node_presence.bucket_ts: permission denied",
        "projectContextFields": "context_fields.project: permission denied",
        "readOnlyUsers": "users.seat_type: permission denied",
    }
