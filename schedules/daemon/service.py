"""`tallybook daemon`: a process that keeps the slots until it is told to stop.

Around the conductor: signals, the beat, health, what follows a commit, and an end that is
clean within 10 seconds whatever hangs.
"""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from etl.journal import STATE_FILE, Journal, read_journal
from etl.patience import Deadline
from etl.run import Outcome, open_log, read_source
from etl.settings import Settings, load_settings
from schedules.daemon.alarm import Alarm, SlotAlarm
from schedules.daemon.board import Board, SharedBoard, write_board
from schedules.daemon.chores import VERIFY, Chores
from schedules.daemon.clocks import ClockGuard, Clocks
from schedules.daemon.conductor import Conductor, Doors
from schedules.daemon.credentials import ping_address, secrets_of
from schedules.daemon.history import last_successes
from schedules.daemon.http import HealthServer
from schedules.daemon.keeper import keep
from schedules.daemon.lock import only_daemon
from schedules.daemon.logs import log_to_stderr, say
from schedules.daemon.notify import Supervisor
from schedules.daemon.pauses import read_pauses
from schedules.daemon.ping import Ping
from schedules.daemon.reporting import Reporter
from warehouse import catalog
from warehouse.errors import BadSettings, Failure
from warehouse.record import moment, parse, timestamp

_BEAT: Final = 5.0
# Of the 10 seconds that the end may take: runs may finish, then what was read is kept.
_FINISH: Final = 4.0
_KEEP: Final = 2.5
_HEADS: Final = 1.5


def serve(settings: Settings, supervisor: Supervisor) -> None:
    """Keep the slots until SIGTERM or SIGINT. Raises Locked where another daemon does."""
    with only_daemon(settings.state):
        service = Service(settings, supervisor)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda found, _frame: service.signalled(found))
        service.run()


class Service:
    """One daemon, from its beginning to its end."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._clocks = Clocks()
        self._is_stopping = False
        self._must_reload = False
        self._ticks = -1
        self._listen_to(settings)
        log = open_log(settings)
        log.heal()
        # What the last daemon wrote, it may not have lived to put into the views.
        catalog.refresh(settings.warehouse, new_statistics=log.newest_statistics())
        journal = read_journal(settings.state / STATE_FILE)
        self._board = SharedBoard(_new_board(settings))
        self._out = Reporter(self._board, self._clocks.wall)
        self._out.head(journal.memory.size, journal.memory.tree.root)
        self._chores = Chores(settings, self._board)
        self._out.listeners += [self._chores, Ping(lambda: ping_address(self._settings))]
        self._guard = ClockGuard(self._clocks, _newest(journal))
        doors = Doors(self._alarm, _read, keep, self._pauses, self._clocks)
        self._conductor = Conductor(settings, doors, self._guard, self._out)
        address = settings.daemon.address
        self._server = (
            HealthServer(address, self._board, lambda: self._settings.daemon.metrics)
            if address
            else None
        )
        self._timetables = journal.memory.timetables

    def signalled(self, number: int) -> None:
        """Note a signal; the loop acts on it."""
        if number == signal.SIGHUP:
            self._must_reload = True
        else:
            self._is_stopping = True
        self._conductor.look("")

    def run(self) -> None:
        """Keep the slots until told to stop."""
        say(logging.INFO, None, "daemon of %s, %d sources, process %d", self._settings.origin,
            len(self._settings.tables), os.getpid())  # fmt: skip
        if self._guard.doubt:
            say(logging.WARNING, None, "a database has to confirm it first: %s", self._guard.doubt)
        with suppress(Failure):
            last_successes(self._settings, self._board)
        if self._server:
            self._server.start()
        self._chores.start()
        self._conductor.begin(self._timetables)
        self._set_chores()
        self._supervisor.ready()
        self._loop()
        self._end()

    def _loop(self) -> None:
        next_beat = self._clocks.steady()
        while not self._is_stopping:
            if self._clocks.steady() >= next_beat:
                next_beat = self._clocks.steady() + _BEAT
                self._beat()
            self._conductor.step(max(0.0, next_beat - self._clocks.steady()))
            if self._must_reload:
                self._must_reload = False
                self._reload()

    def _beat(self) -> None:
        """Look at the clocks, and say that all goes on; but only if the scheduler ticked."""
        if step := self._guard.check():
            say(logging.WARNING, None, "the clock was set by %+.0f s", step.total_seconds())
            self._conductor.reconsider()
        ticks, self._ticks = self._ticks, self._conductor.alarm.ticks
        self._conductor.alarm.wake()
        with self._board as board:
            board.ticks, board.ticking = self._ticks, self._ticks > ticks
            board.beat, board.doubt = timestamp(self._clocks.wall()), self._guard.doubt
            troubles, is_ticking = board.troubles, board.ticking
        write_board(self._settings.state, self._board.encoded())
        if is_ticking:
            self._supervisor.alive()
        known = len(self._conductor.lanes)
        self._supervisor.status("; ".join(troubles) or f"keeping the slots of {known} source(s)")

    def _reload(self) -> None:
        """Read the settings again; bad ones change nothing."""
        self._supervisor.reloading()
        before = self._settings
        try:
            settings = load_settings(before.path)
            _require_same(before, settings)
            timetables = read_journal(settings.state / STATE_FILE).memory.timetables
        except Failure as failure:
            say(logging.ERROR, None, "the settings stay as they were: %s", failure)
        else:
            self._settings = self._chores.settings = settings
            self._listen_to(settings)
            self._conductor.adopt(settings, timetables)
            self._set_chores()
            say(logging.INFO, None, "read the settings again: %d sources", len(settings.tables))
        self._supervisor.ready()

    def _end(self) -> None:
        """Finish or abandon what is under way, and say where the chains end."""
        self._supervisor.stopping()
        say(logging.INFO, None, "stopping")
        self._conductor.stop()
        self._step_until(self._clocks.steady() + _FINISH)
        self._conductor.call_off()
        self._step_until(self._clocks.steady() + _KEEP)
        self._chores.stop()
        try:
            replace(open_log(self._settings), lock_timeout=_HEADS).append_heads()
        except Failure as failure:
            say(logging.WARNING, None, "where the chains end was not recorded: %s", failure)
        say(logging.INFO, None, "stopped")
        if self._server:
            self._server.stop()

    def _step_until(self, end: float) -> None:
        while self._clocks.steady() < end and (
            self._conductor.is_busy or self._conductor.has_unkept
        ):
            self._conductor.step(0.1)

    def _alarm(self, ring: Callable[[str], None]) -> Alarm:
        def rang(name: str) -> None:
            if name == VERIFY:
                self._chores.verify()
            else:
                ring(name)

        return SlotAlarm(rang)

    def _set_chores(self) -> None:
        verification = self._settings.daemon.verification
        if verification:
            self._conductor.alarm.set(VERIFY, verification, timedelta())
        else:
            self._conductor.alarm.drop(VERIFY)

    def _pauses(self) -> dict[str, datetime]:
        try:
            return dict(read_pauses(self._settings.state))
        except Failure as failure:
            # What cannot be read pauses nobody: a snapshot too many does no harm.
            say(logging.ERROR, None, "%s", failure)
            return {}

    def _listen_to(self, settings: Settings) -> None:
        log_to_stderr(as_json=settings.daemon.log == "json", secrets=secrets_of(settings))


def _read(settings: Settings, source: str, deadline: Deadline) -> Outcome:
    return read_source(settings, source, deadline=deadline)


def _new_board(settings: Settings) -> Board:
    now = timestamp(Clocks().wall())
    return Board(pid=os.getpid(), started=now, beat=now, origin=settings.origin)


def _newest(journal: Journal) -> datetime | None:
    """When the newest record was made."""
    return moment(parse(journal.batch[-1]).recorded_at) if journal.batch else None


def _require_same(before: Settings, after: Settings) -> None:
    """Raise BadSettings for what a daemon cannot change while it runs."""
    for key in ("origin", "warehouse", "state"):
        if getattr(before, key) != getattr(after, key):
            raise BadSettings(f"{key} changed: that takes another start of the daemon")
    if before.daemon.listen != after.daemon.listen:
        raise BadSettings("daemon.listen changed: that takes another start of the daemon")
