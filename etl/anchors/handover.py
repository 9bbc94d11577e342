"""One checkpoint on its way to one keeper: what is handed over, and how long that may take."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from warehouse.layout import Layout, log_key
from warehouse.note import SignedCheckpoint

# What a reason begins with when the keeper has another history under the same name.
FORK: Final = "FORK"


class NotKept(Exception):
    """A keeper did not take a checkpoint; the message has the reason and no secret."""


@dataclass(frozen=True)
class Handover:
    """A checkpoint for the anchor `name`, and what its keeper may need."""

    name: str
    checkpoint: SignedCheckpoint
    warehouse: Layout
    state: Path
    seconds: float
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=time.monotonic)

    @property
    def note(self) -> str:
        """The whole signed note."""
        return str(self.checkpoint)

    @property
    def log_key(self) -> str:
        return log_key(self.checkpoint.origin)

    @property
    def file_name(self) -> str:
        """What files of this checkpoint are called, without a suffix."""
        return f"{self.log_key}.{self.checkpoint.size:012d}"

    def time_left(self) -> float:
        """Seconds that are left. Raises NotKept when there are none."""
        left = self._begun + self.seconds - time.monotonic()
        if left <= 0:
            raise NotKept(self.too_late)
        return left

    @property
    def too_late(self) -> str:
        return f"no answer within {self.seconds:g} s"
