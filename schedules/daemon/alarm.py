"""The alarm clock: wakes whoever keeps a slot, on APScheduler.

It decides nothing and remembers nothing: its jobs are in memory, a late one still rings, and
once. What is due is for the log to tell.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from schedules.slots import next_look
from warehouse.schedule import Schedule


class Alarm(Protocol):
    """Rings a name at the slots of its schedule, `offset` late. `ticks` counts its looks."""

    ticks: int

    def set(self, name: str, schedule: Schedule, offset: timedelta) -> None: ...

    def drop(self, name: str) -> None: ...

    def start(self) -> None: ...

    def wake(self) -> None: ...

    def rewind(self) -> None: ...

    def stop(self) -> None: ...


class _SlotTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The next slot after now, whatever rang before: a clock that leaps rings once."""

    def __init__(self, schedule: Schedule, offset: timedelta) -> None:
        self.schedule, self.offset = schedule, offset

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        return next_look(self.schedule, now - self.offset, now, self.offset)


class SlotAlarm(BackgroundScheduler):  # type: ignore[misc]  # the same
    """APScheduler with its traps taken out: see the options of each job."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        # The jobs only ring: they need no threads of their own.
        super().__init__(timezone="UTC", executors={"default": DebugExecutor()})
        self.ticks = 0
        self._ring = ring

    def set(self, name: str, schedule: Schedule, offset: timedelta) -> None:
        """Ring at these slots from now on; nothing changes where it does already."""
        job = self.get_job(name)
        if job and (job.trigger.schedule, job.trigger.offset) == (schedule, offset):
            return
        self.add_job(
            self._ring,
            _SlotTrigger(schedule, offset),
            args=(name,),
            id=name,
            replace_existing=True,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    def drop(self, name: str) -> None:
        """Ring no more for this name."""
        if self.get_job(name):
            self.remove_job(name)

    def rewind(self) -> None:
        """Forget when it was to ring: a clock that is set back would keep it silent till then."""
        for job in self.get_jobs():
            self.reschedule_job(job.id, trigger=job.trigger)

    def wake(self) -> None:
        """Look at the clock now: it may have been set, or the machine suspended."""
        self.wakeup()

    def stop(self) -> None:
        """Ring no more."""
        self.shutdown(wait=False)

    def _process_jobs(self) -> Any:
        self.ticks += 1
        return super()._process_jobs()
