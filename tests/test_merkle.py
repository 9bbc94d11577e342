"""The tree of RFC 6962, against its definition and the roots that Certificate Transparency knows.

The leaves and roots of the vectors are those of the reference implementation of RFC 6962.
"""

import hashlib

import pytest

from warehouse.merkle import Frontier

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


def tree_of(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree = tree.append(leaf)
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
