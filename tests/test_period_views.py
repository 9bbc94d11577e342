"""Views of days and months: what a period was, and where the numbers come from."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.snapshot import MissedSlot
from tests.builders import A_MONDAY, DAY, PROD, History, a_history, a_reading, tamper
from warehouse.payload import Instance
from warehouse.query import ask

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def take(history: History, value: int, at: datetime, *, provenance: str = "observed") -> None:
    """Append a snapshot of one statistic, and let the views believe that it came to be so."""
    history.take(a_reading({"users": value}, taken_at=at))
    if provenance != "observed":
        tamper(history.files()[-1], lambda rows: rows[0].update(provenance=provenance))


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    return ask(history.root, sql).rows


def test_a_day_has_its_first_last_lowest_highest_and_mean_value(history: History) -> None:
    for hour, value in enumerate([5, 1, 9, 3]):
        take(history, value, A_MONDAY + hour * HOUR)

    assert rows(history, "FROM daily") == [
        (PROD.id, "prod", date(2026, 11, 23), "users", 5.0, 3.0, 1.0, 9.0, 4.5, 4, "observed")
    ]


def test_a_month_is_made_of_snapshots_and_not_of_days(history: History) -> None:
    for at, value in [(A_MONDAY, 1), (A_MONDAY + HOUR, 1), (A_MONDAY + DAY, 7)]:
        take(history, value, at)

    assert rows(history, "FROM monthly") == [
        (PROD.id, "prod", date(2026, 11, 1), "users", 1.0, 7.0, 1.0, 7.0, 3.0, 3, "observed")
    ]


def test_days_and_months_begin_at_midnight_in_utc(history: History) -> None:
    take(history, 1, datetime(2026, 11, 30, 23, 59, 59, 999000, tzinfo=UTC))
    take(history, 2, datetime(2026, 12, 1, tzinfo=UTC))

    assert rows(history, "SELECT day, last FROM daily ORDER BY day") == [
        (date(2026, 11, 30), 1.0),
        (date(2026, 12, 1), 2.0),
    ]
    assert rows(history, "SELECT month, last FROM monthly ORDER BY month") == [
        (date(2026, 11, 1), 1.0),
        (date(2026, 12, 1), 2.0),
    ]


@pytest.mark.parametrize("view", ["daily", "monthly"])
@pytest.mark.parametrize("other", ["reconstructed", "recorded", "imported"])
def test_what_was_observed_wins(history: History, view: str, other: str) -> None:
    take(history, 100, A_MONDAY - HOUR, provenance=other)
    take(history, 5, A_MONDAY)
    take(history, 200, A_MONDAY + HOUR, provenance=other)

    assert rows(history, f"SELECT first, last, min, max, avg, n, provenance FROM {view}") == [
        (5.0, 5.0, 5.0, 5.0, 5.0, 1, "observed")
    ]


def test_a_day_that_nobody_observed_says_how_it_came_to_be_known(history: History) -> None:
    take(history, 3, A_MONDAY, provenance="reconstructed")
    take(history, 4, A_MONDAY + HOUR, provenance="imported")
    take(history, 9, A_MONDAY + DAY)

    assert rows(history, "SELECT day, first, last, n, provenance FROM daily ORDER BY day") == [
        (date(2026, 11, 23), 3.0, 4.0, 2, "imported, reconstructed"),
        (date(2026, 11, 24), 9.0, 9.0, 1, "observed"),
    ]
    assert rows(history, "SELECT first, n, provenance FROM monthly") == [(9.0, 1, "observed")]


def test_one_statistic_may_be_observed_where_another_is_not(history: History) -> None:
    take(history, 3, A_MONDAY, provenance="imported")
    history.take(a_reading({"roles": 6}, taken_at=A_MONDAY))

    assert rows(history, "SELECT statistic, provenance FROM daily ORDER BY 1") == [
        ("roles", "observed"),
        ("users", "imported"),
    ]


def test_instances_have_days_of_their_own(history: History) -> None:
    clone = Instance(PROD.id, "clone")
    for instance, value in [(PROD, 1), (STAGING, 2), (clone, 3)]:
        history.take(a_reading({"users": value}, instance=instance))

    assert rows(history, "SELECT instance, last, n FROM daily ORDER BY last") == [
        ("prod", 1.0, 1),
        ("staging", 2.0, 1),
        ("clone", 3.0, 1),
    ]


def test_two_snapshots_of_one_moment_give_the_same_answer_each_time(history: History) -> None:
    for value in (3, 1, 2):
        take(history, value, A_MONDAY)

    assert {tuple(rows(history, "SELECT first, last FROM daily")) for _ in range(5)} == {
        ((1.0, 3.0),)
    }


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 1000)), min_size=1, max_size=12))
def test_a_day_is_what_python_makes_of_its_snapshots(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[int, int]]
) -> None:
    history = a_history(tmp_path_factory.mktemp("days"))
    readings = [
        a_reading({"users": value}, taken_at=A_MONDAY + hours * HOUR) for hours, value in taken
    ]
    history.take(*readings)

    found = {row[0]: row[1:] for row in rows(history, "SELECT day, min, max, avg, n FROM daily")}

    days: dict[date, list[int]] = {}
    for hours, value in taken:
        days.setdefault((A_MONDAY + hours * HOUR).date(), []).append(value)
    assert found == {
        day: (min(values), max(values), pytest.approx(sum(values) / len(values)), len(values))
        for day, values in days.items()
    }


def test_dates_go_from_the_first_day_of_the_history_to_its_last(history: History) -> None:
    take(history, 1, A_MONDAY)
    history.log.append([MissedSlot(PROD, A_MONDAY - 3 * DAY, "nobody answered")])
    take(history, 1, A_MONDAY + 40 * DAY)

    assert rows(history, "SELECT count(*), min(day), max(day) FROM dates") == [
        (44, date(2026, 11, 20), date(2027, 1, 2))
    ]


def test_every_day_of_the_facts_is_a_date(history: History) -> None:
    for day in (0, 5, 70):
        take(history, day, A_MONDAY + day * DAY)

    assert rows(history, "SELECT count(*) FROM daily ANTI JOIN dates USING (day)") == [(0,)]
    assert rows(
        history, "SELECT count(*) FROM monthly ANTI JOIN dates ON monthly.month = month_start"
    ) == [(0,)]


@pytest.mark.parametrize(
    ("day", "facts"),
    [
        ("2026-12-31", {"year": 2026, "quarter": 4, "iso_week": 53, "is_year_end": True}),
        ("2027-01-01", {"year": 2027, "iso_year": 2026, "iso_week": 53, "weekday": 5}),
        ("2028-02-29", {"is_month_end": True, "day_of_year": 60, "is_quarter_end": False}),
        ("2028-02-28", {"is_month_end": False}),
        ("2026-11-22", {"weekday": 7, "weekday_name": "Sunday", "is_weekend": True}),
        ("2026-11-23", {"weekday": 1, "is_weekend": False, "week_start": date(2026, 11, 23)}),
        ("2026-09-30", {"is_quarter_end": True, "quarter_start": date(2026, 7, 1)}),
        ("2026-05-17", {"month": 5, "month_name": "May", "month_start": date(2026, 5, 1)}),
        ("2026-05-17", {"day_of_month": 17, "is_year_end": False, "quarter": 2}),
    ],
)
def test_a_date_knows_its_place_in_the_calendar(
    history: History, day: str, facts: Mapping[str, object]
) -> None:
    take(history, 1, datetime.fromisoformat(f"{day}T12:00+00:00"))

    (row,) = ask(history.root, "FROM dates").as_dicts()

    assert {name: row[name] for name in facts} == facts


@pytest.mark.parametrize("view", ["daily", "monthly", "dates"])
def test_a_history_of_nothing_yet_has_no_periods(history: History, view: str) -> None:
    assert rows(history, f"FROM {view}") == []
