"""Trends: changes from point to point, and statistics by the names people type."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import A_MONDAY, DAY, PROD, SOME_STATS, History, a_history, a_reading
from warehouse.errors import BadInput
from warehouse.history import NoSnapshot, newest_two, read_series, sources
from warehouse.payload import Instance
from warehouse.trends import Point, Series, resolve, series_of

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


def test_a_series_has_a_change_from_its_second_point_on() -> None:
    rows = [("prod", "users", NOON + hour * HOUR, value) for hour, value in enumerate([3, 5, 4])]

    assert series_of(rows) == [
        Series(
            "prod",
            "users",
            (
                Point(NOON, 3, None),
                Point(NOON + HOUR, 5, 2),
                Point(NOON + 2 * HOUR, 4, -1),
            ),
        )
    ]


def test_instances_and_statistics_are_not_mixed() -> None:
    rows = [
        ("prod", "users", NOON, 3.0),
        ("prod", "roles", NOON, 6.0),
        ("staging", "users", NOON, 1.0),
    ]

    found = [(line.instance, line.statistic, len(line.points)) for line in series_of(rows)]

    assert found == [("prod", "users", 1), ("prod", "roles", 1), ("staging", "users", 1)]


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
    (line,) = read_series(history.root, ["users"], "prod")

    assert line == Series(
        "prod",
        "users",
        tuple(
            Point(naive(A_MONDAY + day * DAY), 120 + day, 1 if day else None) for day in range(3)
        ),
    )


def test_series_come_in_the_order_they_were_asked_for(history: History) -> None:
    found = read_series(history.root, ["users", "activeUsers"])

    assert [(line.instance, line.statistic) for line in found] == [
        ("prod", "users"),
        ("prod", "activeUsers.last30"),
        ("staging", "users"),
        ("staging", "activeUsers.last30"),
    ]


def test_a_series_is_cut_on_both_ends_inclusively(history: History) -> None:
    second = naive(A_MONDAY + DAY)

    (line,) = read_series(history.root, ["users"], "prod", since=second, until=second)

    assert [point.value for point in line.points] == [121]


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
        lambda: read_series(history.root, ["users"], "prd"),
    ):
        with pytest.raises(NoSnapshot) as refusal:
            ask()

        assert str(refusal.value) == "no snapshot of 'prd'"
        assert refusal.value.hint == "There are some of: prod, staging"


def test_a_time_before_the_first_snapshot_is_told(history: History) -> None:
    with pytest.raises(NoSnapshot) as refusal:
        newest_two(history.root, "prod", naive(A_MONDAY - DAY))

    assert str(refusal.value) == "no snapshot of 'prod' as early as 2026-11-22 02:00 UTC"


def test_a_history_of_nothing_yet_is_told(tmp_path: Path) -> None:
    history = a_history(tmp_path)

    with pytest.raises(NoSnapshot, match=r"^the history has no snapshot yet$"):
        newest_two(history.root, "prod")
    with pytest.raises(BadInput, match=r"^no statistic 'users' in this history$"):
        read_series(history.root, ["users"])
