"""What the commands of this storey are told by the front door: where the history lies.

The warehouse reads no settings file; whoever mounts these commands says how to
find one. With `--warehouse` and `--trust` they need none at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.note import Checkpoint


@dataclass(frozen=True)
class Whereabouts:
    """Where a history is, and what its own operator knows about it.

    `public_key` is trusted for the log `origin`, or for any where that is None. `memory` is
    where the signer remembers its log to end; `unfinished` how many records it has signed that
    a crash kept out of the warehouse so far. `authorities` are certificates that timestamps
    may be checked with.
    """

    warehouse: Path
    public_key: Path
    origin: str | None = None
    memory: tuple["Checkpoint", ...] = ()
    unfinished: int = 0
    authorities: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Door:
    """The front door's answers: the settings file asked for, and how to look into it."""

    config: str | None
    find: Callable[[str | None], Whereabouts]

    def warehouse(self, given: str | None) -> Path:
        """The warehouse's folder: the one given, or the settings'."""
        return Path(given) if given else self.find(self.config).warehouse
