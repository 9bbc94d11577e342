"""Rows that Unleash never meant to write: each costs at most its own statistic, and is named."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from etl.catalogue import UNLEASH
from etl.grants import granted_columns
from etl.snapshot import MAX_NAME_BYTES, MAX_NAMES, Place, Reading
from etl.statistic import needed
from tests.readers import Reader, let_in
from tests.servers import Database
from warehouse.payload import NO_PREVIOUS
from warehouse.record import MAX_PAYLOAD, encode

pytestmark = pytest.mark.slow

NO_CHARACTER = r"""{{"enabled": true, "certificate": "\u{}"}}"""
ODD_CONSTRAINTS = "constraints, or the values of one, are no JSON array"
ODD_SETTING = "the setting is no JSON object"
SAML = "unleash.enterprise.auth.saml"


@dataclass(frozen=True)
class Malformed:
    """A malformed row and what it costs: values that change, remarks, statistics lost."""

    story: str
    sql: str
    changes: dict[str, object]
    remarks: dict[str, str]
    unavailable: dict[str, str]


def strategies(*constraints: str) -> str:
    """Add a flag with a strategy of two good constraints, and one more for each of these."""
    rows = enumerate(('[{"values": ["a", "b"]}, {}]', *constraints))
    return "INSERT INTO features (name) VALUES ('live');" + "".join(
        "INSERT INTO feature_strategies (id, feature_name, project_name, strategy_name,"
        f" constraints) VALUES ('strategy {n}', 'live', 'default', 'default', '{text}');"
        for n, text in rows
    )


def odd_strategies(story: str, *constraints: str, most: int = 2) -> Malformed:
    """Expect the good strategy to be counted, and the others to be named."""
    rows = "row" if len(constraints) == 1 else "rows"
    remark = f"{len(constraints)} malformed {rows} left out, 'strategy 1' first: {ODD_CONSTRAINTS}"
    return Malformed(
        story,
        strategies(*constraints),
        {"maxConstraints": most, "maxConstraintValues": 2},
        dict.fromkeys(("maxConstraints", "maxConstraintValues"), remark),
        {},
    )


def odd_setting(content: str) -> Malformed:
    """Expect sign-in by SAML to be off, and all four switches to say why they may be wrong."""
    remark = f"1 malformed row left out, {SAML!r} first: {ODD_SETTING}"
    names = ("OIDCenabled", "SAMLenabled", "SCIMenabled", "passwordAuthEnabled")
    return Malformed(
        f"a setting that is {content}",
        f"INSERT INTO settings VALUES ('{SAML}', '{content}')",
        {},
        dict.fromkeys(names, remark),
        {},
    )


MALFORMED = (
    odd_strategies("constraints that are an object", '{"values": ["a", "b", "c"]}'),
    odd_strategies("constraints that are scalars", '"text"', "5", "null", "true"),
    odd_strategies("values that are text", '[{"values": "abc"}, {}, {}]', most=3),
    odd_strategies("values that are an object", '[{"values": {"a": 1}}]'),
    Malformed(
        "constraints that are no objects are counted, and have no values",
        strategies('[1, "x", null, [["a", "b", "c"]]]'),
        {"maxConstraints": 4, "maxConstraintValues": 2},
        {},
        {},
    ),
    *(odd_setting(content) for content in ("5", '"text"', "true", '[{"enabled": true}]')),
    *(odd_setting(NO_CHARACTER.format(letter)) for letter in ("0000", "d83d", "DFFFx")),
    Malformed(
        "people seen at the end of time",
        """INSERT INTO users (username, seen_at, deleted_at) VALUES
           ('ann', 'infinity', '-infinity'), ('bob', '-infinity', 'infinity'),
           ('eve', '294276-12-31 23:59:59', '294276-12-31 23:59:59 UTC'),
           ('adam', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00 BC')""",
        {f"activeUsers.last{days}": 2 for days in (7, 30, 60, 90)},
        {},
        {},
    ),
    Malformed(
        "days at the end of time",
        """INSERT INTO stat_environment_updates (day, environment, updates) VALUES
           ('infinity', 'production', 1), ('-infinity', 'production', 10),
           ('5874897-12-31', 'production', 100), ('4713-01-01 BC', 'production', 1000);
           INSERT INTO stat_traffic_usage VALUES ('infinity', 'api', 200, 1);
           INSERT INTO edge_node_presence VALUES ('infinity', 'a'), ('-infinity', 'b');
           INSERT INTO client_metrics_env VALUES ('x', 'shop', 'live', 'infinity', 1, 1);
           INSERT INTO client_instances (app_name, instance_id, last_seen) VALUES
           ('first', '1', '-infinity'), ('last', '1', '294276-12-31 23:59:59 UTC')""",
        {
            **{f"productionChanges.last{days}": 101 for days in (30, 60, 90)},
            "trafficThisMonth": 1,
            "clientApps.7d": 1,
            "clientApps.30d": 1,
            "clientApps.allTime": 2,
        },
        {},
        {},
    ),
    Malformed(
        "numbers that no record can hold",
        """INSERT INTO stat_traffic_usage
           VALUES (date_trunc('month', now(), 'UTC')::date, 'api', 200, 9007199254740992)""",
        {},
        {},
        {"trafficThisMonth": "expected a count, found 9007199254740992"},
    ),
    Malformed(
        "numbers that PostgreSQL cannot add up",
        """INSERT INTO stat_environment_updates
           SELECT now()::date - n, 'production', 9223372036854775807
           FROM unnest('{1,2,40}'::int[]) AS n""",
        {},
        {},
        {
            **{f"productionChanges.last{days}": "bigint out of range" for days in (30, 60, 90)},
            "names.changes": "updates 9223372036854775807 is beyond ±(2^53 - 1)",
        },
    ),
    Malformed(
        "a token of a type in other letters",
        """INSERT INTO api_tokens (secret, username, type)
           VALUES (':1', 'a', 'тип'), (':2', 'b', E'a\\nb')""",
        {"apiTokens.%D1%82%D0%B8%D0%BF": 1, "apiTokens.a%0Ab": 1},
        {},
        {},
    ),
    Malformed(
        "thousands of types",
        """INSERT INTO api_tokens (secret, username, type)
           SELECT ':' || n, 'a', repeat('x', 200) || n FROM generate_series(1, 6000) AS n""",
        {},
        {},
        {"apiTokens": "6000 labels, more than 100"},
    ),
    Malformed(
        "a type as long as a book",
        """INSERT INTO api_tokens (secret, username, type)
           VALUES (':1', 'a', repeat('x', 2000000))""",
        {},
        {},
        {"apiTokens": "a label of 2000000 characters, beginning 'xxxxxxxxxxxxxxxxxxxx'"},
    ),
)


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda malformed: malformed.story)
def test_a_malformed_row_costs_at_most_its_own_statistic(
    reader: Reader, malformed: Malformed
) -> None:
    before = reader.read()
    reader.database.execute(malformed.sql)

    after = reader.read()

    assert {missing.statistic: missing.reason for missing in after.troubles} == (
        malformed.unavailable
    )
    assert after.remarks == malformed.remarks
    assert untouched(after, malformed) == untouched(before, malformed)
    assert {name: after.stats.get(name) for name in malformed.changes} == malformed.changes
    assert len(payload(after)) <= MAX_PAYLOAD


# What a strategy of a flag adds by being there, malformed or not.
BESIDE = (
    *("featureToggles", "featureTogglesByType.release", "maxEnvironmentStrategies"),
    *("largestFeatureEnvironmentSize", "largestProjectEnvironmentSize", "licensedUsers"),
    "largestProjectFeatureEnvironments",
)


def untouched(reading: Reading, malformed: Malformed) -> dict[str, object]:
    touched = {*malformed.changes, *malformed.unavailable, *BESIDE}
    return {name: value for name, value in reading.stats.items() if name not in touched}


def payload(reading: Reading) -> bytes:
    place = Place(
        log="example.com/test",
        index=1,
        seq=0,
        prev=NO_PREVIOUS,
        recorded_at="2026-11-23T02:00:00.000Z",
        nonce="0" * 32,
        tool="tallybook/test",
    )
    return encode(reading.payload(place))


def test_names_are_bounded_and_the_rest_is_counted(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO client_instances (app_name, instance_id)
        SELECT 'app ' || to_char(n, 'FM0000'), '1' FROM generate_series(1, 6000) AS n
    """)

    reading = reader.read()

    assert reading.names.apps == [f"app {n:04}" for n in range(1, MAX_NAMES + 1)]
    assert reading.names.omitted == {"apps": 1_000}
    assert reading.stats["clientApps.allTime"] == 6_000
    assert len(payload(reading)) <= MAX_PAYLOAD


def test_a_type_of_environments_as_long_as_a_book_is_counted_only(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO environments (name, type) VALUES ('book', repeat('x', 2000000));
        INSERT INTO stat_environment_updates (day, environment, updates)
        VALUES (now()::date, 'book', 1), (now()::date, 'a page', 1)
    """)

    reading = reader.read()

    assert [changes.environment for changes in reading.names.changes] == ["a page"]
    assert reading.names.omitted == {"changes": 1}
    assert len(payload(reading)) <= MAX_PAYLOAD


@pytest.mark.parametrize("letter", ["ж", "☕", "🦊", "\x01", '"'])
def test_names_of_255_odd_letters_never_make_a_record_too_large(
    reader: Reader, letter: str
) -> None:
    name = "chr(" + str(ord(letter)) + ")"
    reader.database.execute(f"""
        INSERT INTO client_instances (app_name, instance_id)
        SELECT rpad(n::text, 255, {name}), '1' FROM generate_series(1, 2000) AS n;
        INSERT INTO features (name, project)
        SELECT n, rpad(n::text, 255, {name}) FROM generate_series(1, 2000) AS n;
        INSERT INTO stat_environment_updates (day, environment, updates)
        SELECT now()::date, rpad(n::text, 255, {name}), 1 FROM generate_series(1, 2000) AS n
    """)

    reading = reader.read()

    for field in ("apps", "changes", "flags"):
        kept = getattr(reading.names, field)
        assert len(kept) >= 50
        assert len(kept) + reading.names.omitted[field] == 2_000
    assert len("".join(reading.names.apps).encode()) <= MAX_NAME_BYTES
    assert len(payload(reading)) <= MAX_PAYLOAD


# What tells which instance this is, and of which release: a row of NULLs tells nothing.
IDENTITY = {"settings", "migrations"}
TABLES = sorted({column.partition(".")[0] for column in granted_columns()} - IDENTITY)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_of_nothing_but_null_costs_no_other_statistic(reader: Reader, table: str) -> None:
    before = reader.read().stats
    reader.database.execute(all_null(reader.database.rows, table))

    reading = reader.read()

    about = {s.name for p, s in UNLEASH.statistics() if f"{table}." in " ".join(needed(p, s))}
    families = {name: name.partition(".")[0] for name in {*before, *reading.stats}}
    beside = {n for n, family in families.items() if not {n, family} & about}
    assert {m.statistic for m in reading.troubles} <= about
    assert {n: reading.stats.get(n) for n in beside} == {n: before.get(n) for n in beside}


def all_null(rows: Callable[[str], list[tuple[str, ...]]], table: str) -> str:
    """Return SQL that adds a row of NULLs to a table, whatever its columns forbid."""
    columns = rows(f"""
        SELECT attname FROM pg_attribute
        WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped
    """)
    names = [f'"{name}"' for (name,) in columns]
    drops = ", ".join(f"ALTER COLUMN {name} DROP NOT NULL" for name in names)
    keys = rows(f"""
        SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p'
    """)
    gone = "".join(f"ALTER TABLE {table} DROP CONSTRAINT {key} CASCADE;" for (key,) in keys)
    nulls = ", ".join("NULL" for _ in names)
    return (
        f"{gone} ALTER TABLE {table} {drops};"
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({nulls})"
    )


@pytest.mark.parametrize(
    "content",
    [
        *("NULL", "'5'", "'[]'", "'null'", """'{"id": "\\u0000"}'""", """'{"id": null}'"""),
        "json_build_object('id', repeat('x', 2000000))",
    ],
    ids=str,
)
def test_an_instance_without_an_id_is_one_that_never_started(reader: Reader, content: str) -> None:
    reader.database.execute(f"UPDATE settings SET content = {content} WHERE name = 'instanceInfo'")

    reading = reader.read()

    assert reading.instance.id == "unresolved-instance-id"
    assert reading.troubles == []


def test_an_escaped_pair_of_surrogates_is_a_character(reader: Reader) -> None:
    content = NO_CHARACTER.format(r"d83e\udd8a")
    reader.database.execute(f"INSERT INTO settings VALUES ('{SAML}', '{content}')")

    reading = reader.read()

    assert reading.stats["SAMLenabled"] is True
    assert reading.remarks == {}


def test_without_functions_a_malformed_setting_costs_its_own_switch(unleash: Database) -> None:
    content = NO_CHARACTER.format("0000")
    unleash.execute(f"INSERT INTO settings VALUES ('{SAML}', '{content}')")
    unleash.execute(f"UPDATE settings SET content = '{content}' WHERE name = 'instanceInfo'")

    reading = let_in(unleash, functions=False).read()

    assert reading.instance.id == "unresolved-instance-id"
    assert [(missing.statistic, missing.reason) for missing in reading.troubles] == [
        ("SAMLenabled", "unsupported Unicode escape sequence")
    ]
