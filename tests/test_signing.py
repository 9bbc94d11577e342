"""The private key: a file for its owner alone, and signatures that other tools understand."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etl.signing import KeySigner, create_key, has_passphrase, load_key
from tests.builders import a_history, a_key
from warehouse.errors import CannotStore, KeyUnusable
from warehouse.keys import ALGORITHMS, ECDSA_P256
from warehouse.payload import Snapshot
from warehouse.record import decode

openssl = shutil.which("openssl")


def write_key(file: Path, content: bytes, mode: int = 0o600) -> Path:
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_new_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key(tmp_path / "key.pem")
    finally:
        os.umask(before)

    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("passphrase", [None, b"correct horse", "Stra\u00dfe".encode(), b"\xff"])
def test_a_new_key_signs_after_it_was_loaded_again(
    tmp_path: Path, algorithm: str, passphrase: bytes | None
) -> None:
    made = create_key(tmp_path / "key.pem", algorithm, passphrase)

    loaded = load_key(tmp_path / "key.pem", passphrase)

    assert loaded.public_key.algorithm == algorithm
    assert loaded.public_key.key_id == made.public_key.key_id
    assert made.public_key.verifies(loaded.sign(b"message"), b"message")
    assert not made.public_key.verifies(loaded.sign(b"message"), b"another")
    assert has_passphrase(tmp_path / "key.pem") == (passphrase is not None)


def test_no_two_new_keys_are_the_same(tmp_path: Path) -> None:
    one, other = create_key(tmp_path / "one.pem"), create_key(tmp_path / "other.pem")

    assert one.public_key.key_id != other.public_key.key_id


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    file = write_key(tmp_path / "key.pem", b"precious")

    with pytest.raises(CannotStore) as refusal:
        create_key(file)

    assert str(refusal.value) == f"cannot write '{file}': file exists"
    assert file.read_bytes() == b"precious"


def test_signatures_are_those_of_rfc_8032() -> None:
    # §7.1, test 3.
    seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))

    assert signer.sign(bytes.fromhex("af82")).hex() == (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )


def test_ecdsa_signatures_are_those_of_rfc_6979() -> None:
    # A.2.5, P-256 with SHA-256, message "sample": no random number is in it.
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signer = KeySigner(ec.derive_private_key(secret, ec.SECP256R1()))

    r, s = decode_dss_signature(signer.sign(b"sample"))

    assert (f"{r:064X}", f"{s:064X}") == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644, 0o777])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)

    with pytest.raises(KeyUnusable) as refusal:
        load_key(tmp_path / "key.pem")

    file = tmp_path / "key.pem"
    assert str(refusal.value) == (
        f"others can read the signing key '{file}': expected mode 0600, found {mode:04o}"
    )
    assert refusal.value.hint == (
        f"Close it: chmod 600 {file}   If it may have been copied, replace it."
    )


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_that_only_its_owner_can_read_is_used(tmp_path: Path, mode: int) -> None:
    made = create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)

    assert load_key(tmp_path / "key.pem").public_key.key_id == made.public_key.key_id


def test_the_mode_of_a_key_that_was_handed_out_is_not_ours_to_judge(tmp_path: Path) -> None:
    made = create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o440)

    loaded = load_key(tmp_path / "key.pem", handed_out=True)

    assert loaded.public_key.key_id == made.public_key.key_id


def test_a_key_that_is_not_there_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        load_key(tmp_path / "key.pem")

    assert str(refusal.value) == f"there is no signing key '{tmp_path / 'key.pem'}'"
    assert refusal.value.hint == ("Restore it from your backup; a new key would be another signer.")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        load_key(tmp_path)

    assert str(refusal.value) == f"cannot read the signing key '{tmp_path}': is a directory"


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100])
def test_a_damaged_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    file = write_key(tmp_path / "key.pem", content)

    with pytest.raises(KeyUnusable) as refusal:
        load_key(file)

    assert str(refusal.value) == f"'{file}' is not a private key in PEM form"


def test_every_shortened_key_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "whole.pem")
    whole = (tmp_path / "whole.pem").read_bytes()

    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(KeyUnusable):
            load_key(write_key(tmp_path / "key.pem", whole[:length]))


def test_a_key_with_a_passphrase_is_not_opened_without_it(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    create_key(file, passphrase=b"correct horse")

    with pytest.raises(KeyUnusable) as refusal:
        load_key(file)

    assert str(refusal.value) == f"the signing key '{file}' has a passphrase, and none was given"
    assert refusal.value.hint == (
        "Name the file or the environment variable that holds it: "
        "passphrase_file or passphrase_env in tallybook.toml."
    )


def test_another_passphrase_does_not_open_a_key_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    create_key(file, passphrase=b"correct horse")

    for wrong in (b"battery staple", b"correct hors", b"correct horse\n", b"\xff"):
        with pytest.raises(KeyUnusable) as refusal:
            load_key(file, wrong)

        assert str(refusal.value) == f"the passphrase does not open the signing key '{file}'"
        assert refusal.value.hint == (
            "Check what passphrase_file or passphrase_env names; if it is right, the key is "
            "damaged: restore it from your backup."
        )


def test_every_shortened_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "whole.pem", passphrase=b"correct horse")
    whole = (tmp_path / "whole.pem").read_bytes()

    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(KeyUnusable):
            load_key(write_key(tmp_path / "key.pem", whole[:length]), b"correct horse")


def test_a_passphrase_that_protects_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    create_key(file)

    with pytest.raises(KeyUnusable) as refusal:
        load_key(file, b"correct horse")

    assert str(refusal.value) == (
        f"a passphrase was given for the signing key '{file}', which has none"
    )
    assert refusal.value.hint == (
        "Take passphrase_file and passphrase_env out of the settings, or lock the key: "
        "openssl pkcs8 -topk8 -in KEY -out LOCKED"
    )


def test_a_damaged_key_is_told_before_its_passphrase(tmp_path: Path) -> None:
    file = write_key(tmp_path / "key.pem", b"hello")

    with pytest.raises(KeyUnusable, match="is not a private key in PEM form"):
        load_key(file, b"correct horse")


@pytest.mark.skipif(openssl is None, reason="there is no openssl here")
@pytest.mark.parametrize(
    "words", ["-v2 aes-256-cbc", "-scrypt", "-v2 aes-128-cbc -v2prf hmacWithSHA512"]
)
def test_a_key_that_openssl_locked_is_opened(tmp_path: Path, words: str) -> None:
    made = create_key(tmp_path / "key.pem")

    openssl_says(tmp_path, f"pkcs8 -topk8 {words} -passout pass:secret -in key.pem -out locked.pem")
    (tmp_path / "locked.pem").chmod(0o600)

    assert load_key(tmp_path / "locked.pem", b"secret").public_key.key_id == made.public_key.key_id


@pytest.mark.skipif(openssl is None, reason="there is no openssl here")
def test_openssl_opens_a_key_that_was_locked_here(tmp_path: Path) -> None:
    made = create_key(tmp_path / "key.pem", ECDSA_P256, b"secret")

    said = openssl_says(tmp_path, "pkey -in key.pem -passin pass:secret -pubout")

    assert said.stdout == made.public_key.pem


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    keys: dict[str, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
        "ECPrivateKey on secp384r1": ec.generate_private_key(ec.SECP384R1()),
        "ECPrivateKey on secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "RSAPrivateKey": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    }

    for name, key in keys.items():
        write_key(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

        with pytest.raises(KeyUnusable) as refusal:
            load_key(file)

        expected = f"'{file}' is a {name}; expected an Ed25519 or ECDSA P-256 private key"
        assert str(refusal.value) == expected


@pytest.mark.skipif(openssl is None, reason="there is no openssl here")
def test_openssl_accepts_the_signature_of_a_record(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    (record,) = history.take()
    (tmp_path / "payload").write_bytes(record.payload)
    (tmp_path / "signature").write_bytes(record.signature)
    (tmp_path / "ledger.pub.pem").write_text(history.key.pem)
    verify = "pkeyutl -verify -rawin -pubin -inkey ledger.pub.pem -sigfile signature -in"

    good = openssl_says(tmp_path, f"{verify} payload")
    (tmp_path / "payload").write_bytes(record.payload.replace(b'"users":120', b'"users":121'))
    bad = openssl_says(tmp_path, f"{verify} payload")

    assert (good.returncode, good.stdout) == (0, "Signature Verified Successfully\n")
    assert bad.returncode != 0


@pytest.mark.skipif(openssl is None, reason="there is no openssl here")
def test_openssl_names_the_key_as_records_do(tmp_path: Path) -> None:
    (tmp_path / "ledger.pub.pem").write_text(a_key().public_key.pem)

    openssl_says(tmp_path, "pkey -pubin -in ledger.pub.pem -outform DER -out spki.der")

    spki = (tmp_path / "spki.der").read_bytes()
    assert hashlib.sha256(spki).hexdigest() == a_key().public_key.key_id


def test_sha256sum_follows_the_chain_of_an_instance(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take_days(3)
    _, *records = history.ledger.records()
    for number, record in enumerate(records):
        (tmp_path / f"payload.{number}").write_bytes(record.payload)
    command = shutil.which("sha256sum") or "shasum -a 256"

    said = subprocess.run(
        [*command.split(), "payload.0", "payload.1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    payloads = [decode(record.payload) for record in records]
    prevs = [payload.prev for payload in payloads if isinstance(payload, Snapshot)]
    assert prevs == ["0" * 64, *(line.split()[0] for line in said.stdout.splitlines())]


def openssl_says(folder: Path, words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(openssl), *words.split()], cwd=folder, capture_output=True, text=True, check=False
    )
