"""Where a series has nothing to say: missed slots, long silences, unavailable numbers. Pure.

A missed slot is told by a signed record. Silence is found by comparison: a distance that is
clearly longer than those that are usual for the same instance. What is usual is measured, since
a history may be taken hourly, nightly, on weekdays or by hand.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Final

# One night missed of nightly ones is twice the usual distance; jitter of a run is far below half.
_CLEARLY_LONGER: Final = 1.5
# One in ten distances may be longer and still be usual: weekends of a history of weekdays.
_USUAL_SHARE: Final = 0.9
# Fewer tell nothing about what is usual.
_FEWEST_DISTANCES: Final = 4


@dataclass(frozen=True)
class MissedSlot:
    """A slot without a snapshot, as a signed record tells it."""

    due_at: datetime
    reason: str


@dataclass(frozen=True)
class Gap:
    """No value between two moments (UTC): the values on both sides of it, where there are any.

    Before the first value it begins with the first slot that was missed; a `lasting` one has no
    value behind it yet. `missed` are the slots in it, `unavailable` counts snapshots that lack
    this statistic.
    """

    begin: datetime
    end: datetime
    missed: tuple[MissedSlot, ...] = ()
    unavailable: int = 0
    lasting: bool = False

    @property
    def cause(self) -> str:
        """Why, in words: the reasons of missed slots, the most frequent first."""
        if self.missed:
            reasons = Counter(slot.reason for slot in self.missed).most_common()
            more = f", and {len(reasons) - 1} other reason(s)" if len(reasons) > 1 else ""
            return f"{len(self.missed)} slot(s) missed: {reasons[0][0]}{more}"
        if self.unavailable:
            return f"unavailable in {self.unavailable} snapshot(s)"
        return "no snapshot"


def usual_distance(times: Sequence[datetime]) -> timedelta | None:
    """How far apart snapshots usually are, at most; None where too few tell.

    `times` in order. At least one distance, the longest, is not called usual.
    """
    distances = sorted(later - earlier for earlier, later in pairwise(times))
    if len(distances) < _FEWEST_DISTANCES:
        return None
    rank = min(ceil(_USUAL_SHARE * len(distances)), len(distances) - 1)
    return distances[rank - 1]


def find_gaps(
    times: Sequence[datetime], valued: Sequence[datetime], missed: Sequence[MissedSlot]
) -> list[Gap]:
    """Find the gaps of one statistic, in order.

    `times` are those of all snapshots of the instance, `valued` those that have the statistic,
    `missed` the slots of the instance; all in order.
    """
    if not valued:
        return []
    usual = usual_distance(times)
    longest = usual * _CLEARLY_LONGER if usual else timedelta.max
    due = [slot.due_at for slot in missed]
    found = [*_leading(valued[0], missed[: bisect_left(due, valued[0])])]
    for begin, end in pairwise(valued):
        slots = missed[bisect_right(due, begin) : bisect_left(due, end)]
        unavailable = bisect_left(times, end) - bisect_right(times, begin)
        if slots or unavailable > 0 or end - begin > longest:
            found.append(Gap(begin, end, tuple(slots), max(0, unavailable)))
    begin = valued[-1]
    found += _lasting(
        begin, times[bisect_right(times, begin) :], missed[bisect_right(due, begin) :]
    )
    return found


def broken_before(gaps: Sequence[Gap], times: Sequence[datetime]) -> set[int]:
    """Tell before which of these moments, by their places, a gap lies."""
    places = {bisect_left(times, gap.end): gap for gap in gaps if not gap.lasting}
    return {at for at, gap in places.items() if 0 < at < len(times) and times[at - 1] <= gap.begin}


def _leading(first: datetime, slots: Sequence[MissedSlot]) -> Iterator[Gap]:
    # A statistic that was unavailable before did not exist yet: that is no gap.
    if slots:
        yield Gap(slots[0].due_at, first, tuple(slots))


def _lasting(
    last: datetime, unavailable: Sequence[datetime], slots: Sequence[MissedSlot]
) -> Iterator[Gap]:
    if unavailable or slots:
        end = max([*unavailable[-1:], *(slot.due_at for slot in slots[-1:])])
        yield Gap(last, end, tuple(slots), len(unavailable), lasting=True)
