"""What happens, told: a line in the log, a change on the board, a word to whoever listens."""

import base64
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol

from etl.slots import News, Told, plain
from etl.snapshot import Reading
from schedules.daemon.board import SharedBoard, SourceBoard
from schedules.daemon.failures import PAUSED
from schedules.daemon.keeper import Kept
from schedules.daemon.lanes import Lane
from schedules.daemon.logs import say
from warehouse.record import timestamp
from warehouse.schedule import Schedule

SNAPSHOT: Final = "snapshot"


class Listener(Protocol):
    """Somebody who wants to hear of slots: a ping, alerts, what follows a commit."""

    def begun(self) -> None: ...

    def committed(self, told: Sequence[Told]) -> None: ...


class Reporter:
    """Tells the log, the board, and the listeners."""

    def __init__(self, board: SharedBoard, wall: Callable[[], datetime]) -> None:
        self.board = board
        self.listeners: list[Listener] = []
        self._wall = wall
        self._is_at_rest = True

    def scheduled(
        self, lane: Lane, schedule: Schedule, coming: datetime | None, *, is_paused: bool
    ) -> None:
        """A source was looked at."""
        with self.board as board:
            found = board.sources.setdefault(lane.source, SourceBoard(source=lane.source))
            found.schedule = str(schedule)
            found.next_run = timestamp(coming) if coming else None
            found.state = "paused" if is_paused and lane.state == "idle" else lane.state

    def forgotten(self, source: str) -> None:
        """A source is scheduled no more."""
        say(logging.INFO, source, "is scheduled no more")
        with self.board as board:
            board.sources.pop(source, None)

    def running(self, lane: Lane) -> None:
        """A run begins."""
        again = f", attempt {lane.attempts}" if lane.attempts > 1 else ""
        slot = timestamp(lane.slot) if lane.slot else "none"
        say(logging.INFO, lane.source, "reading for the slot %s%s", slot, again)
        with self._source(lane) as found:
            found.slot, found.attempts = slot, lane.attempts
        if self._is_at_rest:
            self._is_at_rest = False
            for listener in self.listeners:
                listener.begun()

    def read(self, lane: Lane, reading: Reading, seconds: float) -> None:
        """A run went well."""
        missing = f", {len(reading.troubles)} unavailable" if reading.troubles else ""
        say(
            logging.INFO, lane.source, "%d statistics%s in %.2f s",
            len(reading.stats), missing, seconds,
        )  # fmt: skip
        self.board.statistics[lane.source] = reading.stats
        with self._source(lane) as found:
            found.duration = round(seconds, 3)

    def failed(self, lane: Lane, kind: str, reason: str) -> None:
        """A run failed; it may be tried again."""
        say(logging.WARNING, lane.source, "failed: %s: %s", kind, plain(reason))
        with self.board as board:
            board.failures[kind] = board.failures.get(kind, 0) + 1
        with self._source(lane) as found:
            found.failure = plain(f"{kind}: {reason}")
            found.failing_since = found.failing_since or timestamp(self._wall())

    def kept(self, batch: Sequence[News], kept: Kept) -> None:
        """A commit is done."""
        told = [one for one in batch if isinstance(one, Told)]
        for one, record in zip(batch, kept.records, strict=True):
            if isinstance(one, Told):
                self._told(one)
            elif record:
                now = one.schedule or "none"
                say(logging.INFO, one.source, "schedule: %s", now)
        say(logging.INFO, None, "kept %d, the log has %d records", len(batch), kept.memory.size)
        with self.board as board:
            board.commits += 1
            board.unwritten = None
        self.head(kept.memory.size, kept.memory.tree.root)
        if told:
            self._is_at_rest = True
        for listener in self.listeners:
            listener.committed(told)

    def head(self, size: int, root: bytes) -> None:
        """The log has so many records, and this root."""
        with self.board as board:
            board.size, board.root = size, base64.b64encode(root).decode()

    def unkept(self, reason: str) -> None:
        """A commit failed; it is tried again."""
        say(logging.ERROR, None, "cannot write: %s", plain(reason))
        with self.board as board:
            board.unwritten = plain(reason)

    def _told(self, told: Told) -> None:
        is_snapshot = isinstance(told.became, Reading)
        if not is_snapshot:
            say(
                logging.INFO if told.became == PAUSED else logging.ERROR,
                told.source,
                "missed the slot %s: %s",
                timestamp(told.due_at),
                told.became,
            )
        with self.board as board:
            found = board.sources.setdefault(told.source, SourceBoard(source=told.source))
            found.slot, found.state, found.attempts = timestamp(told.due_at), "idle", 0
            if isinstance(told.became, Reading):
                found.outcome, found.failure, found.failing_since = SNAPSHOT, None, None
                found.last_success = timestamp(told.became.taken_at)
                found.snapshots += 1
            else:
                found.outcome = plain(told.became)
                found.missed += 1

    @contextmanager
    def _source(self, lane: Lane) -> Iterator[SourceBoard]:
        with self.board as board:
            found = board.sources.setdefault(lane.source, SourceBoard(source=lane.source))
            found.state = lane.state
            yield found
