"""Gaps: missed slots, silences longer than usual, and numbers that were unavailable."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made_series import DAY, FIRST_NIGHT, NOBODY, missed, night
from warehouse.analysis.gaps import Gap, broken_before, find_gaps, usual_distance


def nights(*numbers: int) -> list[datetime]:
    return [night(number) for number in numbers]


def gaps_of(times: list[datetime]) -> list[tuple[datetime, datetime]]:
    return [(gap.begin, gap.end) for gap in find_gaps(times, times, [])]


def test_nightly_snapshots_have_no_gap() -> None:
    assert gaps_of(nights(*range(30))) == []


def test_one_night_without_a_snapshot_is_a_gap() -> None:
    times = nights(*range(10), *range(11, 20))

    assert gaps_of(times) == [(night(9), night(11))]


def test_weekends_of_a_history_of_weekdays_are_no_gaps() -> None:
    weekdays = [night(n) for n in range(60) if night(n).weekday() < 5]
    without_a_week = [at for at in weekdays if not night(30) <= at < night(37)]

    assert gaps_of(weekdays) == []
    assert len(gaps_of(without_a_week)) == 1


def test_hours_of_jitter_are_no_gap() -> None:
    late = [night(n) + timedelta(hours=(n * 7) % 6) for n in range(40)]

    assert gaps_of(late) == []


def test_three_months_of_silence_stand_out_of_two_short_runs() -> None:
    times = nights(*range(7), *range(97, 100))

    assert gaps_of(times) == [(night(6), night(97))]


def test_too_few_snapshots_tell_nothing_about_what_is_usual() -> None:
    assert usual_distance(nights(0, 1, 2, 90)) is None
    assert gaps_of(nights(0, 1, 2, 90)) == []


def test_a_missed_slot_is_a_gap_however_short() -> None:
    times = nights(0, 1, 2)
    slot = missed(1)[0]
    between = [type(slot)(night(1) + timedelta(hours=6), NOBODY)]

    found = find_gaps(times, times, between)

    assert found == [Gap(night(1), night(2), tuple(between))]
    assert found[0].cause == f"1 slot(s) missed: {NOBODY}"


def test_reasons_are_told_the_most_frequent_first() -> None:
    slots = missed(1, 2) + missed(3, reason="the daemon was stopped")

    gap = Gap(night(0), night(4), tuple(slots))

    assert gap.cause == f"3 slot(s) missed: {NOBODY}, and 1 other reason(s)"


def test_an_unavailable_number_is_a_gap_of_its_own_statistic() -> None:
    times = nights(*range(6))
    valued = nights(0, 1, 4, 5)

    (gap,) = find_gaps(times, valued, [])

    assert gap == Gap(night(1), night(4), unavailable=2)
    assert gap.cause == "unavailable in 2 snapshot(s)"


def test_a_statistic_that_came_later_has_no_gap_before_it() -> None:
    assert find_gaps(nights(*range(6)), nights(3, 4, 5), []) == []


def test_slots_missed_before_the_first_value_are_told() -> None:
    times = nights(3, 4)

    assert find_gaps(times, times, missed(0, 1)) == [Gap(night(0), night(3), tuple(missed(0, 1)))]


def test_what_still_lasts_is_told() -> None:
    times = nights(0, 1, 2)

    by_slots = find_gaps(times, times, missed(3, 4))
    by_lack = find_gaps(times, times[:2], [])

    assert by_slots == [Gap(night(2), night(4), tuple(missed(3, 4)), lasting=True)]
    assert by_lack == [Gap(night(1), night(2), unavailable=1, lasting=True)]


def test_without_a_value_there_is_no_gap() -> None:
    assert find_gaps(nights(0, 1), [], missed(2)) == []


def test_a_line_is_broken_where_a_gap_lies_between_its_points() -> None:
    gaps = [Gap(night(1), night(4)), Gap(night(5), night(6), lasting=True)]

    assert broken_before(gaps, nights(0, 1, 4, 5)) == {2}
    assert broken_before([Gap(night(-2), night(0))], nights(0, 1)) == set()


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.sets(st.integers(0, 600_000)))
def test_gaps_lie_in_order_between_neighbours(distances: list[int], slots: set[int]) -> None:
    minute = timedelta(minutes=1)
    times = [FIRST_NIGHT]
    for distance in distances:
        times.append(times[-1] + distance * minute)
    due = [FIRST_NIGHT + number * minute for number in sorted(slots)]
    told = [type(missed(0)[0])(at, NOBODY) for at in due]

    found = find_gaps(times, times, told)

    neighbours = set(pairwise(times))
    inner = [gap for gap in found if not gap.lasting]
    assert [gap.begin for gap in found] == sorted(gap.begin for gap in found)
    assert all((gap.begin, gap.end) in neighbours for gap in inner)
    told_of = [slot.due_at for gap in found for slot in gap.missed]
    assert told_of == [at for at in due if at not in times]


@pytest.mark.parametrize("factor", [1, 24, 24 * 7])
def test_what_is_usual_has_no_unit(factor: int) -> None:
    times = [FIRST_NIGHT + n * factor * timedelta(hours=1) for n in (*range(10), *range(13, 20))]

    assert len(gaps_of(times)) == 1
    assert usual_distance(times) == factor * timedelta(hours=1)
    assert DAY / 24 * factor == usual_distance(times)
