"""The slots of a log's sources: each one has to have a snapshot, or a reason why not.

A schedule is declared by the log's first record for all sources, or for one source by a
record of its own, from a moment on. So a schedule can change, and no night in between can
be skipped in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from warehouse.checks.findings import Complaint
from warehouse.checks.times import is_moment, later
from warehouse.errors import BadInput
from warehouse.payload import Scheduled
from warehouse.record import moment, timestamp
from warehouse.schedule import Schedule

# Nobody needs to know more exactly how many nights were skipped.
_MOST: Final = 10_000
_MOST_OF_ALL: Final = 100_000


@dataclass
class Slots:
    """The slots of one source, from the first moment that is known of it."""

    schedule: Schedule | None
    decided: str = ""
    declared: bool = False
    _coming: Iterator[datetime] = field(default_factory=lambda: iter(()))
    _next: str = ""

    def declare(self, schedule: Schedule | None, since: str) -> None:
        """Go by another schedule from a moment on."""
        self.schedule, self.declared, self.decided = schedule, True, ""
        self._begin(since)

    def until(self, due_at: str, most: int) -> tuple[int, str]:
        """How many slots there are before one, undecided, and the first; at most `most`."""
        if not self.decided:
            self._begin(due_at)
        lost, first = 0, self._next
        while self._next and self._next < due_at and lost < most:
            lost += 1
            self._advance()
        return lost, first if lost else ""

    def decide(self, due_at: str) -> None:
        """Count a slot, and those before it, as told of."""
        if due_at > self.decided:
            if self._next and self._next < due_at:
                self._begin(due_at)
            elif self._next == due_at:
                self._advance()
            self.decided = due_at

    def _begin(self, moment_text: str) -> None:
        self.decided = moment_text
        if self.schedule:
            self._coming = self.schedule.after(moment(moment_text))
            self._advance()

    def _advance(self) -> None:
        slot = next(self._coming, None)
        self._next = timestamp(slot) if slot else ""


@dataclass
class SlotBook:
    """The slots of all sources of a log. `default` is the schedule of those that declare none."""

    default: Schedule | None = None
    _left: int = _MOST_OF_ALL
    _sources: dict[str, Slots] = field(default_factory=dict)

    def decide(self, source: str, due_at: str) -> Iterator[Complaint]:
        """Take in a record of a slot; complain of those between it and the one before."""
        slots = self._sources.get(source)
        if slots is None:
            slots = self._sources[source] = Slots(self.default)
        # What is no moment at all is told of already, by the columns.
        if slots.schedule and is_moment(due_at):
            yield from self._lost(slots, due_at)
            slots.decide(due_at)

    def declare(self, record: Scheduled) -> Iterator[Complaint]:
        """Take in a schedule; complain of slots of the one before that nothing is said of."""
        if not is_moment(record.since):
            yield "GAP", "a schedule from a moment on", f"since {record.since!r}"
            return
        try:
            schedule = Schedule(record.cron, record.zone) if record.cron is not None else None
        except BadInput as error:
            yield "GAP", f"a schedule of {record.source!r}", str(error)
            return
        slots = self._sources.setdefault(record.source, Slots(self.default))
        if slots.decided:
            # A slot of that very moment is one of the old schedule.
            yield from self._lost(slots, later(record.since, timedelta(milliseconds=1)))
        slots.declare(schedule, record.since)

    def end(self, newest: str) -> Iterator[Complaint]:
        """Complain of sources with a schedule of their own that nothing more is said of."""
        for source, slots in self._sources.items():
            if slots.declared and slots.schedule and is_moment(newest):
                yield from self._lost(slots, newest, also=f" of {source!r}")

    def _lost(self, slots: Slots, until: str, also: str = "") -> Iterator[Complaint]:
        lost, first = slots.until(until, min(_MOST, self._left))
        self._left -= lost
        if lost:
            which = "slot" if lost == 1 else f"{lost} slots, the first"
            yield "GAP", f"a snapshot or a reason for the {which} of {first}{also}", "neither"
