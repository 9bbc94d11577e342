"""A log as its signer remembers it: its tree, the ends of its chains, its keys. Pure.

Everything here follows from the payloads alone, one after the other.
"""

import base64
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from etl.timetable import Timetable, with_schedule, with_slot
from warehouse.merkle import Frontier, leaf_hash
from warehouse.payload import (
    NO_PREVIOUS,
    AnyPayload,
    Chained,
    Genesis,
    Heads,
    Instance,
    Key,
    Missed,
    Scheduled,
    Snapshot,
)
from warehouse.record import parse, sha256_hex


class Head(msgspec.Struct, frozen=True):
    """The end of one instance's chain: how many records, and the hash of the newest."""

    instance: Instance
    count: int
    sha256: str


@dataclass(frozen=True)
class Memory:
    """The log as its signer remembers it, up to and including `size` records.

    `key_id` is the key in force, `recovery_id` the one that may revoke it; `heads_on` is the
    day (UTC) of the newest record that says where all chains end. `timetables` has the slots of
    every source that has a schedule, by its name.
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
        growth = Growth(self)
        growth.add(payload, parse(payload))
        return growth.memory

    def told(self, content: Genesis | Heads | Key) -> "Memory":
        """The memory of the log itself once it says this; tree and chains stay as they are."""
        match content:
            case Heads():
                return replace(self, heads_on=_day(content))
            case Genesis():
                recovery = content.recovery_key and _key_id(content.recovery_key)
                key_id = _key_id(content.public_key)
                return replace(self, key_id=key_id, recovery_id=recovery, heads_on=_day(content))
            case Key():
                return self._with_key(content)

    def _with_key(self, change: Key) -> "Memory":
        if change.public_key is None:
            return self
        if change.action == "recovery":
            return replace(self, recovery_id=_key_id(change.public_key))
        return replace(self, key_id=_key_id(change.public_key))


class End(Protocol):
    """The end of a log, where the next record comes to stand."""

    @property
    def size(self) -> int:
        """How many records there are."""

    def head(self, instance: Instance) -> Head:
        """The end of the chain of this instance."""


class Growth:
    """A memory to which a batch is added, record by record; the batch, and what it says.

    A log may have ten thousand chains and as many records in a batch: the heads of all are
    copied once for the batch, never for each of its records.
    """

    def __init__(self, before: Memory) -> None:
        self.batch: list[bytes] = []
        self.contents: list[AnyPayload] = []
        self._before = self._told = before
        self._heads = dict(before.heads)
        self.timetables = dict(before.timetables)
        self._leaves: list[bytes] = []

    @property
    def size(self) -> int:
        return self._before.size + len(self.batch)

    def head(self, instance: Instance) -> Head:
        return self._heads.get(instance) or Head(instance, 0, NO_PREVIOUS)

    def add(self, payload: bytes, content: AnyPayload) -> None:
        """Make this payload, which says `content`, the newest record."""
        self.batch.append(payload)
        self.contents.append(content)
        self._leaves.append(leaf_hash(payload))
        if isinstance(content, Chained):
            head = Head(content.instance, content.seq + 1, sha256_hex(payload))
            self._heads[content.instance] = head
            known = self.timetables.get(content.instance.name)
            if known and isinstance(content, Snapshot | Missed):
                self.timetables[known.source] = with_slot(known, content)
        elif isinstance(content, Scheduled):
            known = self.timetables.get(content.source)
            self.timetables[content.source] = with_schedule(known, content, self._heads)
        else:
            self._told = self._told.told(content)

    @property
    def memory(self) -> Memory:
        """The memory with all that was added so far."""
        tree = self._before.tree.extend(b"".join(self._leaves))
        return replace(
            self._told, tree=tree, heads=dict(self._heads), timetables=dict(self.timetables)
        )


def _day(content: AnyPayload) -> str:
    return content.recorded_at[: len("2026-11-25")]


def _key_id(spki: str) -> str:
    return sha256_hex(base64.b64decode(spki))
