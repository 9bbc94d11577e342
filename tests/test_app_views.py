"""Applications by name: how many there were in a while, which the counts cannot tell."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.statistic import Unavailable
from tests.builders import A_MONDAY, DAY, NO_NAMES, PROD, History, a_history, a_reading
from warehouse.payload import Instance, Names
from warehouse.query import ask

pytestmark = pytest.mark.slow

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
ODD_NAMES = ["quote's", 'double"quote', "back\\slash", "ünï", "{app_lists}", "a,b]", "", "null"]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def take(
    history: History,
    *apps: str,
    day: int = 0,
    instance: Instance = PROD,
    omitted: int = 0,
    unavailable: bool = False,
) -> None:
    """Append a snapshot that names these applications."""
    names = Names(
        apps=list(apps), changes=[], flags=[], omitted={"apps": omitted} if omitted else {}
    )
    missing = [Unavailable("names.apps", "timeout", "took too long")] if unavailable else []
    history.take(
        a_reading(
            names=names, taken_at=A_MONDAY + day * DAY, instance=instance, unavailable=missing
        )
    )


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    return ask(history.root, sql).rows


def at(day: int) -> datetime:
    return (A_MONDAY + day * DAY).replace(tzinfo=None)


def windows(history: History) -> dict[int, int]:
    return dict(rows(history, "SELECT days, apps FROM apps_windows"))


def test_an_application_is_known_from_its_first_to_its_last_snapshot(history: History) -> None:
    take(history, "shop", "search")
    take(history, "shop", day=1)
    take(history, "shop", "pay", day=40)

    assert rows(history, "FROM apps ORDER BY app") == [
        (PROD.id, "prod", "pay", at(40), at(40), 1),
        (PROD.id, "prod", "search", at(0), at(0), 1),
        (PROD.id, "prod", "shop", at(0), at(40), 3),
    ]


def test_an_application_that_was_forgotten_between_two_counts_once(history: History) -> None:
    take(history, "night-job")
    take(history, "shop", day=1)
    take(history, "night-job", "shop", day=2)

    assert windows(history) == {7: 2, 30: 2, 90: 2, 365: 2}


def test_windows_reach_back_from_the_newest_snapshot(history: History) -> None:
    for day, app in [(0, "a"), (275, "b"), (335, "c"), (358, "d"), (364, "e")]:
        take(history, app, day=day)

    assert windows(history) == {7: 2, 30: 3, 90: 4, 365: 5}


def test_a_window_ends_before_the_same_time_of_its_first_day(history: History) -> None:
    take(history, "a")
    take(history, "b", day=7)

    assert windows(history)[7] == 1
    assert windows(history)[30] == 2


def test_a_window_says_whether_the_history_reaches_back_so_far(history: History) -> None:
    take(history, "a")
    take(history, "a", day=30)

    found = rows(history, "SELECT days, complete, until FROM apps_windows ORDER BY days")

    assert found == [
        (7, True, at(30)),
        (30, True, at(30)),
        (90, False, at(30)),
        (365, False, at(30)),
    ]


def test_each_instance_has_windows_up_to_its_own_newest_snapshot(history: History) -> None:
    take(history, "a", "b")
    take(history, "c", day=200, instance=STAGING)

    found = rows(
        history, "SELECT instance, until, apps FROM apps_windows WHERE days = 7 ORDER BY 1"
    )

    assert found == [("prod", at(0), 2), ("staging", at(200), 1)]


def test_months_have_their_own_distinct_applications(history: History) -> None:
    take(history, "shop", "search")
    take(history, "shop", "pay", day=1)
    take(history, "pay", day=20)

    assert rows(history, "FROM apps_monthly ORDER BY month") == [
        (PROD.id, "prod", date(2026, 11, 1), 3, 2, 0),
        (PROD.id, "prod", date(2026, 12, 1), 1, 1, 0),
    ]


def test_a_snapshot_that_names_none_is_no_unknown(history: History) -> None:
    take(history)

    assert rows(history, "SELECT apps, snapshots FROM apps_monthly") == [(0, 1)]
    assert windows(history) == {7: 0, 30: 0, 90: 0, 365: 0}


def test_a_list_that_could_not_be_read_is_not_an_empty_one(history: History) -> None:
    take(history, "shop")
    take(history, day=20, unavailable=True)

    assert rows(history, "SELECT month, apps, snapshots FROM apps_monthly") == [
        (date(2026, 11, 1), 1, 1)
    ]
    assert rows(history, "SELECT DISTINCT until FROM apps_windows") == [(at(0),)]


def test_names_that_had_no_room_are_told(history: History) -> None:
    take(history, "a", omitted=7)
    take(history, "a", day=60, omitted=2)

    assert rows(history, "SELECT omitted FROM apps_monthly ORDER BY month") == [(7,), (2,)]
    found = rows(history, "SELECT days, omitted FROM apps_windows ORDER BY days")
    assert found == [(7, 2), (30, 2), (90, 7), (365, 7)]


def test_names_may_be_any_text(history: History) -> None:
    take(history, *ODD_NAMES)

    assert {app for (app,) in rows(history, "SELECT app FROM apps")} == set(ODD_NAMES)
    assert windows(history)[7] == len(ODD_NAMES)


def test_names_count_as_they_are_written(history: History) -> None:
    take(history, "Shop", "shop")

    assert windows(history)[7] == 2


def test_a_fleet_is_counted_over_all_instances(history: History) -> None:
    take(history, "shop", "pay")
    take(history, "shop", "search", instance=STAGING)

    assert rows(history, "SELECT count(DISTINCT app) FROM apps") == [(3,)]


def test_the_lists_themselves_are_no_view(history: History) -> None:
    take(history, "shop")

    assert "app_lists" not in {name for (name, *_) in rows(history, "SHOW TABLES")}


@pytest.mark.parametrize("view", ["apps", "apps_monthly", "apps_windows"])
def test_a_history_of_nothing_yet_has_no_applications(history: History, view: str) -> None:
    assert rows(history, f"FROM {view}") == []


def test_names_of_missed_slots_and_other_records_are_none(history: History) -> None:
    history.take(a_reading(names=NO_NAMES, taken_at=A_MONDAY + timedelta(hours=1)))

    assert rows(history, "SELECT apps, snapshots FROM apps_monthly") == [(0, 1)]
