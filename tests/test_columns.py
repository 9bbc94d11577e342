"""Many records as columns say what each of them says as a row."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    a_genesis,
    a_heads,
    a_key,
    a_key_change,
    a_missed,
    a_snapshot,
    signed,
)
from warehouse.columns import columns_of, table_of
from warehouse.payload import AnyPayload
from warehouse.record import NotCanonical, Record, encode, parse
from warehouse.rows import HOT_SCHEMA, row_of

MANY = 12
TIMES = st.datetimes(min_value=pa.scalar(-62_135_596_800_000, pa.timestamp("ms")).as_py()).map(
    lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".zfill(24)
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.text("abcdefghijklmnopqrstuvwxyzABC.-0123456789", min_size=1, max_size=12)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, max_value=10**12).map(str)
SNAPSHOTS = st.builds(
    a_snapshot,
    index=st.integers(0, 2**53 - 1),
    seq=st.integers(0, 2**53 - 1),
    recorded_at=TIMES,
    taken_at=TIMES,
    due_at=st.none() | TIMES,
    tool=NAMES,
    stats=st.dictionaries(WORDS, WHOLE | st.booleans() | DECIMALS, max_size=5),
    unavailable=st.dictionaries(WORDS, NAMES, max_size=3),
    remarks=st.dictionaries(WORDS, NAMES, max_size=3),
)
OTHERS = st.sampled_from(
    [a_genesis(a_key()), a_missed(), a_heads(), a_key_change(a_key(2)), a_snapshot()]
)


def by_rows(records: list[Record], contents: list[AnyPayload], checkpoint: str) -> pa.Table:
    """The same table by the definition of a row."""
    rows = [row_of(record, content) for record, content in zip(records, contents, strict=True)]
    rows[-1]["checkpoint"] = checkpoint
    return pa.Table.from_pylist(rows, schema=HOT_SCHEMA)


@given(payloads=st.lists(SNAPSHOTS | OTHERS, min_size=1, max_size=MANY))
def test_whatever_was_recorded_columns_and_rows_say_the_same(payloads: list[AnyPayload]) -> None:
    records = [signed(encode(payload)) for payload in payloads]
    contents = [parse(record.payload) for record in records]

    table = table_of(records, contents, "a head\n")

    assert table.schema == HOT_SCHEMA
    assert table == by_rows(records, contents, "a head\n")
    derived = columns_of(contents)
    assert {name: table[name].combine_chunks() for name in derived} == derived


@pytest.mark.parametrize("others", [0, MANY])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"taken_at": "2026-11-23T02:00:00Z"}, "expected a timestamp like"),
        ({"taken_at": "2026-02-30T02:00:00.000Z"}, "day is out of range for month"),
        ({"stats": {"users": "many"}}, "could not convert string to float: 'many'"),
    ],
)
def test_what_no_column_can_hold_is_refused_by_name(
    others: int, change: dict[str, object], reason: str
) -> None:
    records = [signed(encode(a_snapshot(index=n))) for n in range(others)]
    records.append(signed(encode(a_snapshot(**change))))
    contents = [parse(record.payload) for record in records]

    with pytest.raises(NotCanonical, match=f"^payload says what cannot be: .*{reason}"):
        table_of(records, contents, "a head\n")
