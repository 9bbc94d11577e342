"""The language of the catalogue, and what holds for every statistic in it."""

import re

import pytest

from etl.catalogue import UNLEASH
from etl.catalogue.listings import LISTINGS
from etl.grants import granted_columns
from etl.statistic import (
    WINDOWS,
    Catalogue,
    Odd,
    Probe,
    Schema,
    Statistic,
    Unavailable,
    define,
    fit,
    needed,
    optional,
    query,
    why_unavailable,
)
from etl.version import known_releases
from warehouse.answer import FIELDS
from warehouse.contract import CHECKSUMMED

USERS = Statistic(
    name="users",
    meaning="People.",
    sql="count(*) FILTER (WHERE id > 0[[users.deleted_at:  AND deleted_at IS NULL]])",
    since="4.17",
    unit="people",
)
SEEN = Statistic(
    name="seen",
    meaning="People seen.",
    sql="count(*) FILTER (WHERE seen_at > {week_ago})",
    since="5.0",
    needs=("users.seen_at",),
    window="week",
)
PEOPLE = Probe("people", "users", ("users.id",), (USERS, SEEN))
BY_TYPE = Probe("people", "users", ("users.id",), (USERS,), label="type")
STATISTICS = list(UNLEASH.statistics())
NAMES = [statistic.name for _, statistic in STATISTICS]


def schema(*columns: str, closed: tuple[str, ...] = ()) -> Schema:
    return Schema(columns=frozenset(columns), readable=frozenset(columns) - set(closed))


def test_the_statistics_of_a_probe_are_one_query() -> None:
    assert query(PEOPLE, (USERS, SEEN)) == (
        f'SELECT {USERS.sql} AS "users", {SEEN.sql} AS "seen" FROM users'
    )


def test_a_label_is_a_group() -> None:
    assert query(BY_TYPE, (USERS,)) == (
        f'SELECT type AS label, {USERS.sql} AS "users" FROM users GROUP BY 1'
    )


def test_malformed_rows_are_counted_beside_the_others() -> None:
    odd = Odd(where="id < 0", example="id", reason="ids are above 0")
    probe = Probe("people", "users", ("users.id",), (USERS,), odd=odd)

    assert query(probe, (USERS,)) == (
        f'SELECT {USERS.sql} AS "users", count(*) FILTER (WHERE id < 0) AS odd_rows, '
        "min(id) FILTER (WHERE id < 0) AS odd_example FROM users"
    )


def test_sql_keeps_what_the_schema_has_and_drops_what_it_lacks() -> None:
    with_it = fit(USERS.sql, schema("users.id", "users.deleted_at"), {})
    without = fit(USERS.sql, schema("users.id"), {})

    assert with_it == "count(*) FILTER (WHERE id > 0 AND deleted_at IS NULL)"
    assert without == "count(*) FILTER (WHERE id > 0)"


def test_windows_become_the_literals_of_the_moment() -> None:
    moment = {"week_ago": "'2026-11-16'::timestamptz"}

    fitted = fit(SEEN.sql, schema(), moment)

    assert fitted == "count(*) FILTER (WHERE seen_at > '2026-11-16'::timestamptz)"


def test_what_is_needed_and_what_is_optional_are_told_apart() -> None:
    assert needed(PEOPLE, SEEN) == ("users.id", "users.seen_at")
    assert optional(PEOPLE, USERS) == ("users.deleted_at",)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (schema("users.id", "users.seen_at"), None),
        (
            schema("users.id"),
            Unavailable(
                "seen", "schema", "users.seen_at: not in this schema, Unleash older than 5.0"
            ),
        ),
        (
            schema("users.id", "users.seen_at", closed=("users.id", "users.seen_at")),
            Unavailable("seen", "permission", "users.id, users.seen_at: permission denied"),
        ),
        (
            schema("users.seen_at", closed=("users.seen_at",)),
            Unavailable("seen", "schema", "users.id: not in this schema, Unleash older than 5.0"),
        ),
    ],
)
def test_what_a_database_cannot_tell_has_a_reason(
    there: Schema, expected: Unavailable | None
) -> None:
    assert why_unavailable(PEOPLE, SEEN, there) == expected


def test_a_column_that_is_there_and_closed_is_not_silently_left_out() -> None:
    there = schema("users.id", "users.deleted_at", closed=("users.deleted_at",))

    assert why_unavailable(PEOPLE, USERS, there) == (
        Unavailable("users", "permission", "users.deleted_at: permission denied")
    )


def test_a_definitions_hash_covers_what_decides_the_value_and_no_words() -> None:
    reworded = Statistic(**{**vars(USERS), "meaning": "Users.", "unit": "users", "since": "4.18"})
    recounted = Statistic(**{**vars(USERS), "sql": "count(*)"})
    renamed = Statistic(**{**vars(USERS), "name": "people"})
    retyped = Statistic(**{**vars(USERS), "kind": "ratio"})

    hashes = [define(PEOPLE, s).hash for s in (USERS, reworded, recounted, renamed, retyped)]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_a_catalogue_knows_its_columns_and_tables() -> None:
    catalogue = Catalogue((PEOPLE,))

    assert catalogue.columns() == {"users.id", "users.deleted_at", "users.seen_at"}
    assert catalogue.tables() == {"users"}


def test_every_name_is_there_once() -> None:
    assert sorted(set(NAMES)) == sorted(NAMES)


def test_every_field_of_the_endpoint_is_counted() -> None:
    families = {name.partition(".")[0] for name in NAMES}

    assert set(FIELDS) - families == set()
    assert set(CHECKSUMMED) - set(NAMES) == set()


@pytest.mark.parametrize(("probe", "statistic"), STATISTICS, ids=NAMES)
def test_every_statistic_is_told_in_full(probe: Probe, statistic: Statistic) -> None:
    releases = [release.release for release in known_releases()]

    assert statistic.meaning.endswith(".")
    assert statistic.meaning[0].isupper()
    assert statistic.kind in ("count", "bytes", "ratio", "switch")
    assert statistic.unit or statistic.kind == "switch"
    assert any(release.startswith(statistic.since) for release in releases)
    assert needed(probe, statistic)


@pytest.mark.parametrize(("probe", "statistic"), STATISTICS, ids=NAMES)
def test_every_statistic_says_the_window_it_looks_at(probe: Probe, statistic: Statistic) -> None:
    sql = query(probe, (statistic,))
    gaps = set(re.findall(r"\{(\w+)\}", sql))

    assert gaps <= WINDOWS.keys()
    assert bool(statistic.window) or not gaps - {"now"}


def test_a_probe_with_labels_has_one_statistic() -> None:
    assert [
        p.statistics[0].name for p in UNLEASH.probes if p.label and len(p.statistics) != 1
    ] == []


def test_nothing_is_read_that_is_not_granted_or_made_by_a_function() -> None:
    read = UNLEASH.columns() | {column for listing in LISTINGS for column in listing.needs}
    functions = {"api_token_forms"}

    assert {c for c in read - granted_columns() if c.partition(".")[0] not in functions} == set()
