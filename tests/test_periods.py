"""Periods of the calendar and of a contract: where they begin, what they are called."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.analysis.periods import (
    UNITS,
    Span,
    Unit,
    contract_spans,
    following,
    months_after,
    period_name,
    period_of,
)

days = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("day", "by", "name"),
    [
        (date(2026, 3, 1), "day", "2026-03-01"),
        (date(2026, 3, 1), "week", "2026-W09"),
        (date(2026, 3, 2), "week", "2026-W10"),
        (date(2027, 1, 3), "week", "2026-W53"),
        (date(2024, 12, 30), "week", "2025-W01"),
        (date(2026, 3, 31), "month", "2026-03"),
        (date(2026, 3, 31), "quarter", "2026-Q1"),
        (date(2026, 4, 1), "quarter", "2026-Q2"),
        (date(2026, 12, 31), "quarter", "2026-Q4"),
    ],
)
def test_a_period_is_called_as_people_call_it(day: date, by: Unit, name: str) -> None:
    assert period_name(period_of(day, by), by) == name


def test_the_last_moment_of_a_day_is_of_that_day() -> None:
    last = datetime(2026, 3, 31, 23, 59, 59, 999_999)  # noqa: DTZ001

    assert period_of(last, "month") == date(2026, 3, 1)


@given(days, st.sampled_from(UNITS))
def test_every_day_lies_in_exactly_one_period(day: date, by: Unit) -> None:
    period = period_of(day, by)

    assert period <= day < following(period, by)
    assert period_of(period, by) == period
    assert period_of(following(period, by) - timedelta(days=1), by) == period


@pytest.mark.parametrize(
    ("start", "months", "then"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 1, 31), 3, date(2026, 4, 30)),
        (date(2026, 11, 15), 2, date(2027, 1, 15)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 5, 5), 0, date(2026, 5, 5)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_months_last(
    start: date, months: int, then: date
) -> None:
    assert months_after(start, months) == then


def test_a_contract_of_the_31st_comes_back_to_the_31st() -> None:
    spans = contract_spans(date(2026, 1, 31), date(2026, 4, 1), 1)

    assert [(str(span.first), str(span.last)) for span in spans] == [
        ("2026-01-31", "2026-02-27"),
        ("2026-02-28", "2026-03-30"),
        ("2026-03-31", "2026-04-29"),
    ]


def test_a_contract_that_has_not_begun_has_no_spans() -> None:
    assert contract_spans(date(2026, 3, 2), date(2026, 3, 1), 1) == []
    assert len(contract_spans(date(2026, 3, 1), date(2026, 3, 1), 1)) == 1


@given(days, st.integers(0, 4_000), st.sampled_from([1, 3, 12]))
def test_spans_of_a_contract_leave_no_day_out_and_none_in_two(
    start: date, length: int, months: int
) -> None:
    until = start + timedelta(days=length)

    spans = contract_spans(start, until, months)

    assert spans[0].first == start
    assert until in spans[-1]
    assert all(one.end == other.first for one, other in pairwise(spans))


def test_a_span_knows_its_days() -> None:
    february = Span(date(2026, 2, 1), date(2026, 3, 1))

    assert (february.days, february.last) == (28, date(2026, 2, 28))
    assert date(2026, 2, 28) in february
    assert date(2026, 3, 1) not in february
