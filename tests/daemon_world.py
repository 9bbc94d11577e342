"""A small world for the daemon: clocks that a test moves, sources that do as told, a log in memory.

Decisions, threads and what is recorded are the product's own; only time is not.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etl.daemon_table import DaemonTable
from etl.keys.reference import KeyReference
from etl.memory import Memory
from etl.patience import Deadline
from etl.run import Outcome
from etl.settings import Settings, SourceTable
from etl.slots import News, drafts_of
from etl.snapshot import Place
from schedules.daemon.board import Board, SharedBoard
from schedules.daemon.clocks import ClockGuard, Clocks
from schedules.daemon.conductor import Conductor, Doors
from schedules.daemon.keeper import Kept
from schedules.daemon.reporting import Reporter
from schedules.slots import next_look
from tests.builders import ORIGIN, a_genesis, a_key, a_reading
from warehouse.errors import Failure, SourceUnreachable
from warehouse.payload import NO_PREVIOUS, Instance, Missed, Scheduled, Snapshot
from warehouse.record import Record, decode, encode, timestamp
from warehouse.schedule import Schedule

MONDAY = datetime(2024, 11, 25, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)

Act = Callable[[Deadline], Outcome | None]


def some_settings(*sources: str, daemon: Mapping[str, Any] | None = None, **of: str) -> Settings:
    """Settings of these sources, and of those in `of` with a schedule of their own."""
    tables = {name: SourceTable(url="postgresql://db/unleash") for name in sources}
    tables |= {
        name: SourceTable(url="postgresql://db/x", schedule=cron) for name, cron in of.items()
    }
    return Settings(
        path=Path("/nowhere/tallybook.toml"),
        origin=ORIGIN,
        warehouse=Path("/nowhere/history"),
        state=Path("/nowhere/state"),
        signing_key=KeyReference("/nowhere/key", Path("/nowhere/key")),
        public_key=Path("/nowhere/ledger.pub.pem"),
        lock_timeout=1,
        tables=tables,
        daemon=DaemonTable(**(daemon or {})),
    )


class ManualAlarm:
    """Rings when the world's time has come."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        self.ring = ring
        self.ticks = 0
        self.rings: dict[str, tuple[Schedule, timedelta]] = {}
        self.coming: dict[str, datetime] = {}
        self.now = MONDAY

    def set(self, name: str, schedule: Schedule, offset: timedelta) -> None:
        if self.rings.get(name) != (schedule, offset):
            self.rings[name] = (schedule, offset)
            self._wind(name)

    def drop(self, name: str) -> None:
        self.rings.pop(name, None)
        self.coming.pop(name, None)

    def start(self) -> None:
        self.ticks += 1

    def wake(self) -> None:
        self.ticks += 1

    def rewind(self) -> None:
        for name in self.rings:
            self._wind(name)

    def stop(self) -> None:
        self.rings.clear()
        self.coming.clear()

    def look(self, now: datetime) -> None:
        """Ring whatever is to have rung by now, each once."""
        self.now = now
        for name in [name for name, coming in self.coming.items() if coming <= now]:
            self.ring(name)
            self._wind(name)

    def _wind(self, name: str) -> None:
        schedule, offset = self.rings[name]
        coming = next_look(schedule, self.now - offset, self.now, offset)
        if coming:
            self.coming[name] = coming


@dataclass
class World:
    """Everything around a conductor. `acts` says what a source does when it is read."""

    settings: Settings
    now: datetime = MONDAY
    up: float = 1000.0
    acts: dict[str, Act] = field(default_factory=dict)
    pauses: dict[str, datetime] = field(default_factory=dict)
    broken: Failure | None = None
    memory: Memory = field(init=False)
    payloads: list[bytes] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    most_at_once: int = 0
    db_ahead: timedelta = timedelta()
    newest: datetime | None = None
    keep: Callable[[Settings, Sequence[News]], Kept] | None = None

    def __post_init__(self) -> None:
        self.payloads.append(encode(a_genesis(a_key())))
        self.memory = Memory.of_new_log(ORIGIN).after(self.payloads[0])
        self._reading = 0
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Begin a daemon: the first, or another after a kill."""
        clocks = Clocks(lambda: self.now, lambda: self.up)
        self.guard = ClockGuard(clocks, self.newest)
        board = Board(pid=1, started=timestamp(self.now), beat=timestamp(self.now), origin=ORIGIN)
        self.board = SharedBoard(board)
        keep = self.keep or self._keep
        doors = Doors(self._alarm, self._read, keep, lambda: self.pauses, clocks)
        self.conductor = Conductor(
            self.settings, doors, self.guard, Reporter(self.board, lambda: self.now)
        )
        self.conductor.begin(self.memory.timetables)
        self.settle()

    def adopt(self, settings: Settings) -> None:
        """Let the daemon read other settings."""
        self.settings = settings
        self.conductor.adopt(settings, self.memory.timetables)
        self.settle()

    def pass_time(self, span: timedelta) -> None:
        """Let time pass: everything that is to happen on the way happens."""
        end = self.now + span
        while (coming := self._coming(end)) < end:
            self._go_to(coming)
        self._go_to(end)

    def jump(self, span: timedelta, *, asleep: bool) -> None:
        """Set the wall clock, or let the machine sleep for so long; then the next beat."""
        self.now += span
        if asleep:
            self.up += span.total_seconds()
        self.beat()

    def beat(self) -> None:
        """Look at the clocks, as the service does."""
        if self.guard.check():
            self._ring.now = self.now
            self.conductor.reconsider()
        self._ring.look(self.now)
        self.settle()

    def settle(self) -> None:
        """Let everything happen that takes no time."""
        quiet = 0
        for _ in range(2000):
            self.conductor.step(0.001)
            quiet = 0 if self.conductor.is_busy else quiet + 1
            if quiet == 2 or (self.conductor.is_busy and self._all_hang()):
                return
        raise AssertionError("the daemon does not come to rest")

    def slots(self, source: str = "prod") -> list[str]:
        """What the log says of a source's slots, without the year."""
        lines = []
        for payload in self.payloads:
            match decode(payload):
                case Snapshot(due_at=due, instance=Instance(name=name)) if name == source:
                    lines.append(f"{str(due)[5:16]} snapshot")
                case Missed(due_at=due, instance=Instance(name=name), reason=why) if name == source:
                    lines.append(f"{due[5:16]} {why}")
                case Scheduled(source=name, cron=cron, zone=zone) if name == source:
                    lines.append(f"schedule {cron} {zone}")
        return lines

    def _all_hang(self) -> bool:
        running = {run.source for run in self.conductor._tracks.running}
        return bool(running) and running <= {name for name, act in self.acts.items() if act in HUNG}

    def _coming(self, end: datetime) -> datetime:
        times = [end, *self._ring.coming.values()]
        seconds = max(0.001, self.conductor._timers.wait((end - self.now).total_seconds()))
        times.append(self.now + timedelta(seconds=seconds))
        return min(times)

    def _go_to(self, moment: datetime) -> None:
        self.up += (moment - self.now).total_seconds()
        self.now = moment
        self._ring.look(moment)
        self.settle()

    def _alarm(self, ring: Callable[[str], None]) -> ManualAlarm:
        self._ring = ManualAlarm(ring)
        self._ring.now = self.now
        return self._ring

    def _read(self, _settings: Settings, source: str, deadline: Deadline) -> Outcome:
        with self._lock:
            self._reading += 1
            self.most_at_once = max(self.most_at_once, self._reading)
        try:
            act = self.acts.get(source)
            return (act and act(deadline)) or self.success(source)
        finally:
            with self._lock:
                self._reading -= 1

    def success(self, source: str) -> Outcome:
        """Give a reading, taken now."""
        reading = a_reading(instance=Instance(f"id of {source}", source), taken_at=self.now)
        return Outcome(source, replace(reading, db_time=self.now + self.db_ahead))

    def _keep(self, _settings: Settings, news: Sequence[News]) -> Kept:
        if self.broken:
            raise self.broken
        memory, records = self.memory, []
        for draft in drafts_of(memory, news):
            head = memory.head(draft.instance) if draft.instance else None
            place = Place(
                log=ORIGIN, index=memory.size, seq=head.count if head else 0,
                prev=head.sha256 if head else NO_PREVIOUS, recorded_at=timestamp(self.now),
                nonce="00" * 16, tool="tallybook/test",
            )  # fmt: skip
            self.payloads.append(encode(draft.payload(place)))
            memory = memory.after(self.payloads[-1])
            records.append(Record(self.payloads[-1], b"", ""))
        self.memory = memory
        self.commits.append(len(records))
        return Kept([None] * len(news), memory)


def failing(times: int = 1 << 30, failure: Failure | None = None) -> Act:
    """Fail so many times, then go well."""
    left = [times]

    def act(_deadline: Deadline) -> Outcome | None:
        left[0] -= 1
        found = failure or SourceUnreachable("no way", reason="nobody answers")
        return Outcome("", failure=found) if left[0] >= 0 else None

    return act


HUNG: set[Act] = set()


def hanging(until: threading.Event) -> Act:
    """Hang where no deadline helps, until somebody lets go."""

    def act(_deadline: Deadline) -> Outcome | None:
        if not until.is_set():
            HUNG.add(act)
        until.wait()
        HUNG.discard(act)
        return None

    return act
