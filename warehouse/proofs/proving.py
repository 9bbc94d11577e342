"""The proof of one snapshot, for somebody who shall see this one and no other.

A zip of the signed bytes, their signature, the path to a signed checkpoint, and a script
that checks all of it with bash, openssl and xxd. Nothing is written that does not verify.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rfc3161_client import decode_timestamp_response

from warehouse.history import NoSnapshot, newest_two
from warehouse.keys import PublicKey
from warehouse.layout import Layout, log_key
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint
from warehouse.payload import Snapshot
from warehouse.proofs import contents
from warehouse.proofs.archive import new_archive, require_new, write_archive
from warehouse.proofs.pages import proof_page, template
from warehouse.proofs.proof import TlogProof
from warehouse.proofs.reading import LogReading, Unprovable, read_log, require_known
from warehouse.query import ask
from warehouse.record import NotCanonical, Record, decode
from warehouse.rows import naive_utc

_NEWEST: Final = """
    SELECT log, index FROM snapshots
    WHERE instance = $instance
      AND taken_at <= coalesce($at, taken_at)
      AND log = coalesce($log, log)
    ORDER BY taken_at DESC, index DESC
    LIMIT 1
"""


@dataclass(frozen=True)
class Anchor:
    """A timestamp that the warehouse keeps of a checkpoint, and whose it is."""

    keeper: str
    name: str
    head: SignedCheckpoint
    token: bytes


@dataclass(frozen=True)
class Proof:
    """A snapshot with all that proves it.

    `number` says which of the log's keys signed it. Where that is not the first, `chain` has
    the records in which one key handed over to the next, under the same checkpoint.
    """

    record: Record
    snapshot: Snapshot
    key: PublicKey
    proof: TlogProof
    anchors: tuple[Anchor, ...]
    number: int = 1
    chain: tuple[tuple[Record, TlogProof], ...] = ()

    def members(self) -> Iterator[tuple[str, bytes]]:
        """What a proof's zip holds."""
        head = self.proof.checkpoint
        note = str(head).encode()
        stamps = [f"anchors/{anchor.keeper}/{anchor.name}.tsr" for anchor in self.anchors]
        page = proof_page(self.snapshot, self.key, self.number, head.size, stamps)
        yield contents.README, page.encode()
        yield contents.SCRIPT, template(contents.SCRIPT).encode()
        yield contents.RECORD, self.record.payload
        yield contents.SIGNATURE, self.record.signature
        yield contents.PROOF, str(self.proof).encode()
        yield contents.NOTE, note
        yield contents.KEY, self.key.pem.encode()
        for record, proof in self.chain:
            yield contents.payload_name(proof.index), record.payload
            yield contents.signature_name(proof.index), record.signature
            yield contents.proof_name(proof.index), str(proof).encode()
        for name, anchor in zip(stamps, self.anchors, strict=True):
            yield f"{name.removesuffix('.tsr')}.note", note
            yield name, anchor.token


def prove(root: Path, instance: str, at: datetime | None, log: str | None, to: Path) -> Proof:
    """Write the proof of the newest snapshot of `instance` up to `at` (UTC) to a new zip file.

    `log` is an origin, None for any. Raises NoSnapshot, BadInput where the file is there
    already, and Unprovable where the history does not bear it out.
    """
    require_new(to)
    require_known(root, instance, log)
    proof = proof_of(Layout(root), *_newest(root, instance, at, log))
    _require_asked(proof.snapshot, instance, at)
    with new_archive(to) as draft:
        write_archive(draft, proof.members())
    return proof


def proof_of(layout: Layout, origin: str, index: int) -> Proof:
    """Prove one snapshot. Raises Unprovable."""
    read = read_log(layout, origin, {index})
    record = read.records[index]
    try:
        snapshot = decode(record.payload)
    except NotCanonical as error:
        raise Unprovable(f"record {index} of {origin!r}: {error}") from None
    if not isinstance(snapshot, Snapshot) or (snapshot.log, snapshot.index) != (origin, index):
        raise Unprovable(f"record {index} of {origin!r} is another one than its columns say")
    key, number = _signer(read, index)
    newest = read.checkpoint_by(key)
    stamped = [a for a in _anchors(layout, read) if _covers(a.head, index, key)]
    head = max((a.head for a in stamped), key=lambda head: head.size, default=newest)
    others = [other for other in read.records if number > 1 and other < head.size]
    proofs = {proof.index: proof for proof in read.prove({index, *others}, head)}
    proof = proofs.pop(index)
    anchors = tuple(a for a in stamped if str(a.head) == str(head))
    chain = tuple((read.records[other], proofs[other]) for other in sorted(proofs))
    return Proof(record, snapshot, key, proof, anchors, number, chain)


def _newest(root: Path, instance: str, at: datetime | None, log: str | None) -> tuple[str, int]:
    rows = ask(root, _NEWEST, {"instance": instance, "at": at, "log": log}).rows
    if not rows:
        newest_two(root, instance, at)
        raise NoSnapshot(f"no such snapshot of {instance!r} in the log {log!r}")
    return rows[0][0], rows[0][1]


def _require_asked(snapshot: Snapshot, instance: str, at: datetime | None) -> None:
    # It was found by columns, which nobody signs.
    is_late = at is not None and naive_utc(snapshot.taken_at) > at
    if is_late or snapshot.instance.name != instance:
        raise Unprovable(
            f"ROW_MISMATCH: record {snapshot.index} of {snapshot.log!r} is of "
            f"{snapshot.instance.name!r} at {snapshot.taken_at}: its columns say otherwise"
        )


def _signer(read: LogReading, index: int) -> tuple[PublicKey, int]:
    """The key of a record, as the log itself lets it sign, and its number."""
    signers = read.signers()
    key_id = read.records[index].key_id
    key = signers.key(key_id)
    if key is None or signers.revoked_at(key_id, index):
        raise Unprovable(f"KEY_REVOKED: the key {key_id} may not have signed record {index}")
    return key, signers.number(key_id)


def _covers(head: SignedCheckpoint, index: int, key: PublicKey) -> bool:
    return index < head.size and bool(key.signed(head.note, head.origin))


def _anchors(layout: Layout, read: LogReading) -> Iterator[Anchor]:
    for token in sorted(layout.anchors.glob(f"*/{log_key(read.origin)}.*.tsr")):
        note = token.with_suffix(".note")
        try:
            head = parse_checkpoint(note.read_text(encoding="utf-8"))
            content = token.read_bytes()
        except (OSError, UnicodeDecodeError, MalformedNote):
            # What is no anchor proves nothing, and spoils nothing.
            continue
        if head.origin == read.origin and head.size <= read.size and _is_about(content, head):
            yield Anchor(token.parent.name, token.stem, head, content)


def _is_about(token: bytes, head: SignedCheckpoint) -> bool:
    """Whether a timestamp is one of this note. Who made it is for its reader to check."""
    try:
        stamped = decode_timestamp_response(token).tst_info.message_imprint.message
    except ValueError:
        return False
    content = str(head).encode()
    return stamped in (hashlib.sha256(content).digest(), hashlib.sha512(content).digest())
