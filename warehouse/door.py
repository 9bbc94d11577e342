"""What the commands of this storey are told by the front door: where the history lies.

The warehouse reads no settings file; whoever mounts these commands says how to
find one. With `--warehouse` and `--trust` they need none at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Whereabouts:
    """Where a history is, and what its own operator knows about it.

    `expected_sizes` is how many records the signer remembers, by log; `unfinished` how many
    it has signed that a crash kept out of the warehouse so far.
    """

    warehouse: Path
    public_key: Path
    expected_sizes: Mapping[str, int] = field(default_factory=dict)
    unfinished: int = 0


@dataclass(frozen=True)
class Door:
    """The front door's answers: the settings file asked for, and how to look into it."""

    config: str | None
    find: Callable[[str | None], Whereabouts]

    def warehouse(self, given: str | None) -> Path:
        """The warehouse's folder: the one given, or the settings'."""
        return Path(given) if given else self.find(self.config).warehouse
