"""Licensed seats against a contract: now, at their peaks, over the limit, and ahead. Pure.

A day counts with its highest value, so that no peak between two snapshots of a day is lost. The
sum over several instances is told for the days on which each of them has a value, and for no
other: what is not known is not counted as none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from warehouse.analysis.forecast import Forecast, forecast
from warehouse.analysis.periods import Span, contract_spans
from warehouse.analysis.series import OBSERVED

LICENSED: Final = "licensedUsers"


@dataclass(frozen=True)
class Contract:
    """What was bought: how many seats, from which day on, and for how many months at a time."""

    granted: int
    start: date
    months: int = 12


@dataclass(frozen=True)
class Seats:
    """Licensed users of one day: at their highest, and at its end.

    `provenance` is that of the highest value.
    """

    day: date
    highest: float
    newest: float
    provenance: str = OBSERVED


@dataclass(frozen=True)
class Tally:
    """One span of a contract: its peak (None: no value), and its days.

    `days_over` counts those above what is granted, `days_known` those with a value.
    """

    span: Span
    peak: Seats | None
    days_over: int
    days_known: int


@dataclass(frozen=True)
class Usage:
    """How one instance, or the sum of all (`source` is None), stands to the contract.

    `newest` is the day with the newest value; None where a sum has no day. `months` and `periods`
    are those of the contract, oldest first; none where it begins after the newest value.
    """

    source: str | None
    newest: Seats | None
    months: tuple[Tally, ...]
    periods: tuple[Tally, ...]
    forecast: Forecast


Row = tuple[str, datetime, float, str]


def usages(rows: Iterable[Row], contract: Contract) -> list[Usage]:
    """Tell the usage of each source, by name, and of their sum where there are several.

    `rows` are source, moment (UTC), licensed users, provenance; by time. A database that was
    rebuilt under the same name goes on with the seats of the old one: seats are people's.
    """
    daily: dict[str, dict[date, Seats]] = {}
    for source, taken_at, value, provenance in rows:
        days = daily.setdefault(source, {})
        day = taken_at.date()
        seen = Seats(day, value, value, provenance)
        if day in days and days[day].highest >= value:
            seen = replace(days[day], newest=value)
        days[day] = seen
    made = [usage(source, in_order(days), contract) for source, days in sorted(daily.items())]
    if len(daily) > 1:
        made.append(usage(None, summed(list(daily.values())), contract))
    return made


def in_order(days: Mapping[date, Seats]) -> list[Seats]:
    return [days[day] for day in sorted(days)]


def summed(sources: Sequence[Mapping[date, Seats]]) -> list[Seats]:
    """Add up the days on which every source has a value."""
    common = set(sources[0]).intersection(*sources[1:])
    return [_sum_of(day, [source[day] for source in sources]) for day in sorted(common)]


def _sum_of(day: date, parts: Sequence[Seats]) -> Seats:
    others = sorted({part.provenance for part in parts} - {OBSERVED})
    return Seats(
        day,
        sum(part.highest for part in parts),
        sum(part.newest for part in parts),
        ", ".join(others) or OBSERVED,
    )


def usage(source: str | None, days: Sequence[Seats], contract: Contract) -> Usage:
    """Hold daily values, in order, against a contract."""
    until = days[-1].day if days else contract.start
    return Usage(
        source,
        days[-1] if days else None,
        _tallies(days, contract, until, months=1),
        _tallies(days, contract, until, months=contract.months),
        forecast([(seats.day, seats.highest) for seats in days], contract.granted),
    )


def _tallies(
    days: Sequence[Seats], contract: Contract, until: date, *, months: int
) -> tuple[Tally, ...]:
    spans = contract_spans(contract.start, until, months)
    within: dict[Span, list[Seats]] = {span: [] for span in spans}
    place = 0
    for seats in days:
        while place < len(spans) and seats.day >= spans[place].end:
            place += 1
        if place < len(spans) and seats.day in spans[place]:
            within[spans[place]].append(seats)
    return tuple(_tally(span, found, contract.granted) for span, found in within.items())


def _tally(span: Span, days: Sequence[Seats], granted: int) -> Tally:
    return Tally(
        span,
        max(days, key=lambda seats: seats.highest, default=None),
        sum(seats.highest > granted for seats in days),
        len(days),
    )
