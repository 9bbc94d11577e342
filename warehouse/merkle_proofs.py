"""Proofs about the Merkle tree of a log: that a leaf is in it, that it only grew. Pure.

Both are lists of hashes, nearest to the leaves first: made as in RFC 6962 §2.1.1 and §2.1.2,
verified by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, which are about the same proofs.
A proof needs a size and a root that belong together, and only a signed checkpoint says that.

A node of the tree is the `range` of the leaves below it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from warehouse.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, node_hash


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf hash in the tree of all `leaves` (RFC 6962 §2.1.1).

    The leaf's sibling comes first. Raises ValueError when there is no such leaf.
    """
    _check_index(index, len(leaves))
    return [_root_of(leaves, node) for node in _siblings(index, len(leaves))]


def inclusion_paths(
    leaf_blocks: Iterable[bytes | memoryview], indexes: Collection[int], size: int
) -> dict[int, list[bytes]]:
    """The audit paths of several leaves of a long log, read once and in order (RFC 6962 §2.1.1).

    A block is any number of leaf hashes, one after the other. What follows the first `size`
    leaves is not read. Remembers one block, and at most two hashes for each level and index.
    Raises ValueError when an index is not below `size`, when there are fewer leaves, and when a
    block ends within a hash.
    """
    wanted = sorted(set(indexes))
    for index in wanted:
        _check_index(index, size)
    roots = _roots_in_order(leaf_blocks, _apart_from(wanted, range(size)))
    return {index: [_root_from(roots, node) for node in _siblings(index, size)] for index in wanted}


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Say whether `leaf` is leaf `index` of the tree with this size and root (RFC 9162 §2.1.3.2).

    `leaf` is a leaf hash: make it with `leaf_hash` of the payload in hand, or an inner node may
    pass for a leaf. `size` and `root` are those of one checkpoint: some paths fit several sizes.
    False, never an error, for whatever cannot be: index or size out of range, a hash that is not
    32 bytes, a path too short or too long.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *path):
        return False
    # The RFC's fn and sn: where we are and where the level ends, both counted from 0.
    here, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            result = node_hash(sibling, result)
            here, last = _up_to_a_right_child(here, last)
        else:
            result = node_hash(result, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and result == root


def consistency_path(leaves: Sequence[bytes], first: int, second: int) -> list[bytes]:
    """The proof that the tree of `second` leaves continues that of `first` (RFC 6962 §2.1.2).

    `leaves` are leaf hashes; those after `second` do not matter. Empty when `first` is 0, for
    everything continues an empty tree, and when both are equal. Raises ValueError unless
    0 <= first <= second <= len(leaves).
    """
    if not 0 <= first <= second <= len(leaves):
        raise ValueError(
            f"expected sizes in order, up to {len(leaves)} leaves, got {first} and {second}"
        )
    return [_root_of(leaves, node) for node in _between(first, second)] if first else []


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Say whether the tree of `second` leaves continues that of `first` (RFC 9162 §2.1.4.2).

    The RFC leaves out two cases, and both take an empty path only: from `first` = 0 it is true
    if that root is the empty tree's; from one size to the same, if both roots are equal. A tree
    of size 0 has no root but the empty tree's. Each size and its root are those of one
    checkpoint: some paths fit several sizes. False, never an error, for whatever cannot be:
    sizes out of order, a hash that is not 32 bytes, a path too short or too long.
    """
    if not 0 <= first <= second or not _are_hashes(first_root, second_root, *path):
        return False
    if first == 0 and first_root != EMPTY_ROOT:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path
    return bool(path) and _continues(first, second, first_root, second_root, path)


def _continues(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    # A first tree that is complete is a node of the second: its root is known, and not in the path.
    complete = first & (first - 1) == 0
    seed, *rest = (first_root, *path) if complete else path
    here, last = _up_to_a_left_child(first - 1, second - 1)
    old = new = seed
    for node in rest:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(node, old), node_hash(node, new)
            here, last = _up_to_a_right_child(here, last)
        else:
            new = node_hash(new, node)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _up_to_a_right_child(here: int, last: int) -> tuple[int, int]:
    while here and not here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _up_to_a_left_child(here: int, last: int) -> tuple[int, int]:
    while here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _are_hashes(*values: bytes) -> bool:
    return set(map(len, values)) <= {HASH_SIZE}


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ValueError(f"expected an index below the tree's size of {size}, got {index}")


def _children(node: range) -> tuple[range, range]:
    # The left one is the largest complete tree that leaves something for the right one.
    middle = node.start + (1 << ((len(node) - 1).bit_length() - 1))
    return range(node.start, middle), range(middle, node.stop)


def _siblings(index: int, size: int) -> list[range]:
    node, siblings = range(size), []
    while len(node) > 1:
        left, right = _children(node)
        node, sibling = (left, right) if index in left else (right, left)
        siblings.append(sibling)
    return siblings[::-1]


def _between(first: int, second: int) -> list[range]:
    node, nodes = range(second), []
    while node.stop > first:
        left, right = _children(node)
        node, sibling = (left, right) if first <= left.stop else (right, left)
        nodes.append(sibling)
    # The one on the left edge is the whole first tree, whose root the verifier has.
    return ([node] if node.start else []) + nodes[::-1]


def _apart_from(indexes: Sequence[int], node: range) -> Iterator[range]:
    # From left to right, the largest nodes that have none of the indexes below them, and these.
    inside = [index for index in indexes if index in node]
    if not inside or len(node) == 1:
        yield node
        return
    for child in _children(node):
        yield from _apart_from(inside, child)


def _root_of(leaves: Sequence[bytes], node: range) -> bytes:
    below = leaves[node.start : node.stop]
    if not _are_hashes(*below):
        raise ValueError(f"expected leaf hashes of {HASH_SIZE} bytes")
    return Frontier().extend(b"".join(below)).root


def _roots_in_order(
    leaf_blocks: Iterable[bytes | memoryview], nodes: Iterable[range]
) -> dict[range, bytes]:
    blocks, unread = iter(leaf_blocks), memoryview(b"")
    roots = {}
    for node in nodes:
        tree = Frontier()
        while tree.size < len(node):
            unread = unread or _next_block(blocks, leaf=node.start + tree.size)
            end = (len(node) - tree.size) * HASH_SIZE
            tree, unread = tree.extend(unread[:end]), unread[end:]
        roots[node] = tree.root
    return roots


def _next_block(blocks: Iterator[bytes | memoryview], leaf: int) -> memoryview:
    block = next(blocks, None)
    if block is None:
        raise ValueError(f"expected leaf {leaf}, got the end of the log")
    if len(block) % HASH_SIZE:
        raise ValueError(f"expected leaf hashes of {HASH_SIZE} bytes, got {len(block)} bytes")
    return memoryview(block)


def _root_from(roots: dict[range, bytes], node: range) -> bytes:
    if node not in roots:
        left, right = _children(node)
        roots[node] = node_hash(_root_from(roots, left), _root_from(roots, right))
    return roots[node]
