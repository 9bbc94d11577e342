"""The shape of a snapshot: what PostgreSQL gives becomes what a record can hold, or a reason."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.snapshot import (
    MAX_LABEL_LENGTH,
    MAX_LABELS,
    MAX_NAME_BYTES,
    MAX_NAMES,
    Place,
    Row,
    label_text,
    names_of,
    remarks_of,
    require_recordable,
    value_of,
    values_of,
)
from etl.statistic import Odd, Probe, Statistic, Unavailable
from tests.builders import AN_ORIGIN, NO_NAMES, ORIGIN, PROD, a_reading, a_snapshot
from warehouse.payload import MAX_INTEGER, EnvironmentChanges, Names, ProjectFlags, Value
from warehouse.record import MAX_PAYLOAD, decode, encode

FIRST_DAY = date(2026, 8, 26)
USERS = Statistic(name="users", meaning="Users.", sql="count(*)", since="4.17")
RATIO = Statistic(name="ratio", meaning="Ratio.", sql="avg(x)", since="4.17", kind="ratio")
TABLE = Probe(subject="people", source="users", needs=("users.id",), statistics=(USERS, RATIO))
TYPES = Probe("flags", "features", ("features.type",), (USERS,), label="type")
A_PLACE = Place(
    log=ORIGIN,
    index=7,
    seq=3,
    prev="ab" * 32,
    recorded_at="2026-11-23T02:00:01.000Z",
    nonce="00" * 16,
    tool="tallybook/test",
)


def names(**lists: Any) -> Names:
    rows = {"apps": (), "changes": (), "flags": (), **lists}
    return names_of(**rows, first_day=FIRST_DAY, days=3)


def change(environment: str, day: int, updates: int) -> dict[str, object]:
    then = FIRST_DAY + timedelta(days=day)
    return {"environment": environment, "type": "production", "day": then, "updates": updates}


def test_a_reading_becomes_the_record_of_its_place() -> None:
    reading = a_reading(
        {"users": 1},
        unavailable=[Unavailable("projects", "schema", "too old")],
        remarks={"users": "one left out"},
        due_at=datetime(2026, 11, 23, 3, tzinfo=timezone(timedelta(hours=1))),
    )

    assert reading.payload(A_PLACE) == a_snapshot(
        index=7,
        seq=3,
        prev="ab" * 32,
        nonce="00" * 16,
        instance=PROD,
        source=AN_ORIGIN,
        due_at="2026-11-23T02:00:00.000Z",
        taken_at="2026-11-23T02:00:00.000Z",
        db_time="2026-11-23T02:00:00.250Z",
        stats={"users": 1},
        unavailable={"projects": "too old"},
        remarks={"users": "one left out"},
        names=NO_NAMES,
    )


def test_the_age_of_a_schema_is_no_trouble() -> None:
    missing = [
        Unavailable("projects", "schema", "too old"),
        Unavailable("users", "permission", "permission denied"),
        Unavailable("roles", "timeout", "canceled"),
    ]

    assert a_reading(unavailable=missing).troubles == missing[1:]


@pytest.mark.parametrize(
    ("kind", "found", "value"),
    [
        ("count", 3, 3),
        ("count", 0, 0),
        ("count", Decimal("12.00"), 12),
        ("count", MAX_INTEGER, MAX_INTEGER),
        ("bytes", Decimal(1024), 1024),
        ("ratio", 3, "3"),
        ("ratio", Decimal("48.50"), "48.5"),
        ("ratio", Decimal("1E+3"), "1000"),
        ("ratio", Decimal("0.000"), "0"),
        ("ratio", Decimal("1E-7"), "0.0000001"),
        ("switch", True, True),
        ("switch", False, False),
    ],
)
def test_a_value_of_postgresql_becomes_one_of_a_record(
    kind: str, found: object, value: Value
) -> None:
    assert value_of(kind, found) == value
    assert type(value_of(kind, found)) is type(value)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("count", None),
        ("count", True),
        ("count", "3"),
        ("count", 3.0),
        ("count", Decimal("1.5")),
        ("count", MAX_INTEGER + 1),
        ("count", -MAX_INTEGER - 1),
        ("count", Decimal("NaN")),
        ("bytes", Decimal("Infinity")),
        ("ratio", Decimal("-Infinity")),
        ("ratio", Decimal("1E+400")),
        ("ratio", None),
        ("ratio", True),
        ("switch", 1),
        ("switch", None),
        ("switch", "true"),
    ],
)
def test_what_is_no_value_is_refused_by_name(kind: str, found: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a") as refusal:
        value_of(kind, found)

    assert str(refusal.value) == f"expected a {kind}, found {found!r}"


@given(st.decimals(-MAX_INTEGER, MAX_INTEGER, places=10))
def test_a_ratio_keeps_every_digit(found: Decimal) -> None:
    value = value_of("ratio", found)

    assert isinstance(value, str)
    assert Decimal(value) == found
    assert "E" not in value


def test_a_probe_without_labels_has_a_value_per_statistic() -> None:
    assert values_of(TABLE, TABLE.statistics, [{"users": 3, "ratio": Decimal("1.50")}]) == {
        "users": 3,
        "ratio": "1.5",
    }


def test_a_probe_with_labels_has_a_value_per_label() -> None:
    rows: list[Row] = [{"label": "release", "users": 3}, {"label": None, "users": 1}]

    assert values_of(TYPES, TYPES.statistics, rows) == {"users.release": 3, "users.None": 1}


def test_labels_that_are_too_many_are_refused() -> None:
    rows = [{"label": str(number), "users": 1} for number in range(MAX_LABELS + 1)]

    assert len(values_of(TYPES, TYPES.statistics, rows[1:])) == MAX_LABELS
    with pytest.raises(ValueError, match=rf"^{MAX_LABELS + 1} labels, more than {MAX_LABELS}$"):
        values_of(TYPES, TYPES.statistics, rows)


def test_a_label_that_is_too_long_is_refused_and_not_repeated() -> None:
    rows = [{"label": "x" * (MAX_LABEL_LENGTH + 1), "users": 1}]

    with pytest.raises(ValueError, match=r"^a label of 501 characters, beginning 'x{20}'$"):
        values_of(TYPES, TYPES.statistics, rows)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("admin", "admin"),
        ("with space", "with space"),
        ("a.b", "a.b"),
        ("ü", "%C3%BC"),
        ("50%", "50%25"),
        ("line\nbreak", "line%0Abreak"),
        ("\x7f", "%7F"),
    ],
)
def test_a_label_becomes_ascii(label: str, text: str) -> None:
    assert label_text(label) == text


@given(st.text(), st.text())
def test_two_labels_never_become_one(one: str, other: str) -> None:
    def codable(text: str) -> bool:
        return not any("\ud800" <= character <= "\udfff" for character in text)

    if codable(one) and codable(other) and one != other:
        assert label_text(one) != label_text(other)
        assert label_text(one).isascii()


def test_rows_left_out_are_remarked_upon() -> None:
    odd = Odd(where="false", example="id", reason="constraints are no array")
    probe = Probe("flags", "features", (), (USERS,), odd=odd)

    assert remarks_of(probe, (USERS,), {"odd_rows": 1, "odd_example": "flag-a"}) == {
        "users": "1 malformed row left out, 'flag-a' first: constraints are no array"
    }
    assert remarks_of(
        probe, (USERS, RATIO), {"odd_rows": 2, "odd_example": 'x"y'}
    ) == dict.fromkeys(
        ("users", "ratio"),
        "2 malformed rows left out, 'x\"y' first: constraints are no array",
    )
    assert remarks_of(probe, (USERS,), {"odd_rows": 0, "odd_example": None}) == {}
    assert remarks_of(TABLE, (USERS,), {"users": 3}) == {}


def test_names_are_kept_by_environment_day_and_project() -> None:
    found = names(
        apps=[{"app_name": "checkout"}, {"app_name": "ünï"}],
        changes=[change("production", 0, 5), change("production", 2, 7), change("dev", 1, 1)],
        flags=[{"project": "default", "active": 3, "archived": 1}],
    )

    assert found == Names(
        apps=["checkout", "ünï"],
        changes=[
            EnvironmentChanges(
                environment="production",
                type="production",
                first_day="2026-08-26",
                updates=[5, 0, 7],
            ),
            EnvironmentChanges(
                environment="dev", type="production", first_day="2026-08-26", updates=[0, 1, 0]
            ),
        ],
        flags=[ProjectFlags(project="default", active=3, archived=1)],
        omitted={},
    )


@pytest.mark.parametrize("day", [-1, 3, 400])
def test_days_outside_the_window_are_not_counted(day: int) -> None:
    (environment,) = names(changes=[change("production", day, 5)]).changes

    assert environment.updates == [0, 0, 0]


def test_apps_beyond_the_bound_are_counted() -> None:
    found = names(apps=[{"app_name": f"app{number}"} for number in range(MAX_NAMES + 3)])

    assert (len(found.apps), found.omitted) == (MAX_NAMES, {"apps": 3})


@pytest.mark.parametrize("letter", ["x", "ü", "😀", '"', "\\", "\n", "\x01", "\u2028"])
def test_long_names_are_bounded_in_bytes_as_they_are_recorded(letter: str) -> None:
    found = names(apps=[{"app_name": letter * 250}] * 5_000)

    size = len(msgspec.json.encode(found.apps))
    assert MAX_NAME_BYTES - 2_000 < size <= MAX_NAME_BYTES + 2
    assert found.omitted == {"apps": 5_000 - len(found.apps)}


def test_the_largest_lists_together_still_fit_into_a_record() -> None:
    many = range(5_000)
    found = names_of(
        [{"app_name": f"{number:05d}" * 50} for number in many],
        [{**change(f"{n:05d}" * 20, 0, MAX_INTEGER), "type": "t" * 255} for n in many],
        [{"project": f"{n:05d}" * 50, "active": 10**9, "archived": 10**9} for n in many],
        first_day=FIRST_DAY,
        days=90,
    )

    payload = encode(a_snapshot(names=found))

    assert len(payload) < MAX_PAYLOAD * 3 // 4
    assert decode(payload) == a_snapshot(names=found)


def test_a_number_that_no_record_can_hold_is_named() -> None:
    require_recordable([{"updates": MAX_INTEGER, "day": FIRST_DAY}])

    with pytest.raises(ValueError, match=r"^updates 9007199254740992 is beyond") as refusal:
        require_recordable([{"updates": 1}, {"updates": MAX_INTEGER + 1}])

    assert str(refusal.value) == "updates 9007199254740992 is beyond ±(2^53 - 1)"


def test_moments_of_any_zone_are_recorded_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    reading = a_reading(taken_at=datetime(2026, 11, 23, 11, tzinfo=tokyo))

    assert reading.payload(A_PLACE).taken_at == "2026-11-23T02:00:00.000Z"
    assert reading.taken_at == datetime(2026, 11, 23, 2, tzinfo=UTC)
