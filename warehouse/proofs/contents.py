"""What bundles and proofs hold: the names of their members, and what a manifest says.

    README.txt                   in plain words: what this is, how to check it
    manifest.json                whose bundle, of which period, how its trees belong together
    data.parquet, data.csv       one row per snapshot: for reading, and every cell is checked
    payloads/<index>.json, .sig  the records as they were signed
    proofs/<index>.tlog-proof    that each is in the log
    checkpoints/<size>.note      the signed heads that the proofs lead to, and the newest
    definitions/<sha256>.json    what the numbers meant
    keys/<key id>.pem            the log's public keys; to be compared, not to be trusted

Records are those of the instance's chain in the period, with the one before and the one
after, and the log's genesis and key records. A proof is of one record, with what checks it:

    README.txt, verify.sh, record.json, record.sig, record.tlog-proof, checkpoint.note, key.pem
    anchors/<keeper>/<log>.<size>.note, .tsr      timestamps of the checkpoint
    payloads/, proofs/           the genesis and key records, where the log's first key has handed
                                 over to the one that signed the record
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from warehouse.payload import Chained, Missed, Snapshot
from warehouse.proofs.archive import limits

MANIFEST: Final = "manifest.json"
README: Final = "README.txt"
PARQUET: Final = "data.parquet"
CSV: Final = "data.csv"
FORMAT: Final = "tallybook/bundle/v1"
SCRIPT: Final = "verify.sh"
RECORD: Final = "record.json"
SIGNATURE: Final = "record.sig"
PROOF: Final = "record.tlog-proof"
NOTE: Final = "checkpoint.note"
KEY: Final = "key.pem"

_PAYLOADS: Final = "payloads/"
_CHECKPOINTS: Final = "checkpoints/"
_JSON: Final = ".json"
_INDEX: Final = "(0|[1-9][0-9]{0,15})"
_SHA256: Final = "[0-9a-f]{64}"
_KIB: Final = 1 << 10
_MIB: Final = 1 << 20

member_limit = limits(
    (f"{README}|{MANIFEST}", _MIB),
    (f"{PARQUET}|{CSV}", 1 << 30),
    (rf"payloads/{_INDEX}\.json", _MIB),
    (rf"payloads/{_INDEX}\.sig", _KIB),
    (rf"proofs/{_INDEX}\.tlog-proof", 128 * _KIB),
    (rf"checkpoints/{_INDEX}\.note", 64 * _KIB),
    (rf"definitions/{_SHA256}\.json", 16 * _MIB),
    (rf"keys/{_SHA256}\.pem", 4 * _KIB),
    (rf"{SCRIPT}|{RECORD}", _MIB),
    (rf"{SIGNATURE}|{KEY}", 4 * _KIB),
    (rf"{PROOF}|{NOTE}", 128 * _KIB),
    (r"anchors/[A-Za-z0-9_-]{1,64}/[0-9a-f]{16}\.[0-9]{12}\.(note|tsr)", 128 * _KIB),
)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That one tree of the log continues another: hashes in base64 (RFC 6962 §2.1.2)."""

    first: int
    second: int
    path: list[str]

    def hashes(self) -> list[bytes]:
        """The path. What is no base64 is no hash either."""
        return [_decoded(line) for line in self.path]


class Period(NamedTuple):
    """From when to when, as records write moments; None: from the beginning, to the end."""

    since: str | None = None
    until: str | None = None

    def place(self, moment: str) -> int:
        """Where a moment is: -1 before the period, 0 in it, 1 after it."""
        if self.since is not None and moment < self.since:
            return -1
        return int(self.until is not None and moment > self.until)


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose bundle it is, and of which period. Nobody signs it; it is compared with the records."""

    format: Literal["tallybook/bundle/v1"]
    log: str
    instance: str
    since: str | None
    until: str | None
    snapshots: int
    missed: int
    steps: list[Step]

    @property
    def period(self) -> Period:
        return Period(self.since, self.until)

    def about(self, snapshots: int) -> str:
        """Whose bundle it is, in a sentence, with so many snapshots in it."""
        period = f"from {self.since or 'the beginning'} to {self.until or 'the end'}"
        return (
            f"{self.instance} of {self.log}, {period}: "
            f"{snapshots} snapshots, {self.missed} slots without one."
        )

    def written(self) -> bytes:
        """The one way to write it."""
        return msgspec.json.format(msgspec.json.encode(self))


def moment_of(record: Chained) -> str:
    """The moment that decides whether a record belongs to a period."""
    if isinstance(record, Snapshot):
        return record.taken_at
    return record.due_at if isinstance(record, Missed) else record.recorded_at


def payload_name(index: int) -> str:
    return f"{_PAYLOADS}{index}{_JSON}"


def signature_name(index: int) -> str:
    return f"{_PAYLOADS}{index}.sig"


def proof_name(index: int) -> str:
    return f"proofs/{index}.tlog-proof"


def checkpoint_name(size: int) -> str:
    return f"{_CHECKPOINTS}{size}.note"


def definitions_name(sha256: str) -> str:
    return f"definitions/{sha256}{_JSON}"


def key_name(key_id: str) -> str:
    return f"keys/{key_id}.pem"


def checkpoints_in(names: Iterable[str]) -> list[str]:
    """The names of a bundle's checkpoints."""
    return sorted(name for name in names if name.startswith(_CHECKPOINTS))


def indexes_in(names: Iterable[str]) -> list[int]:
    """The indexes of the records in a bundle, by the names of its members."""
    payloads = [n for n in names if n.startswith(_PAYLOADS) and n.endswith(_JSON)]
    return sorted(int(name.removeprefix(_PAYLOADS).removesuffix(_JSON)) for name in payloads)


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return b""
