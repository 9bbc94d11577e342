"""What is remembered of every anchor: the newest checkpoint that it took, and what went wrong.

A convenience, not a proof: what is lost or damaged here begins anew with the next run.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from etl.anchors.tables import AnchorTable
from warehouse import files
from warehouse.note import SignedCheckpoint
from warehouse.record import sha256_hex

MEMORY_FILE: Final = "anchors.json"
MEMORY_LOCK: Final = "anchors.lock"
MEMORY_FOLDER: Final = "anchors"

Standing = Literal["ok", "failing", "never"]


class AnchorState(msgspec.Struct, frozen=True, kw_only=True):
    """How one anchor stands. Moments are text as records have it, UTC.

    `size` and `sha256` are of the newest checkpoint that it took (the hash of the whole note),
    `at` is when it did; None before the first. `failure` is the last reason why it did not,
    `attempts` how many failed one after the other, since `failing_since`; None and 0 when all is
    well.
    """

    name: str
    kind: str
    where: str
    size: int | None = None
    sha256: str | None = None
    at: str | None = None
    failure: str | None = None
    failing_since: str | None = None
    attempts: int = 0

    @property
    def standing(self) -> Standing:
        """Whether it does what it should: `never` before anything was handed to it."""
        if self.failure is not None:
            return "failing"
        return "never" if self.size is None else "ok"

    def has(self, checkpoint: SignedCheckpoint) -> bool:
        """Whether it has taken this very note, and nothing failed since; or a newer one."""
        if self.size is not None and self.size > checkpoint.size:
            return True
        return self.failure is None and self.sha256 == note_hash(checkpoint)

    def kept(self, checkpoint: SignedCheckpoint, at: str) -> "AnchorState":
        """How it stands once it has taken a checkpoint."""
        return AnchorState(
            name=self.name, kind=self.kind, where=self.where,
            size=checkpoint.size, sha256=note_hash(checkpoint), at=at,
        )  # fmt: skip

    def failed(self, reason: str, at: str) -> "AnchorState":
        """How it stands once it has not."""
        return msgspec.structs.replace(
            self,
            failure=reason,
            failing_since=self.failing_since or at,
            attempts=self.attempts + 1,
        )


def note_hash(checkpoint: SignedCheckpoint) -> str:
    """Tell one note from every other: hex SHA-256."""
    return sha256_hex(str(checkpoint).encode())


def read_states(folder: Path, anchors: Mapping[str, AnchorTable]) -> list[AnchorState]:
    """How these anchors stand, in their order; anew where an anchor keeps somewhere else now."""
    try:
        found = msgspec.json.decode((folder / MEMORY_FILE).read_bytes(), type=list[AnchorState])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        found = []
    known = {(state.name, state.kind, state.where): state for state in found}
    return [
        known.get(
            (name, table.kind, table.where),
            AnchorState(name=name, kind=table.kind, where=table.where),
        )
        for name, table in anchors.items()
    ]


def write_states(folder: Path, states: Sequence[AnchorState]) -> None:
    """Remember, durably. Raises CannotStore."""
    path = folder / MEMORY_FILE
    content = msgspec.json.format(msgspec.json.encode(states), indent=2) + b"\n"
    files.replace(path, path.with_name(f".{MEMORY_FILE}.draft"), content)
