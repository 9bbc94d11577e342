"""Changes per environment and day: each counted once, however many snapshots tell of it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.snapshot import names_of
from tests.builders import A_MONDAY, DAY, PROD, History, a_history, a_reading
from warehouse.payload import EnvironmentChanges, Instance, Names
from warehouse.query import ask

pytestmark = pytest.mark.slow

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
DAYS = 90
MONDAY = A_MONDAY.date()


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def told(changes: dict[date, int], today: date, environment: str = "production") -> Names:
    """The names of a snapshot of that day, as a source's rows become them."""
    rows = [
        {"environment": environment, "type": environment, "day": day, "updates": updates}
        for day, updates in changes.items()
    ]
    first_day = today - timedelta(days=DAYS - 1)
    within = [row for row in rows if first_day <= changes_day(row) <= today]
    return names_of((), within, (), first_day=first_day, days=DAYS)


def changes_day(row: dict[str, Any]) -> date:
    found: date = row["day"]
    return found


def take(
    history: History,
    changes: dict[date, int],
    *,
    day: float = 0,
    environment: str = "production",
    instance: Instance = PROD,
) -> None:
    at = A_MONDAY + day * DAY
    names = told(changes, at.date(), environment)
    history.take(a_reading(names=names, taken_at=at, instance=instance))


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    return ask(history.root, sql).rows


def changed(history: History) -> dict[date, int]:
    """The days with changes, and how many."""
    found = rows(history, "SELECT day, sum(changes) FROM environment_changes GROUP BY 1")
    return {day: int(changes) for day, changes in found if changes}


def test_a_snapshot_tells_of_ninety_days(history: History) -> None:
    take(history, {MONDAY: 3})

    assert rows(history, "SELECT count(*), min(day), max(day) FROM environment_changes") == [
        (90, MONDAY - 89 * DAY, MONDAY)
    ]


def test_a_row_says_where_when_and_by_which_snapshot(history: History) -> None:
    take(history, {MONDAY - DAY: 4, MONDAY: 3})

    found = rows(history, "FROM environment_changes WHERE changes > 0 ORDER BY day")

    about = (PROD.id, "prod", "production", "production")
    at = datetime(2026, 11, 23, 2)  # noqa: DTZ001  # the warehouse keeps UTC without a zone
    assert found == [
        (*about, MONDAY - DAY, 4, True, at),
        (*about, MONDAY, 3, False, at),
    ]


def test_days_that_two_snapshots_tell_of_count_once(history: History) -> None:
    past = {MONDAY - n * DAY: n for n in range(1, 60)}
    take(history, past)
    take(history, past, day=1)
    take(history, past, day=1)

    assert changed(history) == past


def test_a_day_that_was_still_running_is_corrected_by_the_next_snapshot(history: History) -> None:
    take(history, {MONDAY: 3})
    take(history, {MONDAY: 11}, day=1)

    assert changed(history) == {MONDAY: 11}
    assert rows(history, f"SELECT complete FROM environment_changes WHERE day = '{MONDAY}'") == [
        (True,)
    ]


def test_of_two_snapshots_of_one_day_the_later_one_stands(history: History) -> None:
    take(history, {MONDAY: 3}, day=0.0)
    take(history, {MONDAY: 5}, day=0.5)

    assert changed(history) == {MONDAY: 5}


def test_a_past_that_the_database_tells_otherwise_is_told_anew(history: History) -> None:
    take(history, {MONDAY - 10 * DAY: 8})
    take(history, {MONDAY - 10 * DAY: 2}, day=1)

    assert changed(history) == {MONDAY - 10 * DAY: 2}


def test_years_are_made_of_windows_that_follow_each_other(history: History) -> None:
    made = {MONDAY + n * DAY: n + 1 for n in range(400)}
    for day in range(0, 400, 40):
        take(history, {on: n for on, n in made.items() if on <= MONDAY + day * DAY}, day=day)

    assert changed(history) == {on: n for on, n in made.items() if on <= MONDAY + 360 * DAY}


def test_what_no_snapshot_tells_of_is_no_zero(history: History) -> None:
    take(history, {MONDAY: 1})
    take(history, {MONDAY + 200 * DAY: 1}, day=200)

    days = {day for (day,) in rows(history, "SELECT day FROM environment_changes")}
    assert len(days) == 180
    assert MONDAY + 50 * DAY not in days


def test_an_environment_that_is_gone_keeps_its_past(history: History) -> None:
    take(history, {MONDAY: 6}, environment="old")
    take(history, {MONDAY + DAY: 1}, environment="new", day=1)

    assert changed(history) == {MONDAY: 6, MONDAY + DAY: 1}


def test_environments_and_instances_are_kept_apart(history: History) -> None:
    take(history, {MONDAY: 1}, environment="a")
    take(history, {MONDAY: 2}, environment="b")
    take(history, {MONDAY: 4}, environment="a", instance=STAGING)

    assert rows(
        history,
        "SELECT instance, environment, sum(changes)::INT FROM environment_changes"
        " GROUP BY ALL ORDER BY ALL",
    ) == [("prod", "a", 1), ("prod", "b", 2), ("staging", "a", 4)]


def test_a_type_that_changed_is_told_for_the_days_of_each_snapshot(history: History) -> None:
    for day, kind in [(0, "production"), (100, "test")]:
        at = A_MONDAY + day * DAY
        entry = EnvironmentChanges(
            environment="live", type=kind, first_day=(at.date() - 89 * DAY).isoformat(),
            updates=[1] * DAYS,
        )  # fmt: skip
        names = Names(apps=[], changes=[entry], flags=[], omitted={})
        history.take(a_reading(names=names, taken_at=at))

    assert rows(
        history, "SELECT type, count(*) FROM environment_changes GROUP BY 1 ORDER BY 1"
    ) == [("production", 90), ("test", 90)]


def test_a_history_without_changes_has_no_rows(history: History) -> None:
    history.take()

    assert rows(history, "FROM environment_changes") == []


@settings(max_examples=20, deadline=None)
@given(
    made=st.dictionaries(st.integers(-80, 120), st.integers(1, 9), max_size=20),
    taken=st.lists(st.integers(0, 120), min_size=1, max_size=6, unique=True),
)
def test_the_newest_word_for_every_day_stands(
    tmp_path_factory: pytest.TempPathFactory, made: dict[int, int], taken: list[int]
) -> None:
    history = a_history(tmp_path_factory.mktemp("changes"))
    expected: dict[date, int] = {}
    for day in sorted(taken):
        # Every snapshot tells the past a little otherwise, so that whose word it is shows.
        known = {MONDAY + n * DAY: updates + 10 * day for n, updates in made.items() if n <= day}
        take(history, known, day=day)
        for n in range(day - DAYS + 1, day + 1):
            on = MONDAY + n * DAY
            if any(day - DAYS < m for m in made if m <= day):
                expected[on] = known.get(on, 0)

    assert changed(history) == {on: changes for on, changes in expected.items() if changes}
    assert rows(history, "SELECT count(*) - count(DISTINCT day) FROM environment_changes") == [(0,)]
