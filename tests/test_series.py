"""Series: changes from point to point, the last value of each period, and what happened between."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made_series import PROD, USERS, a_series, missed, night, sightings
from warehouse.analysis.gaps import Gap
from warehouse.analysis.periods import UNITS, Unit, period_of
from warehouse.analysis.series import (
    Point,
    Redefinition,
    Sighting,
    Statistic,
    Upgrade,
    growth,
    make_series,
    upgrades,
)


def test_a_series_has_a_change_from_its_second_point_on() -> None:
    series = a_series([100, 125, 120])

    told = [(p.value, p.change, p.growth, p.per_day) for p in series.points]
    assert told == [(100, None, None, None), (125, 25, 25.0, 25.0), (120, -5, -4.0, -5.0)]
    assert (series.change, series.growth, series.per_day) == (20, 20.0, 10.0)


def test_one_point_has_not_changed() -> None:
    series = a_series([100])

    assert (series.change, series.growth, series.per_day) == (None, None, None)


def test_a_change_per_day_counts_the_days_between() -> None:
    series = a_series([100, None, None, None, 120])

    assert [point.per_day for point in series.points] == [None, 5.0]


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [(100, 150, 50.0), (100, 0, -100.0), (0, 5, None), (-5, 5, None), (3, 3, 0.0)],
)
def test_growth_from_nothing_is_no_number(before: float, after: float, percent: float) -> None:
    assert growth(before, after) == percent


def test_a_switch_does_not_grow() -> None:
    series = a_series([1, 0, 1], statistic=Statistic("SAMLenabled", "on or off", "switch"))

    assert [point.growth for point in series.points] == [None, None, None]
    assert series.growth is None


def test_unavailable_numbers_are_left_out_and_a_gap() -> None:
    series = a_series([1, None, 3])

    assert [(p.value, p.after_gap) for p in series.points] == [(1, False), (3, True)]
    assert series.gaps == (Gap(night(0), night(2), unavailable=1),)


def test_a_month_is_told_by_its_last_value() -> None:
    series = a_series(list(range(92)), by="month")

    told = [(p.period, p.taken_at.day, p.value, p.change) for p in series.points]
    assert told == [
        ("2026-03", 31, 30, None),
        ("2026-04", 30, 60, 30),
        ("2026-05", 31, 91, 31),
    ]


def test_what_was_observed_counts_before_a_later_reconstruction() -> None:
    series = a_series([1, 2, 3, 4], by="month", reconstructed=[2, 3])

    assert [(p.value, p.provenance) for p in series.points] == [(2, "observed")]


def test_a_period_of_reconstructed_values_has_the_last_of_them() -> None:
    series = a_series([1, 2], by="week", reconstructed=[0, 1])

    assert [(p.period, p.value, p.provenance) for p in series.points] == [
        ("2026-W09", 1, "reconstructed"),
        ("2026-W10", 2, "reconstructed"),
    ]


def test_days_missed_within_a_month_are_no_gap_of_months() -> None:
    series = a_series(list(range(60)), by="month", left_out=range(10, 15), slots=missed(12))

    assert series.gaps == ()
    assert [point.after_gap for point in series.points] == [False, False]


def test_a_month_without_any_value_is_a_gap_of_months() -> None:
    series = a_series(list(range(92)), by="month", left_out=range(25, 65))

    assert [(p.period, p.after_gap) for p in series.points] == [
        ("2026-03", False),
        ("2026-05", True),
    ]
    assert [(gap.begin, gap.end) for gap in series.gaps] == [(night(24), night(65))]
    assert series.points[1].change == 91 - 24


def test_weekly_snapshots_told_by_day_are_not_all_gaps() -> None:
    weekly = [number for number in range(70) if number % 7]

    series = a_series(list(range(70)), by="day", left_out=weekly)

    assert (len(series.points), series.gaps) == (10, ())


def test_slots_missed_since_the_last_value_last_on() -> None:
    nightly = a_series([1, 2, 3], slots=missed(3, 4))
    monthly = a_series([1, 2, 3], slots=missed(3, 4), by="month")
    next_month = a_series([1, 2, 3], slots=missed(31), by="month")

    assert [gap.lasting for gap in nightly.gaps] == [True]
    assert monthly.gaps == ()
    assert [gap.lasting for gap in next_month.gaps] == [True]


@given(
    st.lists(st.none() | st.integers(0, 500), min_size=1, max_size=120),
    st.sampled_from(UNITS),
)
def test_periods_are_told_once_in_order_and_changes_add_up(
    values: list[float | None], by: Unit
) -> None:
    seen = sightings(values)

    series = make_series(PROD, USERS, seen, by=by)

    periods = [period_of(point.taken_at, by) for point in series.points]
    assert periods == sorted({period_of(s.taken_at, by) for s in seen if s.value is not None})
    changes = [point.change for point in series.points if point.change is not None]
    assert sum(changes) == (series.change or 0)


@pytest.mark.parametrize(
    ("releases", "found"),
    [
        (["8.1.0", "8.1.0", "8.2.0"], [("8.1.0", "8.2.0")]),
        (["8.2.0", "8.1.0"], [("8.2.0", "8.1.0")]),
        (["7.4", "7.4.1", "7.4.2"], [("7.4.1", "7.4.2")]),
        (["7.4.1", "7.4", "7.4.1"], []),
        (["4.18/4.19", "4.19", "4.20"], [("4.19", "4.20")]),
        (["4.18/4.19", "4.19/4.20"], []),
        (["7.1", "7.10"], [("7.1", "7.10")]),
        (["", "8.0.0", "", "8.0.0"], []),
        (["8.0.0", "", "8.1.0"], [("8.0.0", "8.1.0")]),
        ([], []),
    ],
)
def test_a_release_that_becomes_more_certain_is_no_upgrade(
    releases: list[str], found: list[tuple[str, str]]
) -> None:
    told = upgrades([(night(number), release) for number, release in enumerate(releases)])

    assert [(upgrade.before, upgrade.after) for upgrade in told] == found


def test_upgrades_and_definitions_are_told_at_the_first_snapshot_after_them() -> None:
    series = a_series(
        [1, 2, 3, 4], releases=["8.1.0"] * 2 + ["8.2.0"] * 2, definitions=["a", "a", "a", "b"]
    )

    assert series.upgrades == (Upgrade(night(2), "8.1.0", "8.2.0"),)
    assert series.redefinitions == (Redefinition(night(3), "a", "b"),)


def test_a_definition_that_nobody_kept_is_no_change() -> None:
    seen = [replace(each, definition=None) for each in sightings([1, 2])]

    series = make_series(PROD, USERS, [*sightings([0]), *seen[1:]])

    assert series.redefinitions == ()


def test_a_statistic_without_any_value_has_no_points() -> None:
    series = make_series(PROD, USERS, [Sighting(night(0), None)], missed(1))

    assert (series.points, series.gaps, series.change) == ((), (), None)
    assert make_series(PROD, USERS, [], by="month").points == ()


def test_a_point_keeps_where_it_came_from() -> None:
    series = a_series([7], reconstructed=[0], releases=["7.4"], definitions=["abc"])

    assert series.points == (Point(night(0), 7, "reconstructed", "7.4", "abc"),)
