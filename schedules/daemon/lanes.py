"""One source as the daemon sees it: its slots so far, and what it is doing about the next."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from etl.timetable import Timetable
from schedules.daemon.runs import Run
from warehouse.record import moment
from warehouse.schedule import Schedule

State = Literal["idle", "ready", "running", "waiting", "keeping"]


@dataclass(eq=False)
class Lane:
    """A source. It does one thing at a time, so that its slots come in order.

    `wanted` is its schedule by the settings, None once they have it no more; `known` what the
    log remembers of it. `slot`, `attempts`, `tried_since` and `failure` are of the slot at hand;
    `run` is the newest run, abandoned or not.
    """

    source: str
    wanted: Schedule | None
    offset: timedelta
    known: Timetable | None = None
    state: State = "idle"
    slot: datetime | None = None
    attempts: int = 0
    tried_since: float = 0
    retry_at: float = 0
    failure: str = ""
    run: Run | None = None
    listens: bool = False

    @property
    def schedule(self) -> Schedule | None:
        """The schedule in force: the one that the log has, until it has another."""
        if self.known is None or self.known.cron is None:
            return None
        return Schedule(self.known.cron, self.known.zone)

    @property
    def told(self) -> datetime:
        """The newest slot that was told of; the beginning of time before the first."""
        return moment(self.known.due_at) if self.known else datetime.min.replace(tzinfo=UTC)

    def take_up(self, slot: datetime) -> None:
        """Begin with a slot."""
        self.slot, self.state = slot, "ready"
        self.attempts, self.tried_since, self.failure = 0, 0, ""

    def abandon(self) -> None:
        """Listen no more to the run that goes on."""
        if self.run:
            self.run.deadline.call_off()
        self.listens = False

    @property
    def hangs(self) -> bool:
        """Whether an abandoned run is still there: the next would hang beside it."""
        return self.run is not None and not self.listens and self.run.is_alive
