"""One log, read once from its first record to its last: what proofs about it are made of.

The hash of every record, the few records that are to be proved with those that say which
keys may sign, and for each key the newest checkpoint that it signed. Nothing is believed yet
but that no file is missing in between.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from warehouse.checks.trust import trust_any
from warehouse.errors import BadInput, BrokenHistory
from warehouse.history import sources
from warehouse.keys import PublicKey, public_key_from_base64
from warehouse.layout import Layout, RecordFile, log_key
from warehouse.ledger import open_hot, reading
from warehouse.merkle import leaf_hash
from warehouse.merkle_proofs import inclusion_paths
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint
from warehouse.payload import Genesis
from warehouse.proofs.proof import TlogProof
from warehouse.proofs.signers import Signers
from warehouse.query import ask
from warehouse.record import Record, decode

_KEY_KINDS: Final = ("tallybook/genesis/v1", "tallybook/key/v1")
_COLUMNS: Final = ("type", "payload", "signature", "key_id", "checkpoint")
_BLOCK: Final = 1 << 20


class Unprovable(BrokenHistory):
    """The history does not prove what it should: nothing is handed out."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Find out what is wrong with: tallybook verify")


@dataclass
class LogReading:
    """A log of `size` records, as far as anybody asked for it.

    `leaves` are all leaf hashes, one after the other; `records` those asked for, and all
    genesis and key records, by index; `checkpoints` the newest with a line of each key, by
    the key's 4 bytes, and `newest` of all. Nobody has checked a signature.
    """

    origin: str
    leaves: bytearray = field(default_factory=bytearray)
    records: dict[int, Record] = field(default_factory=dict)
    checkpoints: dict[bytes, SignedCheckpoint] = field(default_factory=dict)
    newest: SignedCheckpoint | None = None

    @property
    def size(self) -> int:
        return len(self.leaves) // 32

    def first_key(self) -> PublicKey:
        """The key in the genesis record. Raises Unprovable."""
        payload = decode(self.records[0].payload) if 0 in self.records else None
        if not isinstance(payload, Genesis):
            raise Unprovable(f"GENESIS_MISSING: record 0 of {self.origin!r} is no genesis record")
        return public_key_from_base64(payload.public_key, named="the key in the genesis record")

    def signers(self) -> Signers:
        """The keys of the log as its own records name them. Raises Unprovable.

        All records here have been checked against them.
        """
        signers = Signers(trust_any([self.first_key()]))

        def refuse(name: str, expected: str, found: str) -> None:
            raise Unprovable(f"{name} in {self.origin!r}: expected {expected}, found {found}")

        for _, record in sorted(self.records.items()):
            signers.check(record, decode(record.payload), refuse)
        return signers

    def checkpoint_by(self, key: PublicKey) -> SignedCheckpoint:
        """The newest checkpoint that this key signed. Raises Unprovable."""
        newest = self.checkpoints.get(key.note_hash(self.origin))
        if newest is None or not key.signed(newest.note, self.origin):
            raise Unprovable(f"no checkpoint of {self.origin!r} is signed by its key {key.key_id}")
        return newest

    def prove(self, indexes: Collection[int], head: SignedCheckpoint) -> Iterator[TlogProof]:
        """Prove that records are in the tree of a checkpoint. Raises Unprovable."""
        if head.size > self.size or any(index >= head.size for index in indexes):
            raise Unprovable(
                f"the checkpoint of {head.size} records of {self.origin!r} cannot be proved from: "
                f"the log has {self.size} records, wanted are {sorted(indexes)}"
            )
        paths = inclusion_paths(self._blocks(), indexes, head.size)
        for index in sorted(indexes):
            proof = TlogProof(index, tuple(paths[index]), head)
            if not proof.holds(self.records[index].payload):
                raise Unprovable(
                    f"ROOT_MISMATCH: the checkpoint of {head.size} records of {self.origin!r} "
                    "has another root than the records have"
                )
            yield proof

    def leaf_list(self) -> list[bytes]:
        """The leaf hashes one by one."""
        return [bytes(self.leaves[at : at + 32]) for at in range(0, len(self.leaves), 32)]

    def _blocks(self) -> Iterator[memoryview]:
        view = memoryview(self.leaves)
        for at in range(0, len(self.leaves), _BLOCK):
            yield view[at : at + _BLOCK]


def require_known(root: Path, instance: str, log: str | None) -> None:
    """Raise BadInput for the name of an instance, or of a log, that is none of the history."""
    known = sources(root)
    if known and instance not in known:
        raise BadInput(
            f"no instance {instance!r} in this history", hint=f"There are: {', '.join(known)}"
        )
    rows = ask(root, "SELECT DISTINCT log FROM ledger ORDER BY 1").rows if log else []
    logs = [name for (name,) in rows]
    if log and log not in logs:
        raise BadInput(f"no log {log!r} in this history", hint=f"There are: {', '.join(logs)}")


def read_log(layout: Layout, origin: str, indexes: Collection[int]) -> LogReading:
    """Read a log, keeping the records of `indexes`. Raises Unprovable and Unreadable."""
    read = LogReading(origin)
    wanted = set(indexes)
    for file in layout.record_files():
        if file.log_key == log_key(origin):
            _read_file(read, file, wanted)
    if missing := wanted - read.records.keys():
        raise Unprovable(f"record {min(missing)} of {origin!r} is missing")
    return read


def _read_file(read: LogReading, file: RecordFile, wanted: set[int]) -> None:
    if file.first_index != read.size:
        raise Unprovable(
            f"expected record {read.size} of {read.origin!r}, "
            f"found {file.first_index} in {str(file.path)!r}"
        )
    opened = open_hot(file.path)
    for group in range(opened.num_row_groups):
        with reading(file.path):
            table = opened.read_row_group(group, columns=list(_COLUMNS))
        _read_rows(read, table, wanted)


def _read_rows(read: LogReading, table: pa.Table, wanted: set[int]) -> None:
    base = read.size
    payloads = table["payload"].to_pylist()
    read.leaves += b"".join([leaf_hash(payload) for payload in payloads])
    for offset, kind in enumerate(table["type"].to_pylist()):
        if base + offset in wanted or kind in _KEY_KINDS:
            read.records[base + offset] = Record(
                payloads[offset],
                table["signature"][offset].as_py(),
                table["key_id"][offset].as_py().hex(),
            )
    for offset, note in enumerate(table["checkpoint"].to_pylist()):
        if note is not None:
            _take_checkpoint(read, note, base + offset + 1)


def _take_checkpoint(read: LogReading, note: str, size: int) -> None:
    try:
        head = parse_checkpoint(note)
    except MalformedNote as error:
        raise Unprovable(f"the checkpoint of {size} records of {read.origin!r}: {error}") from None
    if (head.origin, head.size) != (read.origin, size):
        raise Unprovable(
            f"expected a checkpoint of {size} records of {read.origin!r}, "
            f"found one of {head.size} records of {head.origin!r}"
        )
    read.newest = head
    for line in head.note.signatures:
        if line.name == read.origin:
            read.checkpoints[line.key_hash] = head
