"""Runs: each in a thread of its own, with a deadline that holds whatever the network does.

A connection gives up by itself when its deadline is over. A thread that hangs where nobody can
interrupt it (looking up a name, say) is abandoned: it belongs to nobody then, and what it still
says is not listened to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread
from typing import Final

from etl.patience import Deadline
from etl.run import Outcome
from schedules.daemon.timers import Timers
from warehouse.errors import Failure

# A run that takes longer makes room for others; so many times more may then be under way.
_SLOW: Final = 10.0
_SLOW_BESIDE: Final = 4
# A connection ends itself at the deadline. This is for what cannot.
_GRACE: Final = 2.0

Read = Callable[[str, Deadline], Outcome]


class Unexpected(Failure):
    """A defect of ours: it costs one run, not the daemon."""


@dataclass(eq=False)
class Run:
    """One attempt to read a source, for a slot or, without one, only to look at its clock."""

    source: str
    slot: datetime | None
    deadline: Deadline
    began: float
    thread: Thread = field(init=False)

    @property
    def is_alive(self) -> bool:
        return self.thread.is_alive()


@dataclass
class Tracks:
    """The runs that are under way. `ended` hears of the end of each that is still listened to.

    With None for an outcome it hears that a run is overdue. All of it belongs to one thread:
    `post` has something done there.
    """

    read: Read
    ended: Callable[[Run, Outcome | None], None]
    post: Callable[[Callable[[], None]], None]
    timers: Timers
    now: Callable[[], float]
    running: set[Run] = field(default_factory=set)

    def has_room(self, most: int) -> bool:
        """Whether another may begin, `most` at a time; slow ones make room for others."""
        return self.younger_than(_SLOW) < most and len(self.running) < most * (1 + _SLOW_BESIDE)

    def younger_than(self, seconds: float) -> int:
        """How many began within the last seconds."""
        return sum(self.now() - run.began < seconds for run in self.running)

    def start(self, source: str, slot: datetime | None, seconds: float) -> Run:
        """Begin a run that is over in so many seconds, whatever it does."""
        run = Run(source, slot, Deadline(seconds), self.now())
        self.running.add(run)
        self.timers.after(min(_SLOW, seconds))
        self.timers.after(seconds + _GRACE, lambda: self._end(run, None))
        start_run(run, self.read, lambda run, found: self.post(lambda: self._end(run, found)))
        return run

    def call_off(self) -> None:
        """Let all of them end now."""
        for run in self.running:
            run.deadline.call_off()

    def _end(self, run: Run, outcome: Outcome | None) -> None:
        if run in self.running:
            self.running.discard(run)
            self.ended(run, outcome)


def start_run(run: Run, read: Read, finished: Callable[[Run, Outcome], None]) -> None:
    """Begin a run; `finished` is called from its thread."""

    def work() -> None:
        try:
            outcome = read(run.source, run.deadline)
        except Exception as error:
            outcome = Outcome(run.source, failure=_unexpected(error))
        finished(run, outcome)

    # The end of the process does not wait for it.
    run.thread = Thread(target=work, name=f"run {run.source}", daemon=True)
    run.thread.start()


def _unexpected(error: Exception) -> Unexpected:
    return Unexpected(f"unexpected {type(error).__name__}: {error}")
