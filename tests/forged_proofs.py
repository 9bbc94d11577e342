"""Proofs made in memory, and what somebody would do to them: which line of verify.sh says so."""

import base64
from collections.abc import Callable

from etl.signing import KeySigner
from tests.builders import ORIGIN, a_checkpoint, a_key, a_snapshot, signed
from warehouse.merkle import leaf_hash
from warehouse.merkle_proofs import inclusion_path
from warehouse.note import Note, Signature, parse_checkpoint
from warehouse.proofs.proof import TlogProof
from warehouse.proofs.proving import Proof
from warehouse.record import encode

PAYLOADS = [encode(a_snapshot(index=index, nonce=f"{index:032x}")) for index in range(40)]
LEAVES = [leaf_hash(payload) for payload in PAYLOADS]
STRANGER = a_key(66)
Members = dict[str, bytes]
Forgery = Callable[[Members], object]


def a_proof(size: int, index: int, signer: KeySigner | None = None) -> TlogProof:
    """The proof of one record of a log of so many."""
    head = parse_checkpoint(a_checkpoint(*PAYLOADS[:size], by=[signer or a_key()]))
    return TlogProof(index, tuple(inclusion_path(LEAVES[:size], index)), head)


def a_proof_zip(size: int, index: int, signer: KeySigner | None = None) -> Members:
    """The members of a proof's zip."""
    by = signer or a_key()
    snapshot = a_snapshot(index=index, nonce=f"{index:032x}")
    record = signed(PAYLOADS[index], by)
    made = Proof(record, snapshot, by.public_key, a_proof(size, index, by), ())
    return dict(made.members())


def changed(name: str, old: bytes, new: bytes) -> Forgery:
    """Change a member of a proof's zip, and of the checkpoint both copies."""

    def change(members: Members) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new, 1)

    return change


def with_proof(proof: TlogProof | str) -> Forgery:
    """Put in another proof, with its checkpoint beside it."""

    def change(members: Members) -> None:
        members["record.tlog-proof"] = str(proof).encode()
        members["checkpoint.note"] = str(proof).partition("\n\n")[2].encode()

    return change


def with_note(change: Callable[[str], str]) -> Forgery:
    """Change the checkpoint, in the proof and beside it."""
    proof = a_proof(11, 6)
    above = str(proof).removesuffix(str(proof.checkpoint))
    return with_proof(above + change(str(proof.checkpoint)))


def signed_anew(old: str, new: str) -> Forgery:
    """Change the checkpoint's text, and let the key itself sign it."""

    def change(note: str) -> str:
        text = note.partition("\n\n")[0].replace(old, new, 1) + "\n"
        key_hash = a_key().public_key.note_hash(ORIGIN)
        return str(Note(text, (Signature(ORIGIN, key_hash, a_key().sign(text.encode())),)))

    return with_note(change)


def with_record(payload: bytes) -> Forgery:
    """Let the key itself sign another record in the place of this one."""

    def change(members: Members) -> None:
        members["record.json"] = payload
        members["record.sig"] = a_key().sign(payload)

    return change


SIX = a_proof(11, 6)
ROOT = base64.b64encode(SIX.checkpoint.root).decode()
FIRST_LINE = base64.b64encode(SIX.path[0])
NO_CHECKPOINT = "checkpoint: not signed by this key"
NOT_BY_US = str(Signature(ORIGIN, b"\xff" * 4, b"\x01" * 64))


def bad_line(note: str) -> str:
    ours = a_key().public_key.note_hash(ORIGIN)
    return note + str(Signature(ORIGIN, ours, a_key().sign(b"something else")))


def a_replay(note: str) -> str:
    ours = a_key().public_key.note_hash(ORIGIN)
    text = note.partition("\n\n")[0] + "\n"
    return str(Note(text, (Signature(ORIGIN, ours, a_key().sign(PAYLOADS[6])),)))


def with_unused_bits(line: bytes) -> bytes:
    """The same hash in another spelling: the last sign has two bits that mean nothing."""
    signs = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = signs.index(line[-2:-1])
    return line[:-2] + signs[last + 1 : last + 2] + b"="


# What was done, and the line that the script has to stop with.
FORGERIES: tuple[tuple[str, Forgery, str], ...] = (
    (
        "payload",
        changed("record.json", b'"users":120', b'"users":121'),
        "record: not signed by this key",
    ),
    (
        "payload goes on",
        changed("record.json", b"}", b"}\n"),
        "record: not signed by this key",
    ),
    ("signature", changed("record.sig", b"", b"\0"), "record: not signed by this key"),
    ("no signature", lambda m: m.update({"record.sig": b""}), "record: not signed by this key"),
    (
        "no object",
        with_record(LEAVES[6] + LEAVES[7]),
        "record: no JSON object",
    ),
    (
        "another log",
        with_record(encode(a_snapshot(index=6, log="example.com/other"))),
        f"place: the record is of another log than its checkpoint, {ORIGIN}",
    ),
    (
        "another index",
        with_record(PAYLOADS[5]),
        "place: the record has another index than its proof, 6",
    ),
    (
        "another record of this index",
        with_record(encode(a_snapshot(index=6))),
        "path: does not lead from the record to the checkpoint's root",
    ),
    (
        "header",
        changed("record.tlog-proof", b"@v1", b"@v2"),
        "proof: does not begin with c2sp.org/tlog-proof@v1",
    ),
    (
        "extra data",
        changed("record.tlog-proof", b"index", b"extra AAAA\nindex"),
        "proof: no line with an index",
    ),
    (
        "wrong index",
        changed("record.tlog-proof", b"index 6", b"index 7"),
        "place: the record has another index than its proof, 7",
    ),
    (
        "index with a zero before it",
        changed("record.tlog-proof", b"index 6", b"index 06"),
        "proof: no line with an index",
    ),
    (
        "no index",
        changed("record.tlog-proof", b"index 6\n", b""),
        "proof: no line with an index",
    ),
    (
        "index beyond the size",
        with_proof(TlogProof(11, SIX.path, SIX.checkpoint)),
        "proof: record 11 cannot be among 11 records",
    ),
    (
        "path too short",
        with_proof(TlogProof(6, SIX.path[:-1], SIX.checkpoint)),
        "path: too short for 11 records",
    ),
    (
        "path too long",
        with_proof(TlogProof(6, (*SIX.path, bytes(32)), SIX.checkpoint)),
        "path: too long for 11 records",
    ),
    (
        "no path",
        with_proof(TlogProof(6, (), SIX.checkpoint)),
        "path: too short for 11 records",
    ),
    (
        "hash of the path",
        with_proof(TlogProof(6, (bytes(32), *SIX.path[1:]), SIX.checkpoint)),
        "path: does not lead from the record to the checkpoint's root",
    ),
    (
        "31-byte hash",
        changed("record.tlog-proof", FIRST_LINE, base64.b64encode(SIX.path[0][:31])),
        "path: line 1 is no hash of 32 bytes",
    ),
    (
        "33-byte hash",
        changed("record.tlog-proof", FIRST_LINE, base64.b64encode(SIX.path[0] + b"\0")),
        "path: line 1 is no hash of 32 bytes",
    ),
    (
        "base64 with a space behind it",
        changed("record.tlog-proof", FIRST_LINE, FIRST_LINE + b" "),
        "path: line 1 is no hash of 32 bytes",
    ),
    (
        "base64 with unused bits",
        changed("record.tlog-proof", FIRST_LINE, with_unused_bits(FIRST_LINE)),
        "path: line 1 is no hash of 32 bytes",
    ),
    (
        "trailing byte in the proof",
        lambda m: m.update({"record.tlog-proof": m["record.tlog-proof"] + b"x"}),
        "proof: not written as a proof is",
    ),
    (
        "zero byte in the proof",
        changed("record.tlog-proof", b"index", b"in\0dex"),
        "proof: not written as a proof is",
    ),
    (
        "line break after the proof",
        lambda m: m.update({"record.tlog-proof": m["record.tlog-proof"] + b"\n"}),
        "proof: its checkpoint is not the one in checkpoint.note",
    ),
    (
        "trailing byte in the note",
        lambda m: m.update({"checkpoint.note": m["checkpoint.note"] + b"\n"}),
        "proof: its checkpoint is not the one in checkpoint.note",
    ),
    (
        "line break after both",
        with_note(lambda note: note + "\n"),
        "checkpoint: a line after it is no signature",
    ),
    (
        "four lines",
        with_note(lambda note: note.replace("\n\n", "\nmore\n\n")),
        "proof: its checkpoint has not exactly three lines",
    ),
    ("size", with_note(lambda note: note.replace("\n11\n", "\n12\n")), NO_CHECKPOINT),
    (
        "size with a zero before it",
        signed_anew("\n11\n", "\n011\n"),
        "checkpoint: its size is no plain number",
    ),
    (
        "size in hex",
        signed_anew("\n11\n", "\n0xb\n"),
        "checkpoint: its size is no plain number",
    ),
    (
        "size 0",
        signed_anew("\n11\n", "\n0\n"),
        "proof: record 6 cannot be among 0 records",
    ),
    (
        "31-byte root",
        signed_anew(ROOT, base64.b64encode(SIX.checkpoint.root[:31]).decode()),
        "checkpoint: its root is no hash of 32 bytes",
    ),
    (
        "another root",
        signed_anew(ROOT, base64.b64encode(bytes(32)).decode()),
        "path: does not lead from the record to the checkpoint's root",
    ),
    (
        "another origin",
        signed_anew(ORIGIN, "example.com/other"),
        "place: the record is of another log than its checkpoint, example.com/other",
    ),
    ("signed by a stranger", with_proof(a_proof(11, 6, STRANGER)), NO_CHECKPOINT),
    ("a bad known line", with_note(bad_line), NO_CHECKPOINT),
    ("signature of a record", with_note(a_replay), NO_CHECKPOINT),
    (
        "unknown line alone",
        with_note(lambda note: note.partition("\n\n")[0] + "\n\n" + NOT_BY_US),
        NO_CHECKPOINT,
    ),
    (
        "a name alone",
        with_note(lambda note: note + "\u2014 example.com/w\n"),
        "checkpoint: a line after it is no signature",
    ),
    (
        "signature that is no base64",
        with_note(lambda note: note + "\u2014 example.com/w ****\n"),
        "checkpoint: a signature is not written as base64",
    ),
)
