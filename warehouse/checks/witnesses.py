"""What is known outside the warehouse: how long each log has to be, and with which root.

A witness is the signer's own memory, a note that the verifier kept from last time, or an
anchor: a checkpoint that somebody else keeps. Only these can tell that the end of a log is
missing, or that the holder of the key has written another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal

from warehouse.checks.findings import Find
from warehouse.checks.times import later
from warehouse.checks.tree import is_signed
from warehouse.keys import PublicKey
from warehouse.note import Checkpoint, SignedCheckpoint
from warehouse.record import timestamp

_STALE: Final = timedelta(days=7)


# A timestamp that lies in the warehouse says when the log was that long, but not how long it
# is now: whoever takes away the end takes it away too.
Kind = Literal["memory", "expected", "anchor", "timestamp"]
MEMORY: Final = "the signer's memory"


@dataclass(frozen=True)
class Witness:
    """A head of a log that is known from elsewhere; `at` is a time that a stranger vouches for.

    `signed` is the whole note; the signer's memory needs none.
    """

    kind: Kind
    name: str
    head: Checkpoint
    signed: SignedCheckpoint | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Spoilt:
    """What should be a witness, and cannot be read or trusted."""

    name: str
    reason: str


@dataclass(frozen=True)
class Outside:
    """All that is known outside the warehouse. `anchored`: there should be anchors in it."""

    witnesses: Sequence[Witness] = ()
    spoilt: Sequence[Spoilt] = ()
    anchored: bool = False

    def of(self, origin: str) -> list[Witness]:
        """The witnesses of one log, the shortest first."""
        mine = [witness for witness in self.witnesses if witness.head.origin == origin]
        return sorted(mine, key=lambda witness: witness.head.size)


@dataclass
class Testimony:
    """The witnesses of one log, and what they are to be compared with."""

    witnesses: list[Witness]
    anchored: bool
    _roots: dict[int, bytes] = field(default_factory=dict)
    _first_after: dict[int, str] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> frozenset[int]:
        """At which sizes somebody knows the root."""
        return frozenset(witness.head.size for witness in self.witnesses)

    def witnesses_inside(self, index: int) -> bool:
        """Whether the moment of a record matters to somebody."""
        return index in self.sizes or bool(self.times)

    @cached_property
    def times(self) -> list[tuple[int, str]]:
        """Sizes, and the trusted times at which the log was that long."""
        return [(w.head.size, timestamp(w.at)) for w in self.witnesses if w.at]

    def learn(self, size: int, root: bytes) -> None:
        """Hear the root of the log over `size` records."""
        self._roots[size] = root

    def hear(self, index: int, recorded_at: str) -> None:
        """Hear when a record was made: kept only of those that follow upon a witness."""
        if index in self.sizes:
            self._first_after.setdefault(index, recorded_at)

    def compare(self, size: int, newest: str, keys: Iterable[PublicKey], find: Find) -> list[str]:
        """Compare all of it with a log of `size` records; return who vouches for its end."""
        known = list(keys)
        agreeing = [w for w in self.witnesses if self._agrees(w, size, known, find)]
        outside = [w for w in agreeing if w.kind != "timestamp"]
        anchors = [w.head.size for w in outside if w.kind == "anchor"]
        if anchors:
            self._stale(max(anchors), newest, find)
        vouching = [w for w in outside if w.head.size == size]
        if not vouching and len(agreeing) == len(self.witnesses):
            furthest = max((w.head.size for w in outside), default=0)
            found = f"one of {furthest}: newer records may be missing" if furthest else "none"
            find("UNANCHORED", f"a checkpoint of all {size} records, kept elsewhere", found)
        elif self.anchored and not anchors:
            find("UNANCHORED", "a checkpoint that somebody else keeps", "none")
        return [witness.name for witness in vouching]

    def _agrees(self, witness: Witness, size: int, known: list[PublicKey], find: Find) -> bool:
        head = witness.head
        if witness.signed and not is_signed(witness.signed, known):
            expected = f"a note signed by a key of {head.origin!r}"
            find("ANCHOR_INVALID", expected, f"{witness.name}: one that is not")
        elif head.size > size:
            find("ROLLBACK", f"{head.size} records, by {witness.name}", f"{size} records")
        elif head.size in self._roots and self._roots[head.size] != head.root:
            expected = f"root {head.root.hex()} of {head.size} records, by {witness.name}"
            find("FORK", expected, self._roots[head.size].hex())
        else:
            return True
        return False

    def _stale(self, size: int, newest: str, find: Find) -> None:
        since = self._first_after.get(size)
        if since and newest > later(since, _STALE):
            expected = f"an anchor of more than {size} records, the next being of {since}"
            find("ANCHOR_STALE", expected, f"none, and the newest record is of {newest}")
