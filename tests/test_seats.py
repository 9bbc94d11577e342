"""Seats: peaks of contract months and periods, days over the limit, and sums of what is known."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.made_series import DAY, night
from warehouse.analysis.forecast import Forecast
from warehouse.analysis.seats import Contract, Row, Seats, usages
from warehouse.analysis.seats_report import seats_json, words

A_YEAR = Contract(250, date(2026, 3, 1))
HOUR = timedelta(hours=1)


def rows(*values: float, source: str = "prod", first: int = 0) -> list[Row]:
    return [
        (source, night(first + number), value, "observed") for number, value in enumerate(values)
    ]


def test_a_month_is_told_by_its_peak_and_the_days_over() -> None:
    (usage,) = usages(rows(*range(230, 290)), A_YEAR)

    march, april = usage.months
    assert march.peak == Seats(date(2026, 3, 31), 260, 260)
    assert (march.days_over, march.days_known, march.span.days) == (10, 31, 31)
    assert april.peak == Seats(date(2026, 4, 29), 289, 289)
    assert (april.days_over, april.days_known, april.span.days) == (29, 29, 30)
    assert [(t.peak, t.days_over, t.days_known) for t in usage.periods] == [(april.peak, 39, 60)]


def test_exactly_what_was_granted_is_not_over() -> None:
    (usage,) = usages(rows(250), A_YEAR)

    assert [tally.days_over for tally in usage.periods] == [0]


def test_a_day_counts_with_its_highest_and_now_is_the_newest() -> None:
    day = [
        ("prod", night(0), 240.0, "observed"),
        ("prod", night(0) + HOUR, 260.0, "observed"),
        ("prod", night(0) + 2 * HOUR, 245.0, "observed"),
    ]

    (usage,) = usages(day, A_YEAR)

    assert usage.newest == Seats(date(2026, 3, 1), 260, 245)
    assert usage.months[0].days_over == 1


def test_of_two_days_with_the_same_peak_the_first_is_told() -> None:
    (usage,) = usages(rows(100, 200, 200), A_YEAR)

    assert usage.months[0].peak == Seats(date(2026, 3, 2), 200, 200)


def test_days_without_a_snapshot_are_not_counted_as_none() -> None:
    (usage,) = usages(rows(260) + rows(240, first=40), A_YEAR)

    march, april = usage.months
    assert (march.days_over, march.days_known) == (1, 1)
    assert (april.days_over, april.days_known) == (0, 1)


def test_a_month_between_without_any_value_has_no_peak() -> None:
    (usage,) = usages(rows(200) + rows(240, first=70), A_YEAR)

    assert [tally.peak and tally.peak.highest for tally in usage.months] == [200, None, 240]


def test_what_was_before_the_contract_does_not_count_against_it() -> None:
    (usage,) = usages(rows(*[300] * 10), Contract(250, date(2026, 3, 8)))

    assert [(t.days_over, t.days_known) for t in usage.months] == [(3, 3)]


def test_a_contract_that_begins_later_has_no_months_yet() -> None:
    (usage,) = usages(rows(200), Contract(250, date(2027, 1, 1)))

    assert (usage.months, usage.periods) == ((), ())
    assert usage.newest is not None


def test_the_sum_is_told_for_the_days_that_all_know() -> None:
    prod, staging = rows(100, 110, 120), rows(10, 20, source="staging", first=1)

    found = usages(sorted(prod + staging, key=lambda row: row[1]), A_YEAR)

    assert [usage.source for usage in found] == ["prod", "staging", None]
    total = found[-1]
    assert total.newest == Seats(date(2026, 3, 3), 140, 140)
    assert [(t.peak and t.peak.highest, t.days_known) for t in total.months] == [(140, 2)]


def test_a_sum_without_a_common_day_says_so() -> None:
    found = usages(rows(100) + rows(10, source="staging", first=5), A_YEAR)

    total = found[-1]
    assert (total.newest, total.forecast.verdict) == (None, "too few values")


def test_a_rebuilt_database_goes_on_with_the_seats_of_its_source() -> None:
    found = usages([*rows(100, 101), *rows(102, first=2)], A_YEAR)

    assert [(usage.source, usage.months[0].days_known) for usage in found] == [("prod", 3)]


def test_what_was_not_observed_is_told_with_its_peak() -> None:
    reconstructed = [("prod", night(0), 300.0, "reconstructed")]
    staging = [("staging", night(0), 10.0, "observed")]

    one, _, both = usages(reconstructed + staging, A_YEAR)

    assert one.months[0].peak == Seats(date(2026, 3, 1), 300, 300, "reconstructed")
    assert both.months[0].peak == Seats(date(2026, 3, 1), 310, 310, "reconstructed")


def test_nothing_known_is_no_usage() -> None:
    assert usages([], A_YEAR) == []


def test_every_verdict_has_words() -> None:
    on, early, late = date(2027, 1, 1), date(2026, 12, 1), date(2027, 2, 1)

    assert words(Forecast("reached", 9, on=on), 250) == "reached: 250 or more since 2027-01-01"
    assert words(Forecast("expected", 180, 0.25, on, early, late), 250) == (
        "about 2027-01-01, between 2026-12-01 and 2027-02-01 (95 %), "
        "if it goes on by +0.25 a day as in 180 days"
    )
    assert words(Forecast("too few values", 3), 250) == (
        "cannot be said: 3 days with a value of the 14 that it takes"
    )
    assert words(Forecast("not growing", 90, -0.5), 250) == (
        "not as it goes: −0.50 a day in 90 days, flat or falling"
    )
    assert words(Forecast("not within the horizon", 90, 0.01, earliest=None), 250) == (
        "not within 3 years, if it goes on by +0.01 a day"
    )
    assert words(Forecast("not within the horizon", 90, 0.01, earliest=late), 250) == (
        "not within 3 years, if it goes on by +0.01 a day, 2027-02-01 at the earliest"
    )
    assert words(Forecast("too uncertain", 90, 0.1, earliest=early), 250) == (
        "cannot be said: +0.10 a day is too little against how much the days differ, "
        "the interval is too wide; not before 2026-12-01"
    )


def test_usages_as_json_name_the_sum_by_null() -> None:
    found = usages(rows(*range(100, 120)) + rows(*[5] * 20, source="staging"), A_YEAR)

    told = seats_json(found, A_YEAR)

    assert (told["granted"], told["contract_start"]) == (250, "2026-03-01")
    assert [each["source"] for each in told["usages"]] == ["prod", "staging", None]
    assert told["note"] == "People with accounts on two instances are counted twice in the sum."
    prod = told["usages"][0]
    assert (prod["licensed_users"], prod["as_of"]) == (119, "2026-03-20")
    assert prod["months"] == [
        {
            "first": "2026-03-01",
            "last": "2026-03-31",
            "peak": {"value": 119, "on": "2026-03-20", "provenance": "observed"},
            "days_over": 0,
            "days_known": 20,
            "days": 31,
        }
    ]
    assert prod["forecast"]["verdict"] == "expected"
    assert prod["forecast"]["on"] == "2026-07-29"


values = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 500), st.sampled_from(["prod", "staging"])),
    max_size=60,
)


@given(values, st.dates(date(2025, 1, 31), date(2027, 1, 1)), st.integers(1, 500))
def test_months_and_periods_count_the_same_days(
    seen: list[tuple[int, int, str]], start: date, granted: int
) -> None:
    moments: list[Row] = [
        (source, night(number) + DAY / 3, float(value), "observed")
        for number, value, source in seen
    ]

    for usage in usages(sorted(moments, key=lambda row: row[1]), Contract(granted, start)):
        peaks = [tally.peak.highest for tally in usage.months if tally.peak]
        assert sum(t.days_over for t in usage.months) == sum(t.days_over for t in usage.periods)
        assert sum(t.days_known for t in usage.months) == sum(t.days_known for t in usage.periods)
        assert max(peaks, default=None) == max(
            (tally.peak.highest for tally in usage.periods if tally.peak), default=None
        )
        known: set[datetime] = {row[1] for row in moments if row[0] == usage.source}
        if usage.source:
            after = {at.date() for at in known if at.date() >= start}
            assert sum(t.days_known for t in usage.months) == len(after)
