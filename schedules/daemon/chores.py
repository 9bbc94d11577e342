"""What has to be done besides: after a commit, and by a schedule of its own.

All of it in threads of its own: an anchor that hangs or a verification that takes its time
delays no slot.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from etl.anchors.handing import hand_over_newest, warnings_of
from etl.settings import Settings
from etl.slots import Told, plain
from schedules.alerts.keeper import AlertKeeper
from schedules.daemon.board import SharedBoard
from schedules.daemon.logs import say
from warehouse.errors import Failure
from warehouse.exports.asked import Asked
from warehouse.exports.export import export
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.record import timestamp
from warehouse.sealed.due import is_due
from warehouse.sealed.seal import seal

VERIFY: Final = "chore: verify"
# `-c`, since a module of that name in the working folder must not win.
_COMMAND: Final = (sys.executable, "-P", "-c", "from schedules.cli import main; main()")

Chore = Callable[[Settings], None]


def hand_over(settings: Settings) -> None:
    """Give the newest checkpoint to every anchor."""
    for warning in warnings_of(hand_over_newest(settings, Ledger(settings.warehouse))):
        say(logging.WARNING, None, "%s", warning)


def seal_if_due(settings: Settings) -> None:
    """Fold the commits so far into sorted files, once they are many."""
    if is_due(Layout(settings.warehouse)):
        done = seal(settings.warehouse)
        say(logging.INFO, None, "sealed %d records", done.records)


def export_what_is_new(settings: Settings) -> None:
    """Bring every export of the settings up to date; one that fails costs no other."""
    for name, table in settings.exports.items():
        asked = Asked(table.format, table.shape, last=True, keep=table.keep)
        try:
            made = export(settings.warehouse, Path(table.to), asked)
        except Failure as failure:
            say(logging.WARNING, None, "export %s failed: %s", name, failure)
        else:
            say(logging.INFO, None, "export %s: %d new rows", name, sum(made.added.values()))


# In this order, after every commit. Each is called with the settings, may take its time, and is
# never called twice at once.
AFTER_COMMIT: Final[Sequence[Chore]] = (hand_over, seal_if_due, export_what_is_new)


class Chores:
    """Does the chores; a listener of the conductor's."""

    def __init__(self, settings: Settings, board: SharedBoard) -> None:
        self.settings = settings
        self._board = board
        self._due = Event()
        self._verifying = Lock()
        self._child: subprocess.Popen[str] | None = None
        self._alerts = AlertKeeper(lambda: self.settings)

    def start(self) -> None:
        """Begin with what the last daemon may have left."""
        self._due.set()
        Thread(target=self._work, name="chores", daemon=True).start()

    def begun(self) -> None:
        """Nothing follows the beginning of a run."""

    def committed(self, told: Sequence[Told]) -> None:
        """Do what follows a commit."""
        self._alerts.hear(told)
        self._due.set()

    def verify(self) -> None:
        """Verify the whole history, unless it is being verified."""
        Thread(target=self._verify, name="verify", daemon=True).start()

    def stop(self) -> None:
        """Let nothing outlive the daemon."""
        if self._child:
            self._child.terminate()

    def _work(self) -> None:
        while self._due.wait():
            self._due.clear()
            for chore in (self._look, *AFTER_COMMIT):
                try:
                    chore(self.settings)
                except Exception as error:
                    say(logging.ERROR, None, "%s failed: %s", chore.__name__, error)

    def _look(self, _settings: Settings) -> None:
        """Tell what is wrong, and what is so no more."""
        with self._board as board:
            verified = board.verified
        self._alerts.look(verified)

    def _verify(self) -> None:
        if not self._verifying.acquire(blocking=False):
            return
        try:
            self._note(self._verdict())
        except Exception as error:
            say(logging.ERROR, None, "the history was not verified: %s", error)
        finally:
            self._verifying.release()

    def _verdict(self) -> str:
        # In a process of its own: it uses all the memory and every core that it can get.
        command = [*_COMMAND, "--config", str(self.settings.path), "verify", "--json"]
        self._child = subprocess.Popen(  # noqa: S603  # this program, and a path of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
        out, err = self._child.communicate()
        return str(json.loads(out)["status"]) if out else f"failed: {plain(err)}"

    def _note(self, verdict: str) -> None:
        level = logging.INFO if verdict in ("intact", "incomplete") else logging.ERROR
        say(level, None, "verified the history: %s", verdict)
        with self._board as board:
            board.verified, board.verified_at = verdict, timestamp(datetime.now(UTC))
        self._due.set()
