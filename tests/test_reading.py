"""Readings of hand-made databases: every statistic's value, and what its edge cases give.

Everything is read as the role of `tallybook grants`.
"""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from etl.catalogue import UNLEASH
from etl.snapshot import Reading
from tests import small_worlds, small_worlds_of_machines
from tests.readers import Reader, let_in
from tests.servers import Database
from tests.small_worlds import World
from warehouse.payload import EnvironmentChanges, Names, ProjectFlags

pytestmark = pytest.mark.slow

WORLDS = (*small_worlds.WORLDS, *small_worlds_of_machines.WORLDS)
# Told by tests of their own, below.
EDGE = "edgeInstanceUsage"


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.story)
def test_a_small_world_has_the_numbers_it_was_made_with(unleash: Database, world: World) -> None:
    unleash.execute(world.sql)

    reading = let_in(unleash).read()

    assert {name: reading.stats.get(name) for name in world.values} == world.values
    assert reading.unavailable == []
    assert reading.remarks == {}


def test_every_statistic_is_counted_in_some_small_world(reader: Reader) -> None:
    fresh = reader.read().stats

    telling = {
        name for world in WORLDS for name, value in world.values.items() if value != fresh.get(name)
    }

    families = telling | {name.partition(".")[0] for name in telling} | {EDGE}
    assert [s.name for _, s in UNLEASH.statistics() if s.name not in families] == []


def test_a_labelled_statistic_has_no_labels_but_those_found(reader: Reader) -> None:
    reader.database.execute("INSERT INTO features (name, type) VALUES ('x', 'sunset')")

    stats = reader.read().stats

    families = ("featureTogglesByType.", "apiTokens.", "featureLifecycles.")
    assert [name for name in stats if name.startswith(families)] == ["featureTogglesByType.sunset"]


def test_edge_usage_is_nodes_by_five_minutes_of_a_whole_month(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)
        SELECT bucket, node
        FROM (SELECT date_trunc('month', now(), 'UTC') AS month) AS this,
             generate_series(month - interval '1 month', month - interval '5 minutes',
                             interval '5 minutes') AS bucket,
             unnest('{a,b}'::text[]) AS node;
        INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)
        SELECT date_trunc('month', now(), 'UTC') - interval '13 months', 'too old'
    """)

    usage = edge_usage(reader.read())

    assert len(usage) == 12
    assert list(usage.values()) == ["0"] * 10 + ["2", "0"]


def test_edge_usage_of_this_month_is_of_the_part_that_has_passed(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)
        SELECT date_trunc('month', now(), 'UTC'), node::text FROM generate_series(1, 1000) AS node;
        INSERT INTO edge_node_presence VALUES (now() + interval '1 hour', 'of the future')
    """)

    reading = reader.read()

    began = reading.db_time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    buckets = (reading.db_time - began) // timedelta(minutes=5)
    share = Decimal(1000) / buckets if buckets else Decimal(0)
    rounded = share.quantize(Decimal("0.001"), ROUND_HALF_UP)
    assert edge_usage(reading)[f"{began:%Y-%m}"] == f"{rounded.normalize():f}"


def test_names_are_kept_with_the_numbers(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO client_instances (app_name, instance_id) VALUES
            ('shop', '1'), ('shop', '2'), ('billing', '1'), ('Kaffee ☕', '1');
        INSERT INTO features (name, project, archived_at) VALUES
            ('a', 'default', NULL), ('b', 'default', now()), ('c', 'default', NULL),
            ('d', 'x', NULL), ('e', NULL, NULL);
        INSERT INTO stat_environment_updates (day, environment, updates)
        SELECT (now() AT TIME ZONE 'UTC')::date - days, environment, updates
        FROM (VALUES (0, 'production', 3), (89, 'production', 4), (90, 'production', 5),
                     (1, 'deleted', 6), (-1, 'production', 7)) AS made(days, environment, updates)
    """)

    reading = reader.read()

    first_day = (reading.db_time.date() - timedelta(days=89)).isoformat()
    assert reading.names == Names(
        apps=["Kaffee ☕", "billing", "shop"],
        changes=[
            EnvironmentChanges(
                environment="deleted", type="", first_day=first_day, updates=[0] * 88 + [6, 0]
            ),
            EnvironmentChanges(
                environment="production",
                type="production",
                first_day=first_day,
                updates=[4, *[0] * 88, 3],
            ),
        ],
        flags=[
            ProjectFlags(project="", active=1, archived=0),
            ProjectFlags(project="default", active=2, archived=1),
            ProjectFlags(project="x", active=1, archived=0),
        ],
        omitted={},
    )


def test_one_connection_and_four_tell_the_same(lived_in_reader: Reader) -> None:
    one = lived_in_reader.read()

    four = lived_in_reader.read(parallel=4)

    assert four.stats == one.stats
    assert four.names == one.names
    assert (four.unavailable, four.remarks) == ([], {})


def test_a_reading_says_where_and_when_it_was_taken(reader: Reader) -> None:
    reading = reader.read()

    origin = reading.origin
    assert reading.instance.name == "prod"
    assert reading.instance.id == reader.database.value(
        "SELECT content->>'id' FROM settings WHERE name = 'instanceInfo'"
    )
    assert (reading.release.oss, origin.schema.migrations) == ("8.2.0", 397)
    assert (origin.database, origin.role) == (reader.database.name, "primary")
    assert origin.postgres == reader.database.value("SHOW server_version")
    assert origin.timeline == 1
    assert origin.lsn
    assert abs(reading.db_time - reading.taken_at) < timedelta(seconds=5)


def test_a_schema_of_another_name_is_read_in_place_of_public(unleash: Database) -> None:
    odd = 'Fläche, grün"; --'
    unleash.execute("""
        ALTER SCHEMA public RENAME TO "Fläche, grün""; --";
        CREATE SCHEMA public;
        CREATE TABLE public.users (id int);
    """)

    reading = let_in(unleash, schema=odd).read(schema=odd)

    assert reading.stats["users"] == 1
    assert reading.unavailable == []


def test_functions_tell_only_of_the_schema_that_they_were_made_for(unleash: Database) -> None:
    unleash.execute("""
        CREATE SCHEMA other;
        CREATE TABLE other.features AS SELECT * FROM features;
        CREATE TABLE other.settings AS SELECT * FROM settings WHERE false;
        CREATE TABLE other.migrations AS SELECT * FROM migrations;
    """)
    let_in(unleash)
    without = let_in(unleash, schema="other", functions=False)

    there, elsewhere = without.read(), without.read(schema="other")

    assert there.instance.id != "unresolved-instance-id"
    assert elsewhere.instance.id == "unresolved-instance-id"


def edge_usage(reading: Reading) -> dict[str, object]:
    return {
        name.removeprefix(f"{EDGE}."): value
        for name, value in reading.stats.items()
        if name.startswith(EDGE)
    }
