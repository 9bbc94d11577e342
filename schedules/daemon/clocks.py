"""Two clocks: the one on the wall, which people set, and a steady one, which nobody can.

What is due goes by the wall clock, how long something takes by the steady one. Where the two
part by more than a clock is ever set by, the wall clock is doubted, and nothing is written
until a database confirms it: a clock that leaps to 2200 for a minute would leave a signed
record of every night in between, and no slot for those who live before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

# As much as the verifier allows between the clock here and the database's.
_AGREE: Final = timedelta(minutes=5)
_SET_BY: Final = timedelta(hours=1)
_NOTICED: Final = timedelta(seconds=2)
# Longer ago, the newest record no longer vouches for a clock that only just started.
_VOUCHES: Final = timedelta(days=7)
_BEFORE_NEWEST: Final = timedelta(minutes=1)


def steady() -> float:
    """Seconds of a clock that nobody sets, the time of a suspended machine included."""
    return time.clock_gettime(_STEADY)


_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class Clocks:
    """Both clocks; tests bring their own."""

    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    steady: Callable[[], float] = steady


@dataclass
class ClockGuard:
    """Watches the wall clock. `doubt` says why it is not believed, None while it is."""

    clocks: Clocks
    newest: datetime | None = None
    doubt: str | None = field(init=False, default=None)
    _trusted: timedelta = field(init=False)
    _seen: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self._trusted = self._seen = self._apart()
        now = self.clocks.wall()
        if self.newest and not self.newest - _BEFORE_NEWEST <= now <= self.newest + _VOUCHES:
            self.doubt = f"the clock says {now:%Y-%m-%d %H:%M} UTC, the newest record is of " + (
                f"{self.newest:%Y-%m-%d %H:%M}"
            )

    def check(self) -> timedelta:
        """How far the wall clock was set since the last check; zero where it was not."""
        apart = self._apart()
        step, self._seen = apart - self._seen, apart
        if abs(step) < _NOTICED:
            # Clocks drift, and are slewed: that is no step.
            self._trusted += step
            return timedelta()
        if abs(apart - self._trusted) > _SET_BY:
            self.doubt = f"the clock was set by {step.total_seconds():+.0f} s, to " + (
                f"{self.clocks.wall():%Y-%m-%d %H:%M} UTC"
            )
        elif self.doubt and self.doubt.startswith("the clock was set"):
            self.doubt = None
        return step

    def hear(self, db_time: datetime, taken_at: datetime) -> bool:
        """Compare with a database's clock; whether the wall clock is believed then."""
        if self.doubt and abs(db_time - taken_at) <= _AGREE:
            self.doubt = None
            self._trusted = self._seen = self._apart()
        return self.doubt is None

    def _apart(self) -> timedelta:
        wall = self.clocks.wall() - datetime(1970, 1, 1, tzinfo=UTC)
        return wall - timedelta(seconds=self.clocks.steady())
