"""What the clocks say: of a record against each other, of a log, and of its anchors. Pure.

Moments are text as records write them, UTC to the millisecond, so that they sort as they
are. A clock may be set right by a minute; what differs by more is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from warehouse.checks.findings import Find
from warehouse.payload import Snapshot
from warehouse.record import moment, timestamp

_CLOCK_SET: Final = timedelta(minutes=1)
_DATABASE: Final = timedelta(minutes=5)


def skew_of(snapshot: Snapshot) -> tuple[str, str] | None:
    """Expected and found, where the clocks of one snapshot contradict each other."""
    same_minute = snapshot.taken_at[:16] == snapshot.db_time[:16]
    if same_minute and snapshot.taken_at <= snapshot.recorded_at:
        return None
    try:
        taken, db_time = moment(snapshot.taken_at), moment(snapshot.db_time)
        recorded = moment(snapshot.recorded_at)
    except (ValueError, OverflowError):
        # No moment at all: the columns say so already.
        return None
    if abs(taken - db_time) > _DATABASE:
        return f"a database clock within 5 minutes of {snapshot.taken_at}", snapshot.db_time
    if taken - recorded > _CLOCK_SET:
        return f"taken before it was recorded at {snapshot.recorded_at}", snapshot.taken_at
    return None


@dataclass
class Times:
    """The moments of one log's records, in order, and between its anchors.

    `anchors` are sizes and the trusted time at which somebody else saw the log of that size.
    `now` is the verifier's own clock.
    """

    now: str
    anchors: Sequence[tuple[int, str]] = ()

    def check(self, index: int, recorded_at: str, newest: str, find: Find) -> None:
        """Compare the moment of a record with the newest before it, and those around it."""
        if recorded_at < newest and recorded_at < later(newest, -_CLOCK_SET):
            find("TIME_BACKWARDS", f"not before {newest}", recorded_at)
        if recorded_at > self.now:
            find("TIME_SKEW", f"not after {self.now}, which is now", recorded_at)
        if self.anchors:
            self._between(index, recorded_at, find)

    def _between(self, index: int, recorded_at: str, find: Find) -> None:
        after = max((at for size, at in self.anchors if size <= index), default="")
        before = min((at for size, at in self.anchors if size > index), default="")
        if after and recorded_at < later(after, -_CLOCK_SET):
            find("TIME_BEFORE_ANCHOR", f"not before {after}, when it was not there", recorded_at)
        if before and recorded_at > later(before, _CLOCK_SET):
            find("TIME_AFTER_ANCHOR", f"not after {before}, when it was there", recorded_at)


def is_moment(text: str) -> bool:
    """Whether this is a moment as records write one, of a time that there is."""
    try:
        moment(text)
    except (ValueError, OverflowError):
        return False
    return True


def later(at: str, by: timedelta) -> str:
    """A moment that much later; the same where a clock knows no such moment."""
    try:
        return timestamp(moment(at) + by)
    except (ValueError, OverflowError):
        return at
