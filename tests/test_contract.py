"""The SQL contract: what analysts may rely on, in any DuckDB, while the product writes."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl.snapshot import MissedSlot
from tests.builders import (
    A_MONDAY,
    DAY,
    ORIGIN,
    PROD,
    SOME_DEFINITIONS,
    SOME_STATS,
    History,
    a_history,
    a_reading,
)
from warehouse import catalog
from warehouse.answer import endpoint_checksum
from warehouse.contract import VIEWS
from warehouse.note import parse_checkpoint
from warehouse.payload import Instance, Snapshot
from warehouse.query import ask
from warehouse.record import decode

# The command line of DuckDB itself, from a package of its own.
DUCKDB = Path(sys.executable).with_name("duckdb")

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
STATISTICS = [
    *("users", "featureToggles", "projects", "roles", "groups", "environments", "segments"),
    *("activeUsers_last30", "apiTokens_admin", "averageFlags", "SAMLenabled"),
]
SNAPSHOTS = [
    *("instance_id", "instance", "taken_at", "due_at", "provenance", "version_oss"),
    *("version_enterprise", "schema", "db_time", "recorded_at", "log", "index", "definitions"),
    *("sum", *STATISTICS),
]
PERIOD = ["first", "last", "min", "max", "avg", "n", "provenance"]
COLUMNS = {
    "snapshots": SNAPSHOTS,
    "latest": SNAPSHOTS,
    "statistic_values": [
        *("instance_id", "instance", "taken_at", "statistic", "value", "provenance", "definition"),
    ],
    "instances": [
        *("instance_id", "instance", "first_taken_at", "last_taken_at", "snapshots"),
        "version_oss",
    ],
    "statistics": [
        *("statistic", "column_name", "subject", "meaning", "unit", "kind", "time_window"),
        *("since", "definition"),
    ],
    "definitions": [
        *("definitions", "statistic", "definition", "meaning", "unit", "time_window"),
        *("labelled", "reads", "sql"),
    ],
    "ledger": [
        *("log", "index", "type", "instance_id", "instance", "seq", "recorded_at", "payload"),
        *("signature", "key_id", "checkpoint"),
    ],
    "daily": [*("instance_id", "instance", "day", "statistic"), *PERIOD],
    "monthly": [*("instance_id", "instance", "month", "statistic"), *PERIOD],
    "dates": [
        *("day", "year", "quarter", "month", "day_of_month", "day_of_year", "iso_year", "iso_week"),
        *("weekday", "weekday_name", "month_name", "week_start", "month_start", "quarter_start"),
        *("is_weekend", "is_month_end", "is_quarter_end", "is_year_end"),
    ],
    "apps": ["instance_id", "instance", "app", "first_taken_at", "last_taken_at", "snapshots"],
    "apps_monthly": ["instance_id", "instance", "month", "apps", "snapshots", "omitted"],
    "apps_windows": [
        *("instance_id", "instance", "days", "until", "apps", "complete", "omitted"),
    ],
    "environment_changes": [
        *("instance_id", "instance", "environment", "type", "day", "changes", "complete"),
        "taken_at",
    ],
    "gaps": [
        *("instance_id", "instance", "due_at", "reason", "recorded_at", "log", "index"),
    ],
}


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    made = a_history(tmp_path_factory.mktemp("contract"))
    made.take_days(3)
    made.take(a_reading(instance=STAGING, taken_at=A_MONDAY + DAY, due_at=A_MONDAY + DAY))
    made.log.append([MissedSlot(STAGING, A_MONDAY + 2 * DAY, "nobody answered")])
    catalog.refresh(made.root)
    return made


@pytest.fixture
def plain(history: History) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(history.root / "catalog.duckdb"), read_only=True) as connection:
        yield connection


def test_a_missed_slot_is_a_gap_and_no_snapshot(history: History) -> None:
    found = rows(history, "SELECT instance, due_at, reason, log, index FROM gaps")

    assert found == [("staging", naive(A_MONDAY + 2 * DAY), "nobody answered", ORIGIN, 5)]
    assert rows(history, "SELECT max(index) FROM snapshots") == [(4,)]


def test_the_newest_record_of_a_commit_carries_the_head_of_its_log(history: History) -> None:
    found = rows(history, "SELECT index, checkpoint FROM ledger ORDER BY index")

    heads = [parse_checkpoint(note) for _, note in found]
    assert [(head.origin, head.size) for head in heads] == [(ORIGIN, n + 1) for n in range(6)]


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    return ask(history.root, sql).rows


def test_the_views_are_those_of_the_contract(plain: duckdb.DuckDBPyConnection) -> None:
    found = plain.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()

    assert {name for (name,) in found} == set(VIEWS) == set(COLUMNS)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_columns_of_the_contract(history: History, view: str) -> None:
    assert list(ask(history.root, f"SELECT * FROM {view} LIMIT 0").columns) == COLUMNS[view]


def test_every_view_and_every_column_has_a_comment(plain: duckdb.DuckDBPyConnection) -> None:
    views = plain.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal")
    silent = [name for name, comment in views.fetchall() if not comment]
    columns = plain.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    )
    silent += [f"{table}.{name}" for table, name, comment in columns.fetchall() if not comment]

    assert silent == []


def test_a_statistics_comment_is_its_meaning(plain: duckdb.DuckDBPyConnection) -> None:
    found = plain.execute(
        "SELECT comment FROM duckdb_columns() WHERE column_name = 'users' AND NOT internal"
    ).fetchall()

    assert found == [("What users means. Unit: pieces.",)] * 2


def test_times_are_in_utc_without_a_zone(plain: duckdb.DuckDBPyConnection) -> None:
    found = plain.execute(
        "SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal"
        " AND (column_name LIKE '%\\_at' ESCAPE '\\' OR column_name = 'db_time')"
    ).fetchall()

    assert found == [("TIMESTAMP",)]


def test_a_column_has_the_type_of_its_statistics_kind(history: History) -> None:
    answer = ask(history.root, "SELECT users, averageFlags, SAMLenabled, sum FROM snapshots")

    assert answer.types == ("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR")


def test_a_snapshot_is_one_row(history: History) -> None:
    (row,) = ask(history.root, "FROM snapshots WHERE instance = 'staging'").as_dicts()

    (record,) = rows(history, "SELECT payload FROM ledger WHERE instance = 'staging' AND seq = 0")
    payload = decode(record[0])
    assert isinstance(payload, Snapshot)
    values = {name.replace(".", "_"): value for name, value in SOME_STATS.items()}
    assert row == {
        "instance_id": STAGING.id,
        "instance": "staging",
        "taken_at": naive(A_MONDAY + DAY),
        "due_at": naive(A_MONDAY + DAY),
        "provenance": "observed",
        "version_oss": "8.2.0",
        "version_enterprise": "",
        "schema": "20260713120000-add-v2-tokens",
        "db_time": naive(A_MONDAY + DAY).replace(microsecond=250_000),
        "recorded_at": naive(datetime.fromisoformat(payload.recorded_at)),
        "log": ORIGIN,
        "index": 4,
        "definitions": payload.definitions,
        "sum": endpoint_checksum(payload),
        **values,
        "averageFlags": 48.5,
    }


def test_the_sum_is_the_checksum_of_the_endpoint(history: History) -> None:
    counts = "120" + "340" + "7" + "6" + "4" + "3" + "11"
    expected = hashlib.sha256((PROD.id + counts).encode()).hexdigest()

    assert rows(history, "SELECT sum FROM snapshots WHERE users = 120 AND instance = 'prod'") == [
        (expected,)
    ]


def test_there_is_no_sum_where_a_part_of_it_is_missing(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": 1}))

    assert rows(history, "SELECT sum, featureToggles, users FROM snapshots") == [(None, None, 1)]


def test_latest_is_the_newest_snapshot_of_each_instance(history: History) -> None:
    assert rows(history, "SELECT instance, taken_at, users FROM latest ORDER BY 1") == [
        ("prod", naive(A_MONDAY + 2 * DAY), 122),
        ("staging", naive(A_MONDAY + DAY), 120),
    ]


def test_latest_knows_which_of_two_at_one_time_came_last(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": 1}), a_reading({"users": 2}))

    assert rows(history, "SELECT users FROM latest") == [(2,)]


def test_instances_sums_up_each_instance(history: History) -> None:
    assert rows(history, "FROM instances ORDER BY instance") == [
        (PROD.id, "prod", naive(A_MONDAY), naive(A_MONDAY + 2 * DAY), 3, "8.2.0"),
        (STAGING.id, "staging", naive(A_MONDAY + DAY), naive(A_MONDAY + DAY), 1, "8.2.0"),
    ]


def test_a_cloned_database_is_another_instance(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading(), a_reading(instance=Instance(PROD.id, "clone")))

    assert rows(history, "SELECT instance, snapshots FROM instances ORDER BY 1") == [
        ("clone", 1),
        ("prod", 1),
    ]


def test_statistic_values_has_a_row_per_snapshot_and_statistic(history: History) -> None:
    found = rows(
        history,
        "SELECT statistic, value FROM statistic_values WHERE instance = 'staging' ORDER BY 1",
    )

    assert found == sorted((name, float(value)) for name, value in SOME_STATS.items())


def test_every_value_names_the_definition_it_was_counted_by(history: History) -> None:
    known = {d.name: d.hash for d in SOME_DEFINITIONS}

    found = rows(history, "SELECT DISTINCT statistic, definition FROM statistic_values")

    assert dict(found) == {
        name: known.get(name) or known[name.partition(".")[0]] for name in SOME_STATS
    }


def test_statistics_describes_every_column(history: History) -> None:
    found = rows(history, "FROM statistics WHERE statistic = 'apiTokens.admin'")

    (hashed,) = (d.hash for d in SOME_DEFINITIONS if d.name == "apiTokens")
    about = ("people", "What apiTokens means.", "pieces", "count", "", "4.17", hashed)
    assert found == [("apiTokens.admin", "apiTokens_admin", *about)]
    assert [name for (name,) in rows(history, "SELECT column_name FROM statistics")] == STATISTICS


def test_definitions_has_every_definition_of_every_set(history: History) -> None:
    found = rows(history, "SELECT statistic, labelled, reads, sql FROM definitions")

    assert found == [
        (d.name, d.labelled, "users.id", "SELECT count(*) FROM users") for d in SOME_DEFINITIONS
    ]


def test_the_ledger_has_every_record_as_it_was_signed(history: History) -> None:
    found = rows(history, "SELECT payload, signature, key_id, index FROM ledger ORDER BY index")

    assert found == [
        (record.payload, record.signature, record.key_id, index)
        for index, record in enumerate(history.ledger.records())
    ]


def test_plain_sql_computes_the_hash_chain(history: History) -> None:
    broken = rows(
        history,
        "SELECT count(*) FILTER (WHERE prev <> expected), count(*) FROM (SELECT"
        " decode(payload)::JSON ->> 'prev' AS prev,"
        " coalesce(lag(sha256(payload)) OVER (PARTITION BY instance ORDER BY index),"
        " repeat('0', 64)) AS expected FROM ledger WHERE type LIKE '%snapshot%')",
    )

    assert broken == [(0, 4)]


@pytest.mark.parametrize("view", ["statistics", "definitions", "snapshots", "statistic_values"])
def test_a_history_of_nothing_yet_has_no_rows(tmp_path: Path, view: str) -> None:
    history = a_history(tmp_path)

    assert rows(history, f"FROM {view}") == []


def test_a_history_without_its_definitions_can_still_be_read(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    shutil.rmtree(history.ledger.layout.definitions)

    assert rows(history, "SELECT users FROM snapshots") == [(120.0,)]
    assert rows(history, "SELECT DISTINCT definition FROM statistic_values") == [(None,)]


READ_FROM_ELSEWHERE = """
import sys, duckdb
seen = []
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    while len(seen) < 2 or seen[-1] < int(sys.argv[2]):
        (count,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        (top,) = connection.execute("SELECT max(index) FROM ledger").fetchone()
        assert top >= count, (top, count)
        seen.append(count)
        if len(seen) == 1:
            print("reading", flush=True)
assert seen == sorted(seen)
"""


def test_any_duckdb_reads_from_any_folder_while_we_write(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    catalog.refresh(history.root)
    command = [sys.executable, "-c", READ_FROM_ELSEWHERE]

    reader = subprocess.Popen(
        [*command, str(history.root / "catalog.duckdb"), "40"],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for _ in range(39):
        history.take()

    said, complaints = reader.communicate(timeout=60)
    assert (reader.returncode, said, complaints) == (0, "", "")


def test_the_duckdb_command_reads_it(history: History) -> None:
    said = subprocess.run(
        [
            DUCKDB,
            "-readonly",
            "-json",
            str(history.root / "catalog.duckdb"),
            "FROM instances ORDER BY instance",
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert [row["instance"] for row in json.loads(said.stdout)] == ["prod", "staging"]
