"""The tree of RFC 6962, against its definition and what Certificate Transparency knows.

The leaves, roots and paths of the vectors are those of the reference implementation of RFC 6962.
Proofs beyond the vectors: test_merkle_proofs.py.
"""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, leaf_hash, node_hash
from warehouse.merkle_proofs import (
    consistency_path,
    inclusion_path,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# The nodes of the whole tree by the first and last leaf below them.
L0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
L1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
L4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
N01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
N23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
N67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
N47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
MANY = b"".join(leaf_hash(b"%d" % index) for index in range(5000))


def tree_of(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree


def tree_of_hashes(hashes: bytes) -> Frontier:
    tree = Frontier()
    for at in range(0, len(hashes), HASH_SIZE):
        tree = tree.append_hash(hashes[at : at + HASH_SIZE])
    return tree


def rfc_6962_root(leaves: list[bytes]) -> bytes:
    """Follow RFC 6962 §2.1 to the letter: split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = rfc_6962_root(leaves[:split]), rfc_6962_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert tree_of(LEAVES[:size]).root.hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(9))
def test_many_leaves_at_once_have_the_roots_of_certificate_transparency(size: int) -> None:
    assert Frontier().extend(b"".join(HASHES[:size])).root.hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [L1, N23, N47]),
        (5, 8, [L4, N67, N03]),
        (2, 3, [N01]),
        (1, 5, [L0, N23, L4]),
    ],
)
def test_inclusion_is_proved_as_in_certificate_transparency(
    index: int, size: int, path: list[str]
) -> None:
    proof = inclusion_path(HASHES[:size], index)

    assert [node.hex() for node in proof] == path
    assert verify_inclusion(HASHES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [(1, 1, []), (1, 8, [L1, N23, N47]), (6, 8, [N45, N67, N03]), (2, 5, [N23, L4])],
)
def test_consistency_is_proved_as_in_certificate_transparency(
    first: int, second: int, path: list[str]
) -> None:
    old, new = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])

    proof = consistency_path(HASHES, first, second)

    assert [node.hex() for node in proof] == path
    assert verify_consistency(first, second, old, new, proof)


@pytest.mark.parametrize(
    ("first", "second", "old", "new", "path"),
    [
        (0, 0, L0, L0, []),
        (0, 0, ROOTS[0], L0, []),
        (0, 5, L0, ROOTS[5], []),
        (0, 5, ROOTS[0], ROOTS[5], [L0]),
        (5, 5, ROOTS[5], ROOTS[4], []),
        (5, 5, ROOTS[5], ROOTS[5], [ROOTS[5]]),
        (4, 5, ROOTS[4], ROOTS[4], []),
        (-1, 0, ROOTS[0], ROOTS[0], []),
        (-1, 1, L0, L0, [L0]),
    ],
)
def test_empty_and_equal_trees_are_no_excuse_for_a_wrong_proof(
    first: int, second: int, old: str, new: str, path: list[str]
) -> None:
    proof = [bytes.fromhex(node) for node in path]

    assert not verify_consistency(first, second, bytes.fromhex(old), bytes.fromhex(new), proof)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert left == hashlib.sha256(b"\x00a").digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert Frontier().root == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_every_tree_up_to_300_leaves_has_the_root_of_rfc_6962() -> None:
    leaves = [f"record {index}".encode() for index in range(300)]

    tree, roots = Frontier(), [Frontier().root]
    for leaf in leaves:
        tree = tree.append(leaf)
        roots.append(tree.root)

    assert roots == [rfc_6962_root(leaves[:size]) for size in range(301)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257])
def test_no_more_is_remembered_than_one_root_for_each_bit_of_the_size(size: int) -> None:
    tree = tree_of([b"leaf"] * size)

    assert (tree.size, len(tree.roots)) == (size, size.bit_count())


def test_appending_leaves_the_tree_before_it_as_it_was() -> None:
    before = tree_of([b"a", b"b", b"c"])
    root = before.root

    before.append(b"d")

    assert (before.size, before.root) == (3, root)


def test_an_inner_node_never_passes_for_a_leaf() -> None:
    two = tree_of([b"a", b"b"])
    forged = b"".join(hashlib.sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))

    assert tree_of([forged]).root != two.root


def test_a_leaf_may_be_given_by_its_hash() -> None:
    assert tree_of_hashes(b"".join(HASHES)) == tree_of(LEAVES)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_leaf_hash_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"expected a leaf hash of 32 bytes, got {length}"):
        Frontier().append_hash(bytes(length))


def test_extending_equals_appending_at_every_small_size() -> None:
    trees = [tree_of_hashes(MANY[: size * HASH_SIZE]) for size in range(70)]

    for before, tree in enumerate(trees):
        extended = [
            tree.extend(MANY[before * HASH_SIZE : after * HASH_SIZE]) for after in range(before, 70)
        ]
        assert extended == trees[before:]


@pytest.mark.parametrize("size", [2047, 2048, 2049, 4095, 4096, 4097, 5000])
@pytest.mark.parametrize("before", [0, 1, 2, 1023, 2046, 2047])
def test_extending_equals_appending_where_blocks_begin_and_end(before: int, size: int) -> None:
    start, stop = before * HASH_SIZE, size * HASH_SIZE

    tree = tree_of_hashes(MANY[:start]).extend(MANY[start:stop])

    assert tree == tree_of_hashes(MANY[:stop])


@given(st.lists(st.integers(0, 5000), max_size=8))
def test_it_does_not_matter_how_the_leaves_are_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 5000]

    tree = Frontier()
    for start, stop in pairwise(edges):
        tree = tree.extend(MANY[start * HASH_SIZE : stop * HASH_SIZE])

    assert tree == Frontier().extend(MANY)


def test_a_view_of_leaves_is_as_good_as_a_copy() -> None:
    view = memoryview(MANY)[HASH_SIZE : 3000 * HASH_SIZE]

    assert Frontier().extend(view) == Frontier().extend(bytes(view))


def test_extending_leaves_the_tree_before_it_as_it_was() -> None:
    before = tree_of([b"a", b"b", b"c"])
    root = before.root

    before.extend(MANY)

    assert (before.size, before.root) == (3, root)
    assert before.extend(b"") == before


@pytest.mark.parametrize("length", [1, 31, 33, 63, 65])
def test_leaves_that_end_within_a_hash_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"of 32 bytes, got {length % 32} bytes more"):
        Frontier().extend(bytes(length))
