"""The proof that a record is in a log, as C2SP has it (tlog-proof): written and read. Pure.

It holds the record's index, the hashes that lead from the record to the root of the tree,
and the signed checkpoint with that root. The record itself is not in it: whoever checks
hashes the bytes in hand. Who signed the checkpoint is for `warehouse.keys` to say.

As with notes there is one way to write each proof. The format allows extra data that
nobody signs: here none is written, and none is taken.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from warehouse.errors import BrokenHistory
from warehouse.merkle import HASH_SIZE, leaf_hash
from warehouse.merkle_proofs import verify_inclusion
from warehouse.note import SignedCheckpoint, parse_checkpoint

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = "index "
# A tree of 2^53 records is no higher.
_LONGEST_PATH: Final = 53


class MalformedProof(BrokenHistory):
    """A text that should be a proof of inclusion, and is none."""


@dataclass(frozen=True)
class TlogProof:
    """Where a record is in a log, and the path from it to the root of a signed checkpoint.

    The path begins with the hash beside the record's.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    def __str__(self) -> str:
        hashes = [base64.b64encode(one).decode() for one in self.path]
        return "\n".join([_HEADER, f"{_INDEX}{self.index}", *hashes, "", str(self.checkpoint)])

    def holds(self, payload: bytes) -> bool:
        """Whether a payload is the record of this index in the tree of the checkpoint."""
        head = self.checkpoint
        return verify_inclusion(leaf_hash(payload), self.index, head.size, self.path, head.root)


def parse_proof(content: str) -> TlogProof:
    """Read a proof. Raises MalformedProof, and MalformedNote for the checkpoint in it."""
    above, empty, checkpoint = content.partition("\n\n")
    header, *lines = above.split("\n")
    if header != _HEADER:
        raise MalformedProof(f"proof does not begin with {_HEADER!r}")
    if not empty:
        raise MalformedProof("proof has no empty line with a checkpoint after it")
    if not lines:
        raise MalformedProof("proof has no index")
    index = _index(lines[0])
    if len(lines) > 1 + _LONGEST_PATH:
        raise MalformedProof(f"proof has more than {_LONGEST_PATH} hashes")
    path = tuple(_hash(line) for line in lines[1:])
    return TlogProof(index, path, parse_checkpoint(checkpoint))


def _index(line: str) -> int:
    index = line.removeprefix(_INDEX)
    is_plain = index.isascii() and index.isdigit() and (index == "0" or index[0] != "0")
    if not line.startswith(_INDEX) or not is_plain or len(index) > 16:
        raise MalformedProof(f"{line[:80]!r} is no line with an index")
    return int(index)


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    # Unused bits may hold anything: only one spelling is taken.
    if len(found) != HASH_SIZE or base64.b64encode(found).decode() != line:
        raise MalformedProof(f"{line[:80]!r} is no hash of {HASH_SIZE} bytes in base64")
    return found
