"""The board: how the daemon stands right now, for the log, /metrics, `status` and alerts.

One thread writes it, others read a copy. `state/daemon.json` is the same for other processes,
written when something changed and as a heartbeat in between.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from schedules.daemon.lock import holder_of
from warehouse.payload import Value

BOARD_FILE: Final = "daemon.json"


class SourceBoard(msgspec.Struct, kw_only=True):
    """How one source stands. Moments are text as records have it, durations seconds.

    `state` is idle, ready, running, waiting (to try again), keeping, or paused. `outcome` is what
    became of the newest slot, `snapshot` or the reason why there is none.
    """

    source: str
    state: str = "idle"
    schedule: str = ""
    next_run: str | None = None
    slot: str | None = None
    outcome: str | None = None
    last_success: str | None = None
    duration: float | None = None
    attempts: int = 0
    failure: str | None = None
    failing_since: str | None = None
    snapshots: int = 0
    missed: int = 0


class Board(msgspec.Struct, kw_only=True):
    """How the daemon stands; see `SourceBoard`.

    `doubt` is why its clock is not believed, `unwritten` why nothing can be written, `verified`
    what the last verification said; None where there is nothing to say. `root` is base64.
    """

    pid: int
    started: str
    beat: str
    origin: str
    ticks: int = 0
    ticking: bool = True
    doubt: str | None = None
    unwritten: str | None = None
    size: int = 0
    root: str = ""
    commits: int = 0
    verified: str | None = None
    verified_at: str | None = None
    failures: dict[str, int] = {}
    sources: dict[str, SourceBoard] = {}

    @property
    def troubles(self) -> list[str]:
        """Why it is not ready; empty when it is."""
        stuck = None if self.ticking else "the scheduler does not tick"
        unwritten = self.unwritten and f"cannot write: {self.unwritten}"
        doubt = self.doubt and f"the clock is not believed: {self.doubt}"
        return [trouble for trouble in (stuck, unwritten, doubt) if trouble]


class SharedBoard:
    """A board with its lock: change it in a `with` block, read a copy.

    `statistics` are the newest values of each source, for those who show them.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lock = Lock()
        self.statistics: dict[str, Mapping[str, Value]] = {}

    def __enter__(self) -> Board:
        self._lock.acquire()
        return self._board

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def encoded(self) -> bytes:
        """The board as JSON."""
        with self as board:
            return msgspec.json.encode(board)

    def copy(self) -> Board:
        """The board as it is now."""
        return msgspec.json.decode(self.encoded(), type=Board)


def write_board(state: Path, content: bytes) -> None:
    """Put the board where other processes look. A heartbeat: not worth a flush, or an error."""
    path = state / BOARD_FILE
    draft = path.with_name(f".{BOARD_FILE}.draft")
    with suppress(OSError):
        draft.write_bytes(content)
        draft.replace(path)


def read_board(state: Path) -> Board | None:
    """The newest board of a daemon that is alive; None where there is none."""
    try:
        board = msgspec.json.decode((state / BOARD_FILE).read_bytes(), type=Board)
    except (OSError, msgspec.DecodeError):
        return None
    return board if holder_of(state) == board.pid else None
