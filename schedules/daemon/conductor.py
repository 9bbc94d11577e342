"""The conductor: what is due is read, what was read is kept, and what was not is told of.

All decisions are taken in one thread, from events that other threads bring: a slot rings, a
run ends, a commit is done. So nothing is locked, and whatever hangs hangs elsewhere.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from etl.patience import Deadline
from etl.run import Outcome
from etl.settings import Settings
from etl.slots import Declared, News, Told, moment_of
from etl.snapshot import Reading
from etl.timetable import Timetable
from schedules.daemon.alarm import Alarm
from schedules.daemon.clocks import ClockGuard, Clocks
from schedules.daemon.failures import (
    PAUSED,
    TIMEOUT,
    is_transient,
    kind_of,
    pause_before,
    reason_of,
)
from schedules.daemon.keeper import Kept
from schedules.daemon.lanes import Lane
from schedules.daemon.reporting import Reporter
from schedules.daemon.runs import Run, Tracks
from schedules.daemon.timers import Timers
from schedules.slots import due_slot, next_look, offset_of
from warehouse.errors import Failure

# What is due together is kept together: so long is waited for the others of a commit.
_GATHER: Final = 5.0
_MOST_AT_ONCE: Final = 500
_PROBE_PAUSE: Final = 60.0


@dataclass(frozen=True)
class Doors:
    """What the conductor asks of the world; tests bring their own."""

    alarm: Callable[[Callable[[str], None]], Alarm]
    read: Callable[[Settings, str, Deadline], Outcome]
    keep: Callable[[Settings, Sequence[News]], Kept]
    pauses: Callable[[], Mapping[str, datetime]]
    clocks: Clocks = field(default_factory=Clocks)


class Conductor:
    """Keeps the slots of all sources. Every method belongs to one thread, but `look`."""

    def __init__(self, settings: Settings, doors: Doors, guard: ClockGuard, out: Reporter) -> None:
        self.settings = settings
        self.guard = guard
        self.lanes: dict[str, Lane] = {}
        self.alarm = doors.alarm(self.look)
        self._doors = doors
        self._out = out
        self._started = doors.clocks.wall()
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._timers = Timers(self._now)
        self._tracks = Tracks(self._read, self._ended, self._events.put, self._timers, self._now)
        self._ready: deque[Lane] = deque()
        self._pending: list[News] = []
        self._pending_since = 0.0
        self._keeping = False
        self._keep_after = 0.0
        self._failed_commits = 0
        self._probe_after = 0.0
        self._is_stopping = False

    def begin(self, timetables: Mapping[str, Timetable]) -> None:
        """Take up every source, by what the log remembers of it."""
        self._take_in(timetables)
        self.alarm.start()

    def adopt(self, settings: Settings, timetables: Mapping[str, Timetable]) -> None:
        """Go on with other settings."""
        self.settings = settings
        self._take_in(timetables)

    def look(self, source: str) -> None:
        """Have a look at a source; may be called from any thread."""
        self._events.put(lambda: self._look(source))

    def reconsider(self) -> None:
        """The wall clock was set: forget what is not due any more, and look at what is."""
        now = self._wall()
        for lane in self.lanes.values():
            if lane.slot and lane.slot > now and lane.state in ("ready", "running", "waiting"):
                lane.abandon()
                lane.state = "idle"
        self._ready = deque(lane for lane in self._ready if lane.state == "ready")
        for news in [news for news in self._pending if moment_of(news) > now]:
            self._pending.remove(news)
            self.lanes[news.source].state = "idle"
        self.alarm.rewind()
        self._look_at_all()

    def step(self, timeout: float) -> None:
        """Handle what happens next, or nothing once `timeout` seconds are over."""
        self._advance()
        try:
            event = self._events.get(timeout=self._timers.wait(timeout))
        except Empty:
            pass
        else:
            event()
            # What is there already is handled before anything new begins.
            while not self._events.empty():
                self._events.get()()
        self._timers.fire()
        self._advance()

    @property
    def is_busy(self) -> bool:
        """Whether a run or a commit is under way."""
        return bool(self._tracks.running) or self._keeping

    @property
    def has_unkept(self) -> bool:
        """Whether something waits to be written that may be."""
        return bool(self._pending) and self.guard.doubt is None

    def stop(self) -> None:
        """Begin nothing more; what is under way may end."""
        self._is_stopping = True
        self.alarm.stop()

    def call_off(self) -> None:
        """Abandon the runs that are under way: their slots stay open."""
        self._tracks.call_off()

    def _now(self) -> float:
        return self._doors.clocks.steady()

    def _read(self, source: str, deadline: Deadline) -> Outcome:
        return self._doors.read(self.settings, source, deadline)

    def _take_in(self, timetables: Mapping[str, Timetable]) -> None:
        settings = self.settings
        gone = {name for name, table in timetables.items() if table.cron is not None}
        for source in [*settings.tables, *sorted(gone - settings.tables.keys())]:
            lane = self.lanes.setdefault(source, Lane(source, None, offset_of(source, "", 0)))
            wanted = source in settings.tables
            lane.wanted = settings.schedule_of(source) if wanted else None
            lane.offset = offset_of(source, settings.origin, settings.daemon.spread)
            lane.known = timetables.get(source, lane.known)
        for lane in self.lanes.values():
            if lane.source not in settings.tables:
                lane.wanted = None
        self._look_at_all()

    def _look_at_all(self) -> None:
        for source in list(self.lanes):
            self._look(source)

    def _look(self, source: str) -> None:
        lane = self.lanes.get(source)
        if lane is None or self._is_stopping:
            return
        if lane.state == "waiting" and self._due(lane, lane.slot) is not None:
            # The next slot is due: there is no more time for this one.
            self._tell(lane, lane.failure)
        elif lane.state == "idle":
            self._evaluate(lane)

    def _evaluate(self, lane: Lane) -> None:
        """Find out what is to be done for a source that does nothing."""
        schedule, why = lane.schedule, self._why(lane.source)
        if schedule is None:
            if lane.wanted:
                self._news(lane, Declared(lane.source, lane.wanted, self._wall(), why))
            else:
                self._forget(lane)
            return
        due = due_slot(
            schedule, lane.told, self._wall(), lane.offset, self.settings.daemon.catch_up
        )
        if due is None:
            if lane.wanted != schedule:
                self._news(lane, Declared(lane.source, lane.wanted, self._wall(), why))
        elif due.read and not self._is_paused(lane.source) and lane.wanted:
            lane.take_up(due.slot)
            self._ready.append(lane)
        else:
            lane.take_up(due.slot)
            self._tell(lane, PAUSED if self._is_paused(lane.source) else why(due.slot))
        self.alarm.set(lane.source, schedule, lane.offset)
        coming = next_look(schedule, lane.told, self._wall(), lane.offset)
        self._out.scheduled(lane, schedule, coming, is_paused=self._is_paused(lane.source))

    def _due(self, lane: Lane, after: datetime | None) -> datetime | None:
        schedule = lane.schedule
        if schedule is None or after is None:
            return None
        return schedule.latest(after, self._wall() - lane.offset)

    def _wall(self) -> datetime:
        return self._doors.clocks.wall()

    def _is_paused(self, source: str) -> bool:
        return source in self._doors.pauses()

    def _why(self, source: str) -> Callable[[datetime], str]:
        """Why nothing is known of a slot, when something is known of a later one."""
        paused_since = self._doors.pauses().get(source)
        started, is_gone = self._started, source not in self.settings.tables

        def why(slot: datetime) -> str:
            if paused_since and slot >= paused_since:
                return PAUSED
            if is_gone:
                return "no longer in the settings"
            if slot < started:
                return "down: no daemon was running"
            return "late: the daemon was suspended, busy with the slot before, or could not write"

        return why

    def _forget(self, lane: Lane) -> None:
        self.alarm.drop(lane.source)
        del self.lanes[lane.source]
        self._out.forgotten(lane.source)

    def _advance(self) -> None:
        """Begin what there is room for, and keep what is there."""
        if not self._is_stopping:
            while self._ready and self._tracks.has_room(self.settings.daemon.concurrency):
                self._start(self._ready.popleft())
            self._probe()
        self._flush()

    def _start(self, lane: Lane) -> None:
        lane.attempts += 1
        lane.tried_since = lane.tried_since or self._now()
        if lane.hangs:
            self._failed(lane, TIMEOUT, "the run before still hangs", is_transient=True)
            return
        lane.state, lane.listens = "running", True
        lane.run = self._tracks.start(lane.source, lane.slot, self.settings.daemon.deadline)
        self._out.running(lane)

    def _ended(self, run: Run, outcome: Outcome | None) -> None:
        """A run is over, or overdue."""
        lane, reading = self.lanes.get(run.source), outcome.reading if outcome else None
        kind, reason, is_lasting = _why_failed(run, outcome)
        if reading and not self.guard.hear(reading.db_time, reading.taken_at):
            kind, reason = "clock", f"{self.guard.doubt}; the database says {reading.db_time}"
            reading = None
        if lane is None or lane.run is not run or lane.state != "running":
            # A look at a clock only, or for a slot that is not due any more.
            return
        if reading is None:
            lane.abandon()
            if not self._is_stopping:
                self._failed(lane, kind, reason, is_transient=not is_lasting)
            return
        self._out.read(lane, reading, self._now() - run.began)
        self._keep(lane, reading)

    def _failed(self, lane: Lane, kind: str, reason: str, *, is_transient: bool) -> None:
        lane.failure = f"{kind}: {reason}"
        self._out.failed(lane, kind, reason)
        # While nothing can be written there is nothing to be gained by giving up.
        in_time = self._now() < lane.tried_since + self.settings.daemon.retry_for
        if is_transient and (in_time or self.guard.doubt):
            pause = pause_before(lane.attempts)
            lane.state, lane.retry_at = "waiting", self._now() + pause
            self._timers.after(pause, lambda: self._retry(lane))
        else:
            self._tell(lane, lane.failure)

    def _retry(self, lane: Lane) -> None:
        if lane.state == "waiting" and lane.retry_at <= self._now():
            lane.state = "ready"
            self._ready.append(lane)

    def _tell(self, lane: Lane, reason: str) -> None:
        self._keep(lane, reason)

    def _keep(self, lane: Lane, became: Reading | str) -> None:
        assert lane.slot  # noqa: S101  # taken up before
        self._news(lane, Told(lane.source, lane.slot, became, self._why(lane.source)))

    def _news(self, lane: Lane, news: News) -> None:
        lane.state = "keeping"
        if not self._pending:
            self._pending_since = self._now()
            self._timers.after(_GATHER)
        self._pending.append(news)

    def _flush(self) -> None:
        if self._keeping or not self.has_unkept or self._now() < self._keep_after:
            return
        others = self._ready or self._tracks.younger_than(_GATHER) > 0
        is_old = self._now() - self._pending_since >= _GATHER
        if others and not (is_old or self._is_stopping) and len(self._pending) < _MOST_AT_ONCE:
            return
        batch, self._pending = self._pending[:_MOST_AT_ONCE], self._pending[_MOST_AT_ONCE:]
        self._pending_since = self._now()
        self._keeping = True
        Thread(target=self._commit, args=(self.settings, batch), daemon=True).start()

    def _commit(self, settings: Settings, batch: Sequence[News]) -> None:
        """Write a batch, in a thread of its own."""
        try:
            kept = self._doors.keep(settings, batch)
        except Exception as error:
            failure = error if isinstance(error, Failure) else None
            reason = str(failure or f"unexpected {type(error).__name__}: {error}")
            self._events.put(lambda: self._unkept(batch, reason))
        else:
            self._events.put(lambda: self._kept(batch, kept))

    def _kept(self, batch: Sequence[News], kept: Kept) -> None:
        self._keeping, self._failed_commits = False, 0
        self._out.kept(batch, kept)
        for news in batch:
            if lane := self.lanes.get(news.source):
                lane.known, lane.state = kept.timetables.get(news.source), "idle"
                self._look(news.source)

    def _unkept(self, batch: Sequence[News], reason: str) -> None:
        self._keeping = False
        self._failed_commits += 1
        self._pending = [*batch, *self._pending]
        pause = pause_before(self._failed_commits)
        self._keep_after = self._now() + pause
        self._timers.after(pause)
        self._out.unkept(reason)

    def _probe(self) -> None:
        """While the clock is doubted, ask a database for its own."""
        if self.guard.doubt and not self._tracks.running and self._now() >= self._probe_after:
            self._probe_after = self._now() + _PROBE_PAUSE
            self._timers.after(_PROBE_PAUSE)
            sources = list(self.settings.tables)
            if sources:
                asked = sources[round(self._now() / _PROBE_PAUSE) % len(sources)]
                self._tracks.start(asked, None, self.settings.daemon.deadline)


def _why_failed(run: Run, outcome: Outcome | None) -> tuple[str, str, bool]:
    """The kind of a failure, its reason, and whether trying again is in vain."""
    failure = outcome.failure if outcome else None
    if outcome is None:
        return TIMEOUT, f"the run was not over within {run.deadline.seconds:g} s", False
    if failure is None:
        return "", "", False
    kind = TIMEOUT if run.deadline.left <= 0 else kind_of(failure)
    return kind, reason_of(failure), not is_transient(failure)
