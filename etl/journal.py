"""What the signer remembers, outside the warehouse.

One file: a line of state, one line per payload that was about to be signed (canonical JSON
has no line breaks), and a checksum of all that. It is on disk before a signature leaves the
process. After a crash the same payloads are signed again: never different ones
at the same index.

A change of keys needs two signers at once, and the one who finishes after a crash may have
neither: there the signatures themselves are kept in the state, before they leave.
"""

import base64
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from warehouse import files
from warehouse.errors import LedgerFailure
from warehouse.merkle import Frontier
from warehouse.payload import (
    NO_PREVIOUS,
    AnyPayload,
    Chained,
    Count,
    Genesis,
    Heads,
    Instance,
    Key,
    Missed,
    Scheduled,
    Snapshot,
)
from warehouse.record import NotCanonical, Record, parse, sha256_hex

STATE_FILE: Final = "signer.journal"
_FORMAT: Final = 3
# One without slots: nothing had kept any.
_OLDER_FORMATS: Final = (2,)


class Head(msgspec.Struct, frozen=True):
    """The end of one instance's chain: how many records, and the hash of the newest."""

    instance: Instance
    count: int
    sha256: str


class Timetable(msgspec.Struct, frozen=True):
    """What is known of the slots of a source: its schedule, and the newest slot told of.

    Slots after `due_at`, a moment as records write it, are still to come. `cron` is None for a
    source that is scheduled no more; `instance_id` is of its newest snapshot.
    """

    source: str
    cron: str | None
    zone: str
    due_at: str
    instance_id: str | None = None


class _Signed(msgspec.Struct, frozen=True):
    """Signatures of a batch that only its maker could make, in base64; see `Journal`."""

    signatures: list[str]
    key_ids: list[str]
    checkpoint: str


class _State(msgspec.Struct, frozen=True):
    format: int
    origin: str
    size: Count
    frontier: list[str]
    heads: list[Head]
    key_id: str
    recovery_id: str | None
    heads_on: str
    signed: _Signed | None
    timetables: list[Timetable] = []


@dataclass(frozen=True)
class Memory:
    """The log as its signer remembers it, up to and including `size` records.

    `key_id` is the key in force, `recovery_id` the one that may revoke it; `heads_on` is the
    day (UTC) of the newest record that says where all chains end.
    """

    origin: str
    tree: Frontier
    heads: dict[Instance, Head]
    key_id: str = ""
    recovery_id: str | None = None
    heads_on: str = ""
    timetables: dict[str, Timetable] = field(default_factory=dict)

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
        grown = replace(self, tree=self.tree.append(payload))
        match content:
            case Chained():
                head = Head(content.instance, content.seq + 1, sha256_hex(payload))
                grown = replace(grown, heads={**self.heads, content.instance: head})
                return grown.with_slot(content)
            case Scheduled():
                return grown.with_schedule(content)
            case Heads():
                return replace(grown, heads_on=_day(content))
            case Genesis():
                recovery = content.recovery_key and _key_id(content.recovery_key)
                key_id = _key_id(content.public_key)
                return replace(grown, key_id=key_id, recovery_id=recovery, heads_on=_day(content))
            case Key():
                return grown.with_key(content)

    def with_key(self, change: Key) -> "Memory":
        """The memory once the keys have changed."""
        if change.public_key is None:
            return self
        if change.action == "recovery":
            return replace(self, recovery_id=_key_id(change.public_key))
        return replace(self, key_id=_key_id(change.public_key))

    def with_slot(self, content: Chained) -> "Memory":
        """The memory once a slot of a source has been told of."""
        known = self.timetables.get(content.instance.name)
        if known is None or not isinstance(content, Snapshot | Missed):
            return self
        changed = known
        if isinstance(content, Snapshot):
            changed = msgspec.structs.replace(known, instance_id=content.instance.id)
        if content.due_at and content.due_at > known.due_at:
            changed = msgspec.structs.replace(changed, due_at=content.due_at)
        return self if changed == known else self._with_timetable(changed)

    def with_schedule(self, content: Scheduled) -> "Memory":
        """The memory once a source has another schedule."""
        known = self.timetables.get(content.source)
        names = [instance for instance in self.heads if instance.name == content.source]
        newest = names[-1].id if names else None
        made = Timetable(
            content.source,
            content.cron,
            content.zone,
            content.since,
            known.instance_id if known else newest,
        )
        return self._with_timetable(made)

    def _with_timetable(self, timetable: Timetable) -> "Memory":
        return replace(self, timetables={**self.timetables, timetable.source: timetable})


@dataclass(frozen=True)
class Signed:
    """The records of a batch with their signatures, and the checkpoint over them."""

    records: tuple[Record, ...]
    checkpoint: str


@dataclass(frozen=True)
class Journal:
    """The memory before the newest batch, and the batch that is signed once this is on disk.

    `signed` is there only where somebody else could not sign it again.
    """

    before: Memory
    batch: tuple[bytes, ...]
    signed: Signed | None = None

    @cached_property
    def memory(self) -> Memory:
        """The memory with the batch."""
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
        key_id=before.key_id,
        recovery_id=before.recovery_id,
        heads_on=before.heads_on,
        signed=_written(journal.signed) if journal.signed else None,
        timetables=list(before.timetables.values()),
    )
    lines = b"\n".join([msgspec.json.encode(state), *journal.batch, b""])
    files.replace(path, _draft_of(path), with_checksum(lines), mode=0o600)


def with_checksum(lines: bytes) -> bytes:
    """The lines of a journal with the SHA-256 of them as the last."""
    return lines + sha256_hex(lines).encode() + b"\n"


def sweep_draft(path: Path) -> None:
    """Remove what a killed writer left beside the journal. Call it under the lock."""
    _draft_of(path).unlink(missing_ok=True)


def read_journal(path: Path) -> Journal:
    """Read the journal back. Raises LedgerFailure when it is missing or damaged."""
    try:
        content = path.read_bytes()
        first, *batch = content.splitlines() or [b""]
        state = _read_state(first, path)
        _require_checksum(content)
        del batch[-1]
        journal = Journal(_memory(state), tuple(batch), _read_signed(state, batch))
        # Grown here, where what is damaged in it is told by name.
        _ = journal.memory
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
    return journal


def _require_checksum(content: bytes) -> None:
    lines = b"".join(content.splitlines(keepends=True)[:-1])
    if with_checksum(lines) != content:
        raise ValueError("the checksum in its last line is another one")


def _draft_of(path: Path) -> Path:
    # Always the same name: only the lock's holder writes.
    return path.with_name(f".{path.name}.draft")


def _read_state(line: bytes, path: Path) -> _State:
    form = msgspec.json.decode(line, type=dict[str, msgspec.Raw]).get("format")
    known = [str(number).encode() for number in (_FORMAT, *_OLDER_FORMATS)]
    if form is not None and bytes(form) not in known:
        raise LedgerFailure(
            f"the signer's state {str(path)!r} is of format {bytes(form).decode()}, "
            f"expected {_FORMAT}",
            hint="Another release of tallybook wrote it: use that one.",
        )
    return msgspec.json.decode(line, type=_State)


def _memory(state: _State) -> Memory:
    if state.size.bit_count() != len(state.frontier):
        raise ValueError(f"a tree of {state.size} has no frontier of {len(state.frontier)}")
    return Memory(
        state.origin,
        Frontier(state.size, tuple(bytes.fromhex(root) for root in state.frontier)),
        {head.instance: head for head in state.heads},
        state.key_id,
        state.recovery_id,
        state.heads_on,
        {timetable.source: timetable for timetable in state.timetables},
    )


def _written(signed: Signed) -> _Signed:
    return _Signed(
        [base64.b64encode(record.signature).decode() for record in signed.records],
        [record.key_id for record in signed.records],
        signed.checkpoint,
    )


def _read_signed(state: _State, batch: list[bytes]) -> Signed | None:
    if state.signed is None:
        return None
    signatures = [base64.b64decode(text) for text in state.signed.signatures]
    parts = zip(batch, signatures, state.signed.key_ids, strict=True)
    return Signed(tuple(Record(*part) for part in parts), state.signed.checkpoint)


def _day(content: AnyPayload) -> str:
    return content.recorded_at[: len("2026-11-25")]


def _key_id(spki: str) -> str:
    return sha256_hex(base64.b64decode(spki))
