"""Public keys: their names, their forms, and what is no key for us."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders import a_key
from warehouse.errors import KeyUnusable
from warehouse.keys import public_key_from_spki, read_public_key

KEY = a_key().public_key
SIGNER = a_key()


def other_keys() -> list[tuple[str, ec.EllipticCurvePublicKey | rsa.RSAPublicKey]]:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    return [
        ("EC", curve),
        ("RSA", rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()),
    ]


def test_a_key_is_named_by_the_hash_of_its_spki() -> None:
    assert KEY.key_id == hashlib.sha256(KEY.spki).hexdigest()
    assert KEY.spki_base64 == "MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="


def test_a_key_is_the_same_after_a_round_trip_through_pem(tmp_path: Path) -> None:
    file = tmp_path / "ledger.pub.pem"
    file.write_text(KEY.pem)

    assert read_public_key(file).spki == KEY.spki


def test_a_key_is_the_same_after_a_round_trip_through_spki() -> None:
    assert public_key_from_spki(KEY.spki, named="it").key_id == KEY.key_id


def test_the_one_line_form_is_that_of_signed_note() -> None:
    name, short, coded = KEY.vkey("example.com/tallybook").split("+", 2)
    typed = base64.b64decode(coded)

    assert name == "example.com/tallybook"
    assert typed == b"\x01" + KEY.spki[-32:]
    assert short == hashlib.sha256(b"example.com/tallybook\n" + typed).hexdigest()[:8]


def test_the_one_line_form_agrees_with_the_checksum_database_of_go() -> None:
    known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    raw = base64.b64decode(known.split("+", 2)[2])[1:]
    prefix = KEY.spki[:-32]

    key = public_key_from_spki(prefix + raw, named="Go's key")

    assert key.vkey("sum.golang.org") == known


def test_a_signature_is_good_for_its_message_only() -> None:
    signature = SIGNER.sign(b"message")

    assert KEY.verifies(signature, b"message")
    assert not KEY.verifies(signature, b"Message")
    assert not a_key(2).public_key.verifies(signature, b"message")


@pytest.mark.parametrize("signature", [b"", b"\x00" * 63, b"\x00" * 64, b"\x00" * 65])
def test_what_is_no_signature_is_not_good(signature: bytes) -> None:
    assert not KEY.verifies(signature, b"message")


def test_a_signature_with_another_scalar_of_the_same_value_is_not_good() -> None:
    # RFC 8032 §5.1.7: s must be below the order of the group, or signatures could be varied.
    order = 2**252 + 27742317777372353535851937790883648493
    signature = SIGNER.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + order

    assert not KEY.verifies(signature[:32] + scalar.to_bytes(32, "little"), b"message")


def test_a_key_that_is_not_there_says_where_keys_come_from(tmp_path: Path) -> None:
    file = tmp_path / "ledger.pub.pem"

    with pytest.raises(KeyUnusable) as refusal:
        read_public_key(file)

    assert str(refusal.value) == f"cannot read public key '{file}': no such file or directory"
    assert refusal.value.hint == (
        "Name the key that you trust with --trust; it must have reached you by another way than "
        "the warehouse itself."
    )


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\x00", KEY.pem[:60].encode()])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ledger.pub.pem"
    file.write_bytes(content)

    with pytest.raises(KeyUnusable) as refusal:
        read_public_key(file)

    assert str(refusal.value) == f"'{file}' is not a public key in PEM form"


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ledger.pub.pem"

    for name, key in other_keys():
        file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

        with pytest.raises(KeyUnusable) as refusal:
            read_public_key(file)

        expected = f"'{file}' is a {name}PublicKey; expected an Ed25519 public key"
        assert str(refusal.value) == expected


def test_bytes_that_are_no_key_are_refused() -> None:
    with pytest.raises(KeyUnusable, match=r"^the genesis key is not a public key: .+"):
        public_key_from_spki(b"nonsense", named="the genesis key")
