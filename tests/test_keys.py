"""Public keys: their names, their forms, and what is no key for us."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders import ORIGIN, a_checkpoint, a_curve_key, a_key
from warehouse.errors import KeyUnusable
from warehouse.keys import (
    ALGORITHMS,
    ECDSA_P256,
    ED25519,
    parse_vkey,
    public_key_from_base64,
    public_key_from_spki,
    read_public_key,
)
from warehouse.note import parse_note

SIGNER, CURVE_SIGNER = a_key(), a_key(algorithm=ECDSA_P256)
KEY, CURVE_KEY = SIGNER.public_key, CURVE_SIGNER.public_key
BASE64_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_ ä\n"


def other_keys() -> dict[str, bytes]:
    """The SPKI of keys that can sign no log, by the name that cryptography gives their kind."""
    keys: dict[str, CertificateIssuerPrivateKeyTypes] = {
        "ECPublicKey on secp384r1": ec.generate_private_key(ec.SECP384R1()),
        "ECPublicKey on secp521r1": ec.generate_private_key(ec.SECP521R1()),
        "ECPublicKey on secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "RSAPublicKey": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "Ed448PublicKey": ed448.Ed448PrivateKey.generate(),
    }
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {name: key.public_key().public_bytes(*form) for name, key in keys.items()}


OTHER_KEYS = other_keys()


def test_a_key_is_named_by_the_hash_of_its_spki() -> None:
    assert KEY.key_id == hashlib.sha256(KEY.spki).hexdigest()
    assert KEY.spki_base64 == "MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_the_same_after_a_round_trip_through_any_form(
    tmp_path: Path, algorithm: str
) -> None:
    key = a_key(algorithm=algorithm).public_key
    file = tmp_path / "ledger.pub.pem"
    file.write_text(key.pem)

    assert read_public_key(file) == key
    assert public_key_from_spki(key.spki, named="it") == key
    assert public_key_from_base64(key.spki_base64, named="it") == key
    assert parse_vkey(key.vkey(ORIGIN), named="it") == (ORIGIN, key)
    assert key.algorithm == algorithm


def test_the_one_line_form_is_that_of_signed_note() -> None:
    name, short, coded = KEY.vkey("example.com/tallybook").split("+", 2)
    typed = base64.b64decode(coded)

    assert name == "example.com/tallybook"
    assert typed == b"\x01" + KEY.spki[-32:]
    assert short == hashlib.sha256(b"example.com/tallybook\n" + typed).hexdigest()[:8]


def test_the_one_line_form_of_a_key_on_the_curve_is_that_of_signed_note() -> None:
    name, short, coded = CURVE_KEY.vkey("example.com/tallybook").split("+", 2)

    assert name == "example.com/tallybook"
    assert base64.b64decode(coded) == b"\x02" + CURVE_KEY.spki
    assert short == hashlib.sha256(CURVE_KEY.spki).hexdigest()[:8]
    assert CURVE_KEY.note_hash("any.example") == hashlib.sha256(CURVE_KEY.spki).digest()[:4]


def test_the_one_line_form_agrees_with_the_checksum_database_of_go() -> None:
    known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    raw = base64.b64decode(known.split("+", 2)[2])[1:]
    prefix = KEY.spki[:-32]

    key = public_key_from_spki(prefix + raw, named="Go's key")

    assert key.vkey("sum.golang.org") == known


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_good_for_its_message_only(algorithm: str) -> None:
    key = a_key(algorithm=algorithm).public_key
    signature = a_key(algorithm=algorithm).sign(b"message")

    assert key.verifies(signature, b"message")
    assert not key.verifies(signature, b"Message")
    assert not key.verifies(signature, b"message\n")
    assert not key.verifies(signature, b"")
    assert not a_key(2, algorithm).public_key.verifies(signature, b"message")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_bit_of_a_signature_can_be_changed(algorithm: str) -> None:
    key = a_key(algorithm=algorithm).public_key
    signature = a_key(algorithm=algorithm).sign(b"message")

    for place in range(len(signature)):
        for bit in range(8):
            changed = bytearray(signature)
            changed[place] ^= 1 << bit
            assert not key.verifies(bytes(changed), b"message"), (place, bit)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00" * 63, id="63 zeros"),
        pytest.param(b"\x00" * 64, id="64 zeros"),
        pytest.param(b"\x00" * 65, id="65 zeros"),
        pytest.param(encode_dss_signature(0, 0), id="twice 0 in DER"),
        pytest.param(encode_dss_signature(1, 1), id="twice 1 in DER"),
        pytest.param(b"\x30\x00", id="an empty sequence"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="a sequence without end"),
    ],
)
def test_what_is_no_signature_is_not_good(algorithm: str, signature: bytes) -> None:
    assert not a_key(algorithm=algorithm).public_key.verifies(signature, b"message")


def test_a_signature_of_one_algorithm_is_none_of_the_other() -> None:
    for number in range(64):
        message = f"message {number}".encode()
        signature, curve_signature = SIGNER.sign(message), CURVE_SIGNER.sign(message)
        numbers = decode_dss_signature(curve_signature)
        plain = b"".join(part.to_bytes(32) for part in numbers)
        halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))

        assert not KEY.verifies(curve_signature, message)
        assert not KEY.verifies(plain, message)
        assert not CURVE_KEY.verifies(signature, message)
        assert not CURVE_KEY.verifies(plain, message)
        assert not CURVE_KEY.verifies(encode_dss_signature(*halves), message)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_note_of_one_algorithm_is_none_of_the_other(algorithm: str) -> None:
    note = parse_note(a_checkpoint(b"one", by=[a_key(algorithm=algorithm)]))

    assert {key.algorithm: key.signed(note, ORIGIN) for key in (KEY, CURVE_KEY)} == {
        algorithm: True,
        (ED25519 if algorithm == ECDSA_P256 else ECDSA_P256): None,
    }


WRONGLY_TYPED = {
    "an Ed25519 key as 02": (b"\x02" + KEY.spki[-32:], "the file is not a public key: .+"),
    "the SPKI of an Ed25519 key as 02": (
        b"\x02" + KEY.spki,
        "the file: a verifier key of type 02 holds a key of ed25519",
    ),
    "a point as 02": (b"\x02" + CURVE_KEY.spki[-65:], "the file is not a public key: .+"),
    "a point as 01": (
        b"\x01" + CURVE_KEY.spki[-65:],
        "the file: a verifier key of type 01 is of no kind we know",
    ),
    "the SPKI of a key on the curve as 01": (
        b"\x01" + CURVE_KEY.spki,
        "the file: a verifier key of type 01 is of no kind we know",
    ),
    "an Ed25519 key as 04": (
        b"\x04" + KEY.spki[-32:],
        "the file: a verifier key of type 04 is of no kind we know",
    ),
    "nothing as 01": (b"\x01", "the file: a verifier key of type 01 is of no kind we know"),
}


@pytest.mark.parametrize("name", WRONGLY_TYPED)
def test_a_verifier_key_of_one_algorithm_is_not_read_as_the_other(name: str) -> None:
    typed, reason = WRONGLY_TYPED[name]

    for key in (KEY, CURVE_KEY):
        line = f"a+{key.note_hash('a').hex()}+{base64.b64encode(typed).decode()}"
        with pytest.raises(KeyUnusable, match=f"^{reason}$"):
            parse_vkey(line, named="the file")


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


@pytest.mark.parametrize("kind", OTHER_KEYS)
def test_a_key_of_another_algorithm_is_refused(tmp_path: Path, kind: str) -> None:
    spki = OTHER_KEYS[kind]
    coded = base64.b64encode(spki).decode()
    typed = base64.b64encode(b"\x02" + spki).decode()
    vkey = f"a+{hashlib.sha256(spki).hexdigest()[:8]}+{typed}"
    file = tmp_path / "ledger.pub.pem"
    file.write_text(f"-----BEGIN PUBLIC KEY-----\n{coded}\n-----END PUBLIC KEY-----\n")
    refusals = []

    for read in (
        lambda: read_public_key(file),
        lambda: public_key_from_spki(spki, named=f"'{file}'"),
        lambda: public_key_from_base64(coded, named=f"'{file}'"),
        lambda: parse_vkey(vkey, named=f"'{file}'"),
    ):
        with pytest.raises(KeyUnusable) as refusal:
            read()
        refusals.append(str(refusal.value))

    assert refusals == [f"'{file}' is a {kind}; expected an Ed25519 or ECDSA P-256 public key"] * 4


def test_bytes_that_are_no_key_are_refused() -> None:
    with pytest.raises(KeyUnusable, match=r"^the genesis key is not a public key: .+"):
        public_key_from_spki(b"nonsense", named="the genesis key")


@pytest.mark.parametrize("spki", [KEY.spki, CURVE_KEY.spki], ids=ALGORITHMS)
def test_a_key_with_bytes_behind_it_is_refused(spki: bytes) -> None:
    with pytest.raises(KeyUnusable, match=r"^it is not a public key: .+"):
        public_key_from_spki(spki + b"\x00", named="it")


def test_a_point_in_its_short_form_is_refused() -> None:
    point = a_curve_key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = CURVE_KEY.spki[: -len(point) - 32]
    short = head.replace(b"\x30\x59", b"\x30\x39").replace(b"\x03\x42", b"\x03\x22") + point

    with pytest.raises(KeyUnusable) as refusal:
        public_key_from_spki(short, named="it")

    assert str(refusal.value) == "it is not written as DER writes it"


@pytest.mark.parametrize(
    ("coded", "reason"),
    [
        ("", "it is not a public key: .+"),
        ("AAAA", "it is not a public key: .+"),
        ("AAA", "it is not base64: Incorrect padding"),
        (f"{KEY.spki_base64}\n", "it is not base64: .+"),
        (f" {KEY.spki_base64}", "it is not base64: .+"),
        ("ä" * 4, "it is not base64: string argument should contain only ASCII characters"),
    ],
)
def test_text_that_is_no_key_is_refused(coded: str, reason: str) -> None:
    with pytest.raises(KeyUnusable, match=f"^{reason}$"):
        public_key_from_base64(coded, named="it")


def test_a_damaged_verifier_key_says_what_it_should_have_been() -> None:
    line = KEY.vkey("example.com/tallybook").replace("tallybook", "tallybooks")

    with pytest.raises(KeyUnusable) as refusal:
        parse_vkey(line, named="'trusted.vkey'")

    assert str(refusal.value) == (
        "'trusted.vkey': the verifier key of 'example.com/tallybooks' is damaged: expected the id "
        f"{KEY.note_hash('example.com/tallybooks').hex()}, "
        f"found '{KEY.note_hash('example.com/tallybook').hex()}'"
    )


@pytest.mark.parametrize("line", ["", "+", "++", "a", "a+b", "a+b+", "a+b+?", "a+b+ä", "+b+AAAA"])
def test_a_line_that_is_no_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        parse_vkey(line, named="the file")

    assert str(refusal.value) == "the file has a line that is no verifier key"
    assert refusal.value.hint == (
        "Expected ORIGIN+KEYID+BASE64, as in ledger.vkey, or a public key in PEM form."
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_sign_of_a_verifier_key_can_be_changed(algorithm: str) -> None:
    line = a_key(algorithm=algorithm).public_key.vkey(ORIGIN)
    # C2SP's id of a key on the curve does not cover the name it goes by.
    first = 0 if algorithm == ED25519 else len(ORIGIN)

    for place in range(first, len(line)):
        for sign in BASE64_SIGNS:
            changed = line[:place] + sign + line[place + 1 :]
            if changed != line:
                with pytest.raises(KeyUnusable):
                    parse_vkey(changed, named="it")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_shortened_verifier_key_is_refused(algorithm: str) -> None:
    line = a_key(algorithm=algorithm).public_key.vkey(ORIGIN)

    for length in range(len(line)):
        with pytest.raises(KeyUnusable):
            parse_vkey(line[:length], named="it")
