"""The sorted rows of sealed files: what the records say, no row more, less or other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import (
    PROD,
    SOME_DEFINITIONS,
    a_genesis,
    a_key,
    a_missed,
    a_snapshot,
    definitions_json,
    put,
)
from tests.sealed import answers, commit_files, sealed_now
from warehouse import catalog
from warehouse.ledger import Ledger
from warehouse.payload import MAX_INTEGER, Instance, Payload, Snapshot, Value
from warehouse.record import Record, decode, encode, sha256_hex, timestamp
from warehouse.rows import HOT_SCHEMA, Row, row_of
from warehouse.sealed.names import BESIDE, FIXED, column_of
from warehouse.sealed.plan import Unfoldable
from warehouse.sealed.schemas import VALUES_SCHEMA, wide_schema
from warehouse.sealed.shapes import values_of, wide_of

pytestmark = pytest.mark.slow

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
# The same name as another, on another database.
MOVED = Instance("4c1b6b6e-0000-4000-8000-000000000003", "prod")
NAMES = (
    "users", "SAMLenabled", "averageFlags", "activeUsers.last30", "clientApps.allTime",
    "apiTokens.admin", "apiTokens.Admin", "apiTokens.ADMIN", "apiTokens.old_style",
    "apiTokens.", "apps.it's", 'apps.say "x"', "apps.with space", "apps.{checksum}",
    "apps.a.b.C", "apps._", "apps.__", "apps._A", "apps.[x]", "apps.*",
)  # fmt: skip
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.integers(0, MAX_INTEGER), st.booleans(), st.sampled_from(["48.5", "0.1", "0", "7.25"])
)
STATS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


@st.composite
def snapshots(draw: st.DrawFn) -> list[Snapshot]:
    """Snapshots of several instances in any order of time, each with what it has of all names."""
    kinds = draw(st.lists(STATS, min_size=1, max_size=3))
    made = []
    for index in range(1, draw(st.integers(0, 8)) + 1):
        at = timestamp(MONDAY + timedelta(hours=draw(st.integers(-9, 9))))
        made.append(
            a_snapshot(
                index=index,
                seq=index,
                instance=draw(st.sampled_from([PROD, STAGING, MOVED])),
                taken_at=at,
                db_time=at,
                due_at=draw(st.sampled_from([None, at])),
                stats=draw(st.sampled_from(kinds)),
            )
        )
    return made


def recorded(payload: Payload) -> Record:
    """A record that nobody signed: sealing looks at no signature."""
    return Record(encode(payload), bytes(64), "00" * 32)


def rows_of(payloads: list[Snapshot]) -> list[Row]:
    return [row_of(recorded(p), decode(encode(p))) for p in payloads]


def tables(rows: list[Row], cut: int = 3) -> list[pa.Table]:
    """As files give them: some rows at a time."""
    parts = [rows[at : at + cut] for at in range(0, len(rows), cut)]
    return [pa.Table.from_pylist(part, schema=HOT_SCHEMA) for part in parts]


def expected_wide(rows: list[Row]) -> list[dict[str, Any]]:
    names = sorted({name for row in rows for name, _ in row["stats"]})
    order = sorted(rows, key=lambda r: (r["instance"], r["instance_id"], r["taken_at"], r["index"]))
    return [
        {
            **{name: row[name] for name in FIXED},
            **{column_of(n): dict(row["stats"]).get(n) for n in names},
        }
        for row in order
    ]


@given(snapshots())
def test_wide_has_a_row_per_snapshot_and_a_column_per_statistic(made: list[Snapshot]) -> None:
    rows = rows_of(made)

    wide = wide_of(tables(rows))

    assert wide.to_pylist() == expected_wide(rows)
    names = sorted({name for row in rows for name, _ in row["stats"]})
    assert wide.schema.equals(wide_schema(names))


@given(snapshots())
def test_values_has_a_row_per_value_statistic_after_statistic(made: list[Snapshot]) -> None:
    rows = rows_of(made)
    wide = wide_of(tables(rows))

    found = [row for table in values_of(wide) for row in table.to_pylist()]

    names = sorted({name for row in rows for name, _ in row["stats"]})
    assert found == [
        {"statistic": name, **{n: row[n] for n in BESIDE}, "value": row[column_of(name)]}
        for name in names
        for row in expected_wide(rows)
        if row[column_of(name)] is not None
    ]
    assert all(set(table.column_names) == {*VALUES_SCHEMA.names} for table in values_of(wide))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(), st.integers(1, 4))
def test_the_views_say_the_same_of_sealed_files(made: list[Snapshot], cut: int) -> None:
    content = definitions_json(SOME_DEFINITIONS)
    payloads = [a_genesis(a_key()), *made, a_missed(index=len(made) + 1)]
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder, "history"))
        ledger.create()
        ledger.keep_definitions(content, sha256_hex(content))
        for at in range(0, len(payloads), cut):
            put(ledger.layout.root, *map(recorded, payloads[at : at + cut]), at=at)
        before = answers(ledger.layout.root)

        sealed_now(ledger.layout.root)

        assert commit_files(ledger.layout.root) == []
        assert answers(ledger.layout.root) == before


def test_records_of_no_snapshot_have_no_row() -> None:
    missed = row_of(recorded(a_missed()), decode(encode(a_missed())))

    wide = wide_of(tables([missed]))

    assert (wide.num_rows, wide.column_names) == (0, list(FIXED))
    assert list(values_of(wide)) == []
    assert wide_of([]).schema.equals(wide_schema([]))


def test_a_snapshot_without_statistics_still_has_a_row() -> None:
    wide = wide_of(tables(rows_of([a_snapshot(stats={})])))

    assert (wide.num_rows, wide.column_names) == (1, list(FIXED))


@pytest.mark.parametrize(
    ("stats", "named"),
    [
        ({"users": 1, "Users": 2}, "'users' has a name that no column can have beside 'Users'"),
        ({"Index": 1}, "'Index' has a name that no column can have beside 'index'"),
        ({"index": 1}, "'index' has a name that no column can have beside 'index'"),
        ({"a\nb": 1}, "a statistic is there without a name or a value"),
    ],
)
def test_names_that_no_column_can_have_are_not_folded(stats: dict[str, Value], named: str) -> None:
    with pytest.raises(Unfoldable, match=named):
        wide_of(tables(rows_of([a_snapshot(stats=stats)])))


def test_such_a_history_stays_as_it_is_and_is_read_as_before(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.create()
    put(
        tmp_path, recorded(a_genesis(a_key())), recorded(a_snapshot(stats={"users": 1, "Users": 2}))
    )
    before, files = answers(tmp_path), commit_files(tmp_path)

    with pytest.raises(Unfoldable) as refused:
        sealed_now(tmp_path)

    assert refused.value.hint == "Its commits stay as they are, and are read as before."
    assert commit_files(tmp_path) == files
    assert answers(tmp_path) == before
    assert [*(tmp_path / "_tmp").iterdir()] == []
    assert catalog.refresh(tmp_path) is False


def test_what_a_slice_of_a_file_holds_is_not_taken_for_all_of_it() -> None:
    rows = rows_of([a_snapshot(index=i, seq=i, stats={"users": i}) for i in range(1, 7)])
    (whole,) = tables(rows, cut=6)

    wide = wide_of([whole.slice(2, 3)])

    assert wide["users"].to_pylist() == [3, 4, 5]
