"""What the signer remembers, outside the warehouse.

One file: a line of state, then one line per payload that was about to be signed
(canonical JSON has no line breaks). It is on disk before a signature leaves the
process. After a crash the same payloads are signed again: never different ones
at the same index.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from warehouse.errors import LedgerFailure
from warehouse.files import replace
from warehouse.merkle import Frontier
from warehouse.payload import NO_PREVIOUS, Instance, Snapshot
from warehouse.record import NotCanonical, parse, sha256_hex

STATE_FILE: Final = "signer.journal"
_FORMAT: Final = 1


class Head(msgspec.Struct, frozen=True):
    """The end of one instance's chain: how many records, and the hash of the newest."""

    instance: Instance
    count: int
    sha256: str


class _State(msgspec.Struct, frozen=True):
    format: int
    origin: str
    size: int
    frontier: list[str]
    heads: list[Head]


@dataclass(frozen=True)
class Memory:
    """The log as its signer remembers it, up to and including `size` records."""

    origin: str
    tree: Frontier
    heads: dict[Instance, Head]

    @classmethod
    def of_new_log(cls, origin: str) -> "Memory":
        return cls(origin, Frontier(), {})

    @property
    def size(self) -> int:
        return self.tree.size

    def head(self, instance: Instance) -> Head:
        return self.heads.get(instance, Head(instance, 0, NO_PREVIOUS))

    def after(self, payload: bytes) -> "Memory":
        """The memory once this payload is the newest record."""
        content = parse(payload)
        heads = self.heads
        if isinstance(content, Snapshot):
            head = Head(content.instance, content.seq + 1, sha256_hex(payload))
            heads = {**heads, content.instance: head}
        return Memory(self.origin, self.tree.append(payload), heads)


@dataclass(frozen=True)
class Journal:
    """The memory before the newest batch, and that batch's payloads."""

    before: Memory
    batch: tuple[bytes, ...] = ()

    @property
    def memory(self) -> Memory:
        """The memory with the batch in it."""
        memory = self.before
        for payload in self.batch:
            memory = memory.after(payload)
        return memory


def write_journal(path: Path, journal: Journal) -> None:
    """Replace the journal, durably and at once. Raises CannotStore."""
    before = journal.before
    state = _State(
        format=_FORMAT,
        origin=before.origin,
        size=before.size,
        frontier=[root.hex() for root in before.tree.roots],
        heads=list(before.heads.values()),
    )
    lines = b"\n".join([msgspec.json.encode(state), *journal.batch, b""])
    replace(path, _draft_of(path), lines, mode=0o600)


def sweep_draft(path: Path) -> None:
    """Remove what a killed writer left beside the journal. Call it under the lock."""
    _draft_of(path).unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    # Always the same name: only the lock's holder writes.
    return path.with_name(f".{path.name}.draft")


def read_journal(path: Path) -> Journal:
    """Read the journal back. Raises LedgerFailure when it is missing or damaged."""
    try:
        first, *batch = path.read_bytes().splitlines() or [b""]
        state = msgspec.json.decode(first, type=_State)
        roots = tuple(bytes.fromhex(root) for root in state.frontier)
        for payload in batch:
            parse(payload)
    except FileNotFoundError:
        raise LedgerFailure(
            f"the signer's state {str(path)!r} is missing",
            hint="Restore it from your backup: without it the signer cannot know what it signed.",
        ) from None
    except (OSError, ValueError, msgspec.DecodeError, NotCanonical) as error:
        raise LedgerFailure(
            f"cannot read the signer's state {str(path)!r}: {error}",
            hint="Restore it from your backup.",
        ) from error
    if state.format != _FORMAT:
        raise LedgerFailure(
            f"the signer's state {str(path)!r} is of format {state.format}, expected {_FORMAT}",
            hint="A newer tallybook wrote it: use that one.",
        )
    memory = Memory(
        state.origin, Frontier(state.size, roots), {head.instance: head for head in state.heads}
    )
    return Journal(memory, tuple(batch))
