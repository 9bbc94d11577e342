"""The proof that a record is in a log: its text, and what it holds for."""

import base64

import pytest

from tests.builders import ORIGIN
from tests.forged_proofs import LEAVES, PAYLOADS, a_proof
from warehouse.merkle import Frontier
from warehouse.note import MalformedNote
from warehouse.proofs.proof import MalformedProof, TlogProof, parse_proof


@pytest.mark.parametrize("size", range(1, 41))
def test_a_proof_is_read_as_it_was_written(size: int) -> None:
    proofs = [a_proof(size, index) for index in range(size)]

    again = [parse_proof(str(proof)) for proof in proofs]

    assert again == proofs
    assert [str(proof) for proof in again] == [str(proof) for proof in proofs]
    assert all(proof.holds(PAYLOADS[index]) for index, proof in enumerate(again))


def test_a_proof_is_written_as_c2sp_has_it() -> None:
    proof = a_proof(3, 2)

    lines = str(proof).split("\n\n")[0].split("\n")

    sibling = Frontier().append(PAYLOADS[0]).append(PAYLOADS[1]).root
    assert lines == ["c2sp.org/tlog-proof@v1", "index 2", base64.b64encode(sibling).decode()]
    assert str(proof).endswith(f"\n\n{proof.checkpoint}")


def test_a_proof_of_the_only_record_has_no_hashes() -> None:
    assert str(a_proof(1, 0)).startswith(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{ORIGIN}\n1\n")


A_HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("@v1", "@v2", "proof does not begin with 'c2sp.org/tlog-proof@v1'"),
        ("c2sp", "\nc2sp", "proof does not begin with 'c2sp.org/tlog-proof@v1'"),
        ("\nindex 3", "", f"{A_HASH!r} is no line with an index"),
        ("index 3", "extra AAAA\nindex 3", "'extra AAAA' is no line with an index"),
        ("index 3", "index 03", "'index 03' is no line with an index"),
        ("index 3", "index -3", "'index -3' is no line with an index"),
        ("index 3", "index ٣", "'index ٣' is no line with an index"),
        ("index 3", "index 3 ", "'index 3 ' is no line with an index"),
        ("index 3", "index ", "'index ' is no line with an index"),
        ("index 3", f"index {'9' * 17}", f"'index {'9' * 17}' is no line with an index"),
        (A_HASH, A_HASH[:-1], f"{A_HASH[:-1]!r} is no hash of 32 bytes in base64"),
        (A_HASH, f"{A_HASH} ", f"'{A_HASH} ' is no hash of 32 bytes in base64"),
        (A_HASH, f"{A_HASH}\r", f"{A_HASH + chr(13)!r} is no hash of 32 bytes in base64"),
        (A_HASH, f"{A_HASH[:-2]}B=", f"'{A_HASH[:-2]}B=' is no hash of 32 bytes in base64"),
        (
            A_HASH,
            base64.b64encode(bytes(31)).decode(),
            f"'{base64.b64encode(bytes(31)).decode()}' is no hash of 32 bytes in base64",
        ),
        (A_HASH, "\n".join([A_HASH] * 54), "proof has more than 53 hashes"),
        (f"\n\n{ORIGIN}", f"\n{ORIGIN}", f"{ORIGIN!r} is no hash of 32 bytes in base64"),
    ],
)
def test_a_text_that_is_no_proof_is_refused(old: str, new: str, reason: str) -> None:
    text = str(TlogProof(3, (bytes(32),), a_proof(5, 3).checkpoint))

    with pytest.raises(MalformedProof) as refused:
        parse_proof(text.replace(old, new, 1))

    assert str(refused.value) == reason


@pytest.mark.parametrize("more", ["\n", "x", "\x00", " "])
def test_nothing_may_follow_the_checkpoint(more: str) -> None:
    with pytest.raises(MalformedNote):
        parse_proof(str(a_proof(5, 3)) + more)


def test_a_proof_holds_for_its_record_at_its_place_only() -> None:
    proof = a_proof(11, 6)
    head, path = proof.checkpoint, proof.path

    for index in (0, 5, 7, 10, 11, -1):
        assert not TlogProof(index, path, head).holds(PAYLOADS[6])
    assert not TlogProof(6, path[:-1], head).holds(PAYLOADS[6])
    assert not TlogProof(6, (*path, bytes(32)), head).holds(PAYLOADS[6])
    assert not TlogProof(6, (path[1], path[0], *path[2:]), head).holds(PAYLOADS[6])
    assert not proof.holds(PAYLOADS[5])
    assert not proof.holds(PAYLOADS[6] + b"\n")


def test_an_inner_node_does_not_pass_for_a_record() -> None:
    below = LEAVES[2] + LEAVES[3]
    proof = a_proof(4, 2)

    assert not TlogProof(1, proof.path[1:], proof.checkpoint).holds(below)
    assert not TlogProof(1, proof.path[1:], proof.checkpoint).holds(b"\x01" + below)
