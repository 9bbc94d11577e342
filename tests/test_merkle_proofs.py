"""Proofs of inclusion and consistency, against the definitions of RFC 6962 and every small tree."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.merkle import EMPTY_ROOT, leaf_hash
from warehouse.merkle_proofs import (
    consistency_path,
    inclusion_path,
    inclusion_paths,
    verify_consistency,
    verify_inclusion,
)

LARGE = 5000
LEAVES = [hashlib.sha256(b"\x00" + str(index).encode()).digest() for index in range(LARGE)]
SMALL = [(size, index) for size in range(1, 18) for index in range(size)]
EDGES = sorted({size for k in range(1, 13) for size in (2**k - 1, 2**k, 2**k + 1)})


def split(size: int) -> int:
    """Name the largest power of two below `size`: the k of RFC 6962."""
    return max(1 << k for k in range(size.bit_length()) if 1 << k < size)


@cache
def mth(start: int, stop: int) -> bytes:
    """MTH(D[start:stop]) of RFC 6962 §2.1, to the letter."""
    if start == stop:
        return hashlib.sha256().digest()
    if start + 1 == stop:
        return LEAVES[start]
    k = split(stop - start)
    children = mth(start, start + k) + mth(start + k, stop)
    return hashlib.sha256(b"\x01" + children).digest()


def rfc_path(m: int, start: int, stop: int) -> list[bytes]:
    """PATH(m, D[start:stop]) of RFC 6962 §2.1.1, to the letter."""
    if start + 1 == stop:
        return []
    k = split(stop - start)
    if m < k:
        return [*rfc_path(m, start, start + k), mth(start + k, stop)]
    return [*rfc_path(m - k, start + k, stop), mth(start, start + k)]


def rfc_subproof(m: int, start: int, stop: int, known: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:stop], known) of RFC 6962 §2.1.2, to the letter."""
    if m == stop - start:
        return [] if known else [mth(start, stop)]
    k = split(stop - start)
    if m <= k:
        return [*rfc_subproof(m, start, start + k, known), mth(start + k, stop)]
    return [*rfc_subproof(m - k, start + k, stop, False), mth(start, start + k)]


def rfc_proof(m: int, n: int) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962 §2.1.2, and our empty path from the empty tree."""
    return rfc_subproof(m, 0, n, True) if m else []


@cache
def turns(m: int, size: int) -> tuple[str, ...]:
    """Tell the way from the root down to leaf `m`."""
    if size == 1:
        return ()
    k = split(size)
    return ("left", *turns(m, k)) if m < k else ("right", *turns(m - k, size - k))


def blocks_of(leaves: list[bytes], length: int) -> Iterator[bytes]:
    for at in range(0, len(leaves), length):
        yield b"".join(leaves[at : at + length])


def flipped(value: bytes, bit: int = 0) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


def spoiled(path: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the path with each of its hashes changed, cut and lengthened, one at a time."""
    for at, value in enumerate(path):
        for wrong in (flipped(value), flipped(value, 255), value[:31], value + b"\x00", b""):
            yield [*path[:at], wrong, *path[at + 1 :]]


def of_wrong_length(path: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the path one hash too short or too long, at either end, and empty."""
    if path:
        yield from (path[1:], path[:-1], [], [*path, path[-1]], [path[0], *path])
    yield from ([*path, LEAVES[0]], [LEAVES[0], *path], [*path, *path, *LEAVES[:70]])


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [range(101), range(101, 151), range(151, 201)])
def test_every_leaf_of_every_small_tree_is_proved_as_in_rfc_6962(sizes: range) -> None:
    for size in sizes:
        leaves, expected = LEAVES[:size], {m: rfc_path(m, 0, size) for m in range(size)}

        assert {m: inclusion_path(leaves, m) for m in range(size)} == expected
        assert inclusion_paths(blocks_of(leaves, 7), range(size), size) == expected
        assert all(
            verify_inclusion(LEAVES[m], m, size, expected[m], mth(0, size)) for m in expected
        )


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [range(101), range(101, 151), range(151, 201)])
def test_every_small_tree_continues_every_smaller_one_as_in_rfc_6962(sizes: range) -> None:
    for n in sizes:
        expected = {m: rfc_proof(m, n) for m in range(n + 1)}

        assert {m: consistency_path(LEAVES, m, n) for m in expected} == expected
        assert all(verify_consistency(m, n, mth(0, m), mth(0, n), expected[m]) for m in expected)


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("part", [0, 0.5, 1])
def test_trees_around_powers_of_two_prove_their_edges(size: int, part: float) -> None:
    index = int(part * (size - 1))

    path, growth = inclusion_path(LEAVES[:size], index), consistency_path(LEAVES, index + 1, size)

    assert path == rfc_path(index, 0, size)
    assert growth == rfc_proof(index + 1, size)
    assert verify_inclusion(LEAVES[index], index, size, path, mth(0, size))
    assert verify_consistency(index + 1, size, mth(0, index + 1), mth(0, size), growth)


@settings(deadline=None)
@given(size=st.integers(1, LARGE), data=st.data())
def test_large_trees_prove_leaves_from_any_blocks(size: int, data: st.DataObject) -> None:
    indexes = data.draw(st.lists(st.integers(0, size - 1), max_size=20))
    length = data.draw(st.integers(1, size))

    paths = inclusion_paths(blocks_of(LEAVES, length), indexes, size)

    assert paths == {m: rfc_path(m, 0, size) for m in indexes}
    assert all(verify_inclusion(LEAVES[m], m, size, paths[m], mth(0, size)) for m in paths)


@settings(deadline=None)
@given(st.integers(1, LARGE), st.integers(1, LARGE))
def test_large_trees_continue_any_smaller_one(one: int, other: int) -> None:
    first, second = sorted((one, other))

    path = consistency_path(LEAVES, first, second)

    assert path == rfc_proof(first, second)
    assert verify_consistency(first, second, mth(0, first), mth(0, second), path)


@settings(deadline=None)
@given(size=st.integers(2, LARGE), bit=st.integers(0, 255), data=st.data())
def test_no_bit_of_a_large_proof_may_change(size: int, bit: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = rfc_path(index, 0, size)
    at = data.draw(st.integers(0, len(path) - 1))
    changed = [*path[:at], flipped(path[at], bit), *path[at + 1 :]]

    assert not verify_inclusion(LEAVES[index], index, size, changed, mth(0, size))
    assert not verify_inclusion(flipped(LEAVES[index], bit), index, size, path, mth(0, size))
    assert not verify_inclusion(LEAVES[index], index, size, path, flipped(mth(0, size), bit))


@pytest.mark.parametrize("size", range(1, 34))
def test_inclusion_by_a_spoiled_path_is_refused(size: int) -> None:
    believed = [
        (index, path)
        for index in range(size)
        for paths in (spoiled, of_wrong_length)
        for path in paths(rfc_path(index, 0, size))
        if verify_inclusion(LEAVES[index], index, size, path, mth(0, size))
    ]

    assert believed == []


@pytest.mark.parametrize("second", range(1, 34))
def test_consistency_by_a_spoiled_path_is_refused(second: int) -> None:
    believed = [
        (first, path)
        for first in range(second + 1)
        for paths in (spoiled, of_wrong_length)
        for path in paths(rfc_proof(first, second))
        if verify_consistency(first, second, mth(0, first), mth(0, second), path)
    ]

    assert believed == []


def test_a_leaf_is_refused_at_any_other_place() -> None:
    for size, index in SMALL:
        leaf, path, root = LEAVES[index], rfc_path(index, 0, size), mth(0, size)

        places = range(-1, size + 2)
        believed = [n for n in places if verify_inclusion(leaf, n, size, path, root)]

        assert believed == [index]


def test_another_size_is_believed_only_where_the_way_to_a_leaf_is_the_same() -> None:
    places = [(n, m) for n in range(34) for m in range(n)]
    for size, index in SMALL:
        leaf, path, root = LEAVES[index], rfc_path(index, 0, size), mth(0, size)

        believed = [(n, m) for n, m in places if verify_inclusion(leaf, m, n, path, root)]

        assert believed == [(n, m) for n, m in places if turns(m, n) == turns(index, size)]


@pytest.mark.parametrize("index", range(8))
def test_a_node_does_not_pass_for_a_leaf(index: int) -> None:
    left = index & ~1
    path, root = rfc_path(index, 0, 8)[1:], mth(0, 8)
    forged = LEAVES[left] + LEAVES[left + 1]

    for place in (index, index >> 1):
        assert not verify_inclusion(mth(left, left + 2), place, 8, path, root)
    assert not verify_inclusion(leaf_hash(forged), index >> 1, 4, path, root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 0), (-1, 1), (1, 1), (0, -1), (-2, -1)])
def test_no_leaf_is_where_no_leaf_can_be(index: int, size: int) -> None:
    for root in (LEAVES[0], EMPTY_ROOT):
        assert not verify_inclusion(LEAVES[0], index, size, [], root)


@pytest.mark.parametrize("wrong", [b"", LEAVES[0][:31], LEAVES[0] + b"\x00"])
def test_what_is_no_hash_proves_nothing(wrong: bytes) -> None:
    assert not verify_inclusion(wrong, 0, 1, [], wrong)
    assert not verify_consistency(1, 1, wrong, wrong, [])
    assert not verify_consistency(0, 1, EMPTY_ROOT, wrong, [])


def test_a_log_with_another_past_is_refused() -> None:
    for second in range(2, 34):
        for first in range(1, second):
            old, new, path = mth(0, first), mth(0, second), rfc_proof(first, second)

            assert not verify_consistency(first, second, flipped(old), new, path)
            assert not verify_consistency(first, second, old, flipped(new), path)
            assert not verify_consistency(second, first, new, old, path)
            assert not verify_consistency(first - 1, second, old, new, path)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_no_path_leads_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    complaint = f"expected an index below the tree's size of {size}, got {index}"

    with pytest.raises(ValueError, match=complaint):
        inclusion_path(LEAVES[:size], index)
    with pytest.raises(ValueError, match=complaint):
        inclusion_paths(blocks_of(LEAVES, 10), [index], size)


@pytest.mark.parametrize(("first", "second"), [(3, 2), (-1, 2), (2, 6), (6, 6)])
def test_no_path_leads_between_sizes_that_are_not_there(first: int, second: int) -> None:
    with pytest.raises(ValueError, match=f"up to 5 leaves, got {first} and {second}"):
        consistency_path(LEAVES[:5], first, second)


@pytest.mark.parametrize("wrong", [bytes(31), bytes(33), bytes(63)])
def test_no_path_is_made_of_what_is_no_hash(wrong: bytes) -> None:
    complaint = "expected leaf hashes of 32 bytes"

    with pytest.raises(ValueError, match=complaint):
        inclusion_paths([LEAVES[0], wrong], [0], 2)
    with pytest.raises(ValueError, match=complaint):
        inclusion_path([LEAVES[0], wrong], 0)
    with pytest.raises(ValueError, match=complaint):
        consistency_path([LEAVES[0], LEAVES[1], wrong, bytes(64 - len(wrong))], 2, 4)


def test_a_log_is_read_up_to_its_size_and_no_further() -> None:
    blocks = iter([LEAVES[0], b"", b"".join(LEAVES[1:9]), b"not read"])

    assert inclusion_paths(blocks, [4, 4], 5) == {4: rfc_path(4, 0, 5)}
    assert list(blocks) == [b"not read"]
    assert inclusion_paths(iter([b"not read"]), [], 0) == {}


def test_a_log_with_too_few_leaves_is_refused() -> None:
    with pytest.raises(ValueError, match="expected leaf 9, got the end of the log"):
        inclusion_paths(blocks_of(LEAVES[:9], 4), [2], 10)


def test_a_long_log_is_never_in_memory() -> None:
    tracemalloc.start()

    inclusion_paths((b"".join(LEAVES) for _ in range(40)), range(0, 200_000, 9000), 200_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000
