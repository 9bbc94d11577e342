"""The Merkle tree of a log, grown one leaf or a million at a time (RFC 6962 §2.1). Pure.

The frontier is what has to be remembered of a tree to grow it: the roots of its
complete subtrees, largest first, at most one for each bit of its size.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

# Blocks of 2048 leaves stay in the processor's cache, from the leaves to their root.
_BLOCK_HEIGHT: Final = 11
# Made once: to make them anew for each pair costs a tenth of the whole time.
_PAIRS: Final = tuple(slice(at, at + 64) for at in range(0, HASH_SIZE << _BLOCK_HEIGHT, 64))
# A copy of a hash that has begun is quicker than a new one, and so is one slice for both children.
_begun_node: Final = hashlib.sha256(b"\x01").copy


def leaf_hash(payload: bytes) -> bytes:
    """Hash a leaf: SHA-256(0x00 ‖ payload) (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + payload).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """A tree of `size` leaves, by the roots of its complete subtrees, largest first.

    Its root is the Merkle Tree Hash of RFC 6962 §2.1.
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, payload: bytes) -> "Frontier":
        """The tree with one more leaf, the hash of `payload` (RFC 6962 §2.1)."""
        return self.append_hash(leaf_hash(payload))

    def append_hash(self, leaf: bytes) -> "Frontier":
        """The tree with one more leaf, given by its hash (RFC 6962 §2.1).

        As many merges as `size` ends in one-bits. Raises ValueError when `leaf` is not 32 bytes.
        """
        if len(leaf) != HASH_SIZE:
            raise ValueError(f"expected a leaf hash of {HASH_SIZE} bytes, got {len(leaf)}")
        return Frontier(self.size + 1, _grown(self.roots, leaf, self.size))

    def extend(self, leaves: bytes | memoryview) -> "Frontier":
        """The tree with more leaves: 32-byte leaf hashes, one after the other (RFC 6962 §2.1).

        The same tree as by `append_hash` of each, several times sooner. A memoryview is one of
        bytes. Raises ValueError when `leaves` ends within a hash.
        """
        count, rest = divmod(len(leaves), HASH_SIZE)
        if rest:
            raise ValueError(f"expected leaf hashes of {HASH_SIZE} bytes, got {rest} bytes more")
        view, roots = memoryview(leaves), self.roots
        for start, height in _aligned_blocks(self.size, self.size + count):
            at = (start - self.size) * HASH_SIZE
            block = bytes(view[at : at + (HASH_SIZE << height)])
            roots = _grown(roots, _root_of_complete(block), start >> height)
        return Frontier(self.size + count, roots)

    @property
    def root(self) -> bytes:
        """The root hash of the whole tree; SHA-256 of nothing for an empty one (RFC 6962 §2.1)."""
        if not self.roots:
            return EMPTY_ROOT
        *rest, root = self.roots
        for left in reversed(rest):
            root = node_hash(left, root)
        return root


def _grown(roots: tuple[bytes, ...], root: bytes, equals: int) -> tuple[bytes, ...]:
    # `equals` counts the subtrees as high as the new one that stand before it.
    *grown, last = *roots, root
    while equals & 1:
        last = node_hash(grown.pop(), last)
        equals >>= 1
    return (*grown, last)


def _aligned_blocks(start: int, stop: int) -> Iterator[tuple[int, int]]:
    # Complete subtrees of the tree that is to be, as large as fit: where they start, how high.
    while start < stop:
        height = min((stop - start).bit_length() - 1, _BLOCK_HEIGHT)
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        yield start, height
        start += 1 << height


def _root_of_complete(level: bytes) -> bytes:
    while len(level) > HASH_SIZE:
        level = _parents(level)
    return level


def _parents(level: bytes) -> bytes:
    parents = []
    for pair in _PAIRS[: len(level) // 64]:
        node = _begun_node()
        node.update(level[pair])
        parents.append(node.digest())
    return b"".join(parents)
