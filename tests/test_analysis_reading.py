"""What the analyses read back from a real history, and the names that people type."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.builders import (
    A_MONDAY,
    DAY,
    PROD,
    SOME_DEFINITIONS,
    SOME_STATS,
    History,
    a_definition,
    a_history,
    a_missed,
    a_reading,
    put,
    signed,
)
from warehouse.analysis.names import resolve
from warehouse.analysis.reading import Range, read_seats, read_trends
from warehouse.analysis.series import Statistic
from warehouse.analysis.snapshots import compare_sources, compare_times
from warehouse.errors import BadInput, QueryFailure
from warehouse.history import NoSnapshot, newest_two, sources
from warehouse.payload import Instance
from warehouse.record import sha256_hex, timestamp

KNOWN = ["users", "activeUsers.last7", "activeUsers.last30", "apiTokens.admin", "activeUsersX"]
NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001  # the warehouse keeps UTC without a zone
HOUR = timedelta(hours=1)
STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    made = a_history(tmp_path_factory.mktemp("trends"))
    made.take_days(3)
    made.take(a_reading({**SOME_STATS, "users": 5}, instance=STAGING))
    return made


def naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["users"], ["users"]),
        (["activeUsers"], ["activeUsers.last7", "activeUsers.last30"]),
        (["activeUsers.last30", "activeUsers"], ["activeUsers.last30", "activeUsers.last7"]),
        (["users", "users"], ["users"]),
    ],
)
def test_a_familys_name_means_all_of_it(typed: list[str], meant: list[str]) -> None:
    assert resolve(typed, KNOWN) == meant


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("usres", "Did you mean users, activeUsers?"),
        ("ACTIVEUSERS.LAST30", "Did you mean activeUsers.last30, activeUsers.last7, activeUsers?"),
        ("qqqq", "All names: tallybook statistics"),
        ("", "All names: tallybook statistics"),
    ],
)
def test_a_mistyped_name_gets_the_nearest_right_one(typed: str, hint: str) -> None:
    with pytest.raises(BadInput) as refusal:
        resolve([typed], KNOWN)

    assert str(refusal.value) == f"no statistic {typed!r} in this history"
    assert refusal.value.hint == hint


def test_a_series_is_read_from_the_history(history: History) -> None:
    (series,) = read_trends(history.root, ["users"], Range(("prod",)))

    assert (series.instance, series.statistic) == (PROD, Statistic("users", "pieces", "count"))
    assert [(p.taken_at, p.value, p.change, p.release) for p in series.points] == [
        (naive(A_MONDAY + day * DAY), 120 + day, 1 if day else None, "8.2.0") for day in range(3)
    ]
    assert {point.definition for point in series.points} == {sha256_hex(b"users")}


def test_series_come_by_instance_and_as_they_were_asked_for(history: History) -> None:
    found = read_trends(history.root, ["users", "activeUsers"], Range())

    assert [(series.instance.name, series.statistic.name) for series in found] == [
        ("prod", "users"),
        ("prod", "activeUsers.last30"),
        ("staging", "users"),
        ("staging", "activeUsers.last30"),
    ]


def test_a_series_is_cut_on_both_ends_inclusively(history: History) -> None:
    second = naive(A_MONDAY + DAY)

    (series,) = read_trends(history.root, ["users"], Range(("prod",), second, second))

    assert [point.value for point in series.points] == [121]


def test_every_kind_of_value_is_a_number(history: History) -> None:
    found = read_trends(history.root, ["averageFlags", "SAMLenabled"], Range(("prod",)))

    assert [(s.statistic.kind, s.points[0].value) for s in found] == [
        ("ratio", 48.5),
        ("switch", 1),
    ]


def test_an_odd_name_of_a_source_is_only_a_name(tmp_path: Path) -> None:
    odd = a_history(tmp_path)
    name = "o'brien\" -- ; DROP"
    odd.take(a_reading(instance=Instance("id", name)))

    (series,) = read_trends(odd.root, ["users"], Range((name,)))

    assert (series.instance.name, len(series.points)) == (name, 1)
    assert newest_two(odd.root, name).snapshot.instance.name == name


def test_missed_slots_upgrades_and_definitions_are_read_with_it(tmp_path: Path) -> None:
    made = a_history(tmp_path)
    other = tuple(a_definition(d.name, kind=d.kind, labelled=d.labelled) for d in SOME_DEFINITIONS)
    recounted = [
        msgspec.structs.replace(d, hash=sha256_hex(b"new")) if d.name == "users" else d
        for d in other
    ]
    made.take(a_reading(oss="8.1.0"))
    put_missed(made, A_MONDAY + DAY)
    late = A_MONDAY + 2 * DAY
    made.take(a_reading(taken_at=late, definitions=recounted), definitions=recounted)

    users, tokens = read_trends(made.root, ["users", "apiTokens"], Range())

    assert [(gap.begin, gap.end, gap.cause) for gap in users.gaps] == [
        (naive(A_MONDAY), naive(late), "1 slot(s) missed: nobody answers")
    ]
    assert [(u.at, u.before, u.after) for u in users.upgrades] == [(naive(late), "8.1.0", "8.2.0")]
    assert [(r.before, r.after) for r in users.redefinitions] == [
        (sha256_hex(b"users"), sha256_hex(b"new"))
    ]
    assert tokens.statistic.name == "apiTokens.admin"
    assert tokens.points[0].definition == sha256_hex(b"apiTokens")
    assert (len(tokens.gaps), tokens.redefinitions) == (1, ())


def put_missed(history: History, due_at: datetime) -> None:
    """Put a missed slot behind the records that are there, signed, as a daemon does."""
    size = history.size
    record = signed(
        a_missed(
            index=size,
            seq=size - 1,
            due_at=timestamp(due_at),
            recorded_at=timestamp(due_at),
            reason="nobody answers",
        ),
        history.signer,
    )
    # Out of the way of the log's own numbers: the views read what is there.
    put(history.root, record, at=10_000)


def test_the_newest_snapshot_comes_with_the_one_before(history: History) -> None:
    pair = newest_two(history.root, "prod")

    assert pair.before is not None
    assert (pair.snapshot.stats["users"], pair.before.stats["users"]) == (122, 121)


def test_the_then_newest_snapshot_is_found(history: History) -> None:
    pair = newest_two(history.root, "prod", naive(A_MONDAY + HOUR))

    assert (pair.snapshot.stats["users"], pair.before) == (120, None)


def test_a_rebuilt_database_is_not_compared_with_the_old_one(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": 100}))
    rebuilt = Instance("another-id", PROD.name)

    history.take(a_reading({"users": 1}, instance=rebuilt, taken_at=A_MONDAY + DAY))

    pair = newest_two(history.root, "prod")
    assert (pair.snapshot.instance, pair.before) == (rebuilt, None)


def test_the_sources_are_those_of_the_history(history: History) -> None:
    assert sources(history.root) == ["prod", "staging"]


def test_an_unknown_source_gets_those_that_there_are(history: History) -> None:
    for ask in (
        lambda: newest_two(history.root, "prd"),
        lambda: read_trends(history.root, ["users"], Range(("prd",))),
        lambda: read_seats(history.root, ["prd"]),
        lambda: compare_sources(history.root, "prod", "prd"),
        lambda: compare_times(history.root, NOON, NOON, "prd"),
    ):
        with pytest.raises(NoSnapshot) as refusal:
            ask()

        assert str(refusal.value) == "no snapshot of 'prd'"
        assert refusal.value.hint == "Did you mean prod? There are some of: prod, staging"


def test_a_time_before_the_first_snapshot_is_told(history: History) -> None:
    with pytest.raises(NoSnapshot) as refusal:
        newest_two(history.root, "prod", naive(A_MONDAY - DAY))

    assert str(refusal.value) == "no snapshot of 'prod' as early as 2026-11-22 02:00 UTC"


def test_a_source_like_no_other_is_no_guess(history: History) -> None:
    with pytest.raises(NoSnapshot) as refusal:
        newest_two(history.root, "xyz")

    assert refusal.value.hint == "There are some of: prod, staging"


def test_a_history_of_nothing_yet_is_told(tmp_path: Path) -> None:
    root = a_history(tmp_path).root

    for ask in (
        lambda: newest_two(root, "prod"),
        lambda: read_trends(root, ["users"], Range()),
        lambda: read_seats(root, []),
        lambda: compare_times(root, NOON, NOON),
    ):
        with pytest.raises(NoSnapshot, match=r"^the history has no snapshot yet$") as refusal:
            ask()

        assert refusal.value.hint == "Take the first: tallybook snapshot"


def test_what_cannot_be_read_is_no_defect_of_the_question(tmp_path: Path) -> None:
    broken = a_history(tmp_path)
    broken.take()
    read_trends(broken.root, ["users"], Range())
    broken.files()[-1].write_bytes(b"PAR1 and nothing else")

    with pytest.raises(QueryFailure, match=r"^cannot read the history: ") as refusal:
        read_trends(broken.root, ["users"], Range())

    assert refusal.value.hint == "Find out what is damaged with: tallybook verify"


def test_seats_are_read_by_time_and_only_where_there_are_some(tmp_path: Path) -> None:
    made = a_history(tmp_path)
    licensed = a_definition("licensedUsers")
    some = (*SOME_DEFINITIONS, licensed)
    made.take(a_reading(taken_at=A_MONDAY))
    assert read_seats(made.root, []) == []
    for day, users in ((2, 7), (1, 5)):
        at = A_MONDAY + day * DAY
        reading = a_reading({"licensedUsers": users}, taken_at=at, definitions=some)
        made.take(reading, definitions=some)

    assert read_seats(made.root, ["prod"]) == [
        ("prod", naive(A_MONDAY + DAY), 5, "observed"),
        ("prod", naive(A_MONDAY + 2 * DAY), 7, "observed"),
    ]


def test_times_are_compared_of_every_source_that_has_both(history: History) -> None:
    found = compare_times(history.root, naive(A_MONDAY + HOUR), naive(A_MONDAY + 2 * DAY))

    assert [
        (each.before.instance.name, each.before.stats["users"], each.after.stats["users"])
        for each in found.comparisons
    ] == [("prod", 120, 122), ("staging", 5, 5)]
    assert found.failures == []


def test_a_source_that_has_only_one_of_both_is_left_out(tmp_path: Path) -> None:
    made = a_history(tmp_path)
    made.take_days(2)
    made.take(a_reading(instance=STAGING, taken_at=A_MONDAY + DAY))

    found = compare_times(made.root, naive(A_MONDAY), naive(A_MONDAY + DAY))

    assert [each.before.instance.name for each in found.comparisons] == ["prod"]
    assert [str(failure) for failure in found.failures] == [
        "no snapshot of 'staging' as early as 2026-11-23 02:00 UTC"
    ]
    with pytest.raises(NoSnapshot, match="no snapshot of 'prod' as early as"):
        compare_times(made.root, naive(A_MONDAY - DAY), naive(A_MONDAY))


def test_two_sources_are_compared_at_one_time(history: History) -> None:
    (found,) = compare_sources(history.root, "prod", "staging", naive(A_MONDAY + HOUR)).comparisons

    users = found.differences[0]
    assert (users.statistic, users.before.value, users.after.value) == ("users", 120, 5)
