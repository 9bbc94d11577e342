"""Runs: each in a thread of its own, with a deadline that holds whatever the network does.

A connection gives up by itself when its deadline is over. A thread that hangs where nobody can
interrupt it (looking up a name, say) is abandoned: it belongs to nobody then, and what it still
says is not listened to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread

from etl.patience import Deadline
from etl.run import Outcome
from warehouse.errors import Failure

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
