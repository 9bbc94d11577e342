"""The Merkle tree of a log, grown one leaf at a time (RFC 6962 §2.1). Pure.

The frontier is what has to be remembered of a tree to grow it: the roots of its
complete subtrees, largest first, at most one for each bit of its size.
"""

import hashlib
from dataclasses import dataclass


def leaf_hash(payload: bytes) -> bytes:
    """Hash a leaf: SHA-256(0x00 ‖ payload)."""
    return hashlib.sha256(b"\x00" + payload).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """A tree of `size` leaves, by the roots of its complete subtrees, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, payload: bytes) -> "Frontier":
        """The tree with one more leaf: as many merges as `size` ends in one-bits."""
        roots = [*self.roots, leaf_hash(payload)]
        merges = self.size
        while merges & 1:
            right, left = roots.pop(), roots.pop()
            roots.append(node_hash(left, right))
            merges >>= 1
        return Frontier(self.size + 1, tuple(roots))

    @property
    def root(self) -> bytes:
        """The root hash of the whole tree; SHA-256 of nothing for an empty one."""
        if not self.roots:
            return hashlib.sha256(b"").digest()
        *rest, root = self.roots
        for left in reversed(rest):
            root = node_hash(left, root)
        return root
