"""Periods of a calendar: days, ISO weeks, months, quarters, and those of a contract. Pure.

All in UTC. A calendar's period is named by its first day, a contract's by where it begins:
the day of the month of the contract's start, or the month's last day where it has no such day.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, get_args

Unit = Literal["day", "week", "month", "quarter"]
UNITS: tuple[Unit, ...] = get_args(Unit)
_MONTHS_OF_A_QUARTER = 3


@dataclass(frozen=True, order=True)
class Span:
    """Days from `first` on, `end` no longer among them."""

    first: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.end - self.first).days


def period_of(moment: date | datetime, by: Unit) -> date:
    """The first day of the period that a moment lies in; weeks begin on Monday."""
    day = moment.date() if isinstance(moment, datetime) else moment
    match by:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            first_month = day.month - (day.month - 1) % _MONTHS_OF_A_QUARTER
            return day.replace(month=first_month, day=1)


def following(period: date, by: Unit) -> date:
    """The period after this one."""
    match by:
        case "day":
            return period + timedelta(days=1)
        case "week":
            return period + timedelta(weeks=1)
        case "month":
            return months_after(period, 1)
        case "quarter":
            return months_after(period, _MONTHS_OF_A_QUARTER)


def period_name(period: date, by: Unit) -> str:
    """The period as people write it: 2026-03-01, 2026-W09, 2026-03, 2026-Q1."""
    match by:
        case "day":
            return period.isoformat()
        case "week":
            year, week, _ = period.isocalendar()
            return f"{year}-W{week:02d}"
        case "month":
            return f"{period:%Y-%m}"
        case "quarter":
            return f"{period.year}-Q{(period.month + 2) // _MONTHS_OF_A_QUARTER}"


def months_after(start: date, months: int) -> date:
    """The same day of a later month, or that month's last: 31 January, 28 February, 31 March."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def contract_spans(start: date, until: date, months: int) -> list[Span]:
    """Spans of so many months from `start` on, up to the one that `until` lies in.

    None where `until` is before the start. Counted from the start each time: a contract that
    began on the 31st begins its months on the 31st again after February.
    """
    spans: list[Span] = []
    while (first := months_after(start, len(spans) * months)) <= until:
        spans.append(Span(first, months_after(start, (len(spans) + 1) * months)))
    return spans
