"""One batch of records, looked at by itself: hashed, decoded, its signatures checked.

What is found here depends on nothing outside the batch, so that batches can be examined
side by side, each in a process of its own. Whether a record is where it belongs, and whether
its key may sign it, is for the log to say that comes together from all batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.checks.columns import Mismatch, mismatches
from warehouse.checks.findings import Finding
from warehouse.checks.readers import Groups, require_agreement, require_all_rows, rows_of
from warehouse.checks.sealed import check_part
from warehouse.checks.times import skew_of
from warehouse.keys import public_key_from_spki
from warehouse.layout import Layout, RecordFile
from warehouse.ledger import Unreadable, open_hot, reading
from warehouse.merkle import leaf_hash
from warehouse.payload import (
    AnyPayload,
    Chained,
    Genesis,
    Heads,
    Key,
    Missed,
    Scheduled,
    Snapshot,
)
from warehouse.record import NotCanonical, Record, TrailingData, decode, sha256_hex
from warehouse.sealed.parts import part_of
from warehouse.sealed.writing import FORMS

# How the payloads end that --fast looks into. The column that says so is signed by nobody.
_ENDS_OF_FAST: Final = (b'"type":"tallybook/genesis/v1"}', b'"type":"tallybook/key/v1"}')
_OF_THE_LOG: Final = (Genesis, Key, Heads, Scheduled)
_FAST_COLUMNS: Final = ("payload", "checkpoint")


@dataclass(frozen=True)
class Scope:
    """How much is checked of each record.

    `fast` leaves it at the tree: nothing but genesis and key records is decoded. Otherwise
    the signatures and columns of `instance` alone, or of records made `since` (as records
    write a moment), where these are given; all others are still hashed and chained.
    """

    fast: bool = False
    instance: str | None = None
    since: str | None = None

    def holds(self, payload: AnyPayload) -> bool:
        """Whether a decoded record is to be checked in full."""
        if self.since and payload.recorded_at < self.since:
            return False
        named = payload.instance.name if isinstance(payload, Chained) else None
        return self.instance is None or named in (None, self.instance)


@dataclass(frozen=True)
class Batch:
    """Some row groups of one file, None for all, and how many bytes of it that is.

    `last` says that the file ends with it. `keys` are those known so far: key id → SPKI DER.
    `layout` is that of the warehouse.
    """

    layout: Layout
    file: RecordFile
    groups: tuple[int, ...] | None
    size: int
    last: bool
    scope: Scope
    keys: Mapping[str, bytes]


class Link(NamedTuple):
    """What the chain of an instance needs to know of a record."""

    id: str
    name: str
    seq: int
    prev: str
    sha256: str
    due_at: str | None


class Facts(msgspec.Struct, frozen=True, gc=False):
    """One record. `log`, `index`, `instance` are the payload's; the columns' where it has a `flaw`.

    `known` says whether its key was at hand, `signature` whether it is that key's; None where
    nobody asked. `skew` is what its own clocks say against each other. `payload` is there for the
    records that say something about the log itself.
    """

    offset: int
    log: str
    index: int
    key_id: str
    known: bool
    signature: bool | None
    instance: str | None = None
    recorded_at: str = ""
    link: Link | None = None
    skew: tuple[str, str] | None = None
    definitions: str | None = None
    payload: Genesis | Key | Heads | Scheduled | None = None
    flaw: tuple[str, str] | None = None


@dataclass(frozen=True)
class Examined:
    """A batch as it was found: leaf hashes of all its rows, facts of those it looked into.

    `beside` is what was found in the sorted files of a part that ends with this batch.
    """

    leaves: bytes = b""
    checkpoints: Sequence[tuple[int, str]] = ()
    facts: Sequence[Facts] = ()
    mismatches: Sequence[tuple[int, Mismatch]] = ()
    statistics: frozenset[str] = frozenset()
    unreadable: str | None = None
    beside: Sequence[Finding] = ()

    @property
    def rows(self) -> int:
        return len(self.leaves) // 32

    def lacks_keys(self, known: Mapping[str, bytes]) -> bool:
        """Whether there are signatures that could be checked with keys that came later."""
        return any(not facts.known and facts.key_id in known for facts in self.facts)


def examine(batch: Batch) -> Examined:
    """Look at a batch. Raises nothing for what a file may hold."""
    examined = _examine(batch)
    part = part_of(batch.file.path.name) if batch.last and not batch.scope.fast else None
    return replace(examined, beside=check_part(batch.layout, part)) if part else examined


def _examine(batch: Batch) -> Examined:
    path = batch.file.path
    try:
        file = open_hot(path)
        groups = range(file.num_row_groups) if batch.groups is None else batch.groups
        with reading(path):
            if batch.scope.fast:
                return _examine_tree(batch, file, groups)
            table = file.read_row_groups(groups)
            require_all_rows(path, file, groups, table)
            looked_up = FORMS["ledger"].looked_up if batch.file.end is not None else ()
            require_agreement(path, table, Groups.of(rows_of(file), groups), looked_up)
            return _examine_all(batch, table)
    except Unreadable as error:
        return Examined(unreadable=str(error))


def _examine_all(batch: Batch, table: pa.Table) -> Examined:
    rows = _Rows(batch, table)
    looked = [rows.look(offset) for offset in range(table.num_rows)]
    in_scope = [p if p and batch.scope.holds(p) else None for _, p in looked]
    differing = mismatches(table, in_scope, rows.record)
    facts = [facts for facts, _ in looked]
    return Examined(_leaves(rows.payloads), _notes(table), facts, list(differing), _names(table))


def _examine_tree(batch: Batch, file: pq.ParquetFile, groups: Sequence[int]) -> Examined:
    table = file.read_row_groups(groups, columns=_FAST_COLUMNS)
    payloads = table["payload"].to_pylist()
    special = [at for at, payload in enumerate(payloads) if payload.endswith(_ENDS_OF_FAST)]
    facts: list[Facts] = []
    if special:
        rows = _Rows(batch, file.read_row_groups(groups))
        facts = [rows.look(offset)[0] for offset in special]
    return Examined(_leaves(payloads), _notes(table), facts)


def _leaves(payloads: Sequence[bytes]) -> bytes:
    return b"".join([leaf_hash(payload) for payload in payloads])


def _names(table: pa.Table) -> frozenset[str]:
    keys = [chunk.keys for chunk in table["stats"].chunks]
    return frozenset(name for chunk in keys for name in pc.unique(chunk).to_pylist())


def _notes(table: pa.Table) -> list[tuple[int, str]]:
    notes = table["checkpoint"].to_pylist()
    return [(offset, note) for offset, note in enumerate(notes) if note is not None]


class _Rows:
    """The signed parts of a batch's rows, and the keys to check them with."""

    def __init__(self, batch: Batch, table: pa.Table) -> None:
        self.payloads: list[bytes] = table["payload"].to_pylist()
        self._table = table
        self._scope = batch.scope
        self._signatures: list[bytes] = table["signature"].to_pylist()
        self._key_ids = [key_id.hex() for key_id in table["key_id"].to_pylist()]
        self._keys = {
            key_id: public_key_from_spki(batch.keys[key_id], named="a key of the log")
            for key_id in set(self._key_ids)
            if key_id in batch.keys
        }

    def record(self, offset: int) -> Record:
        return Record(self.payloads[offset], self._signatures[offset], self._key_ids[offset])

    def look(self, offset: int) -> tuple[Facts, AnyPayload | None]:
        """Decode one record and check its signature."""
        try:
            payload = decode(self.payloads[offset])
        except NotCanonical as error:
            return self._undecoded(offset, error), None
        link = _link(payload, self.payloads[offset]) if isinstance(payload, Chained) else None
        snapshot = payload if isinstance(payload, Snapshot) else None
        signature = self._signature(offset) if self._scope.holds(payload) else None
        facts = Facts(
            offset=offset,
            log=payload.log,
            index=payload.index,
            key_id=self._key_ids[offset],
            known=self._key_ids[offset] in self._keys,
            signature=signature,
            instance=link.name if link else None,
            recorded_at=payload.recorded_at,
            link=link,
            skew=skew_of(snapshot) if snapshot else None,
            definitions=snapshot.definitions if snapshot else None,
            payload=payload if isinstance(payload, _OF_THE_LOG) else None,
        )
        return facts, payload

    def _undecoded(self, offset: int, error: NotCanonical) -> Facts:
        name = "TRAILING_DATA" if isinstance(error, TrailingData) else "PAYLOAD_NOT_CANONICAL"
        return Facts(
            offset=offset,
            log=self._table["log"][offset].as_py(),
            index=self._table["index"][offset].as_py(),
            key_id=self._key_ids[offset],
            known=self._key_ids[offset] in self._keys,
            signature=self._signature(offset),
            instance=self._table["instance"][offset].as_py(),
            flaw=(name, str(error)),
        )

    def _signature(self, offset: int) -> bool | None:
        key = self._keys.get(self._key_ids[offset])
        return key.verifies(self._signatures[offset], self.payloads[offset]) if key else None


def _link(payload: Chained, content: bytes) -> Link:
    return Link(
        id=payload.instance.id,
        name=payload.instance.name,
        seq=payload.seq,
        prev=payload.prev,
        sha256=sha256_hex(content),
        due_at=payload.due_at if isinstance(payload, Snapshot | Missed) else None,
    )
