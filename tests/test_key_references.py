"""Where a key is kept, as settings and command line say it: files, credentials, tokens, secrets."""

import os
from pathlib import Path

import pytest

from etl.keys.opening import AbsentSigner, open_signer, read_secret
from etl.keys.reference import (
    Credential,
    KeyReference,
    Secret,
    Token,
    Variable,
    key_reference,
    secret_reference,
)
from etl.signing import create_key
from warehouse.errors import BadSettings, KeyUnusable

BASE = Path("/srv/tally")
MODULE = "module-path=/usr/lib/lib.so"
SECRET = "s3cr3t-and-long"  # looked for in messages


def reference(text: str, passphrase: Secret | None = None) -> KeyReference:
    return key_reference(text, BASE, named="signing_key", passphrase=passphrase)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("state/signing-key.pem", Path("/srv/tally/state/signing-key.pem")),
        ("/etc/tallybook/key.pem", Path("/etc/tallybook/key.pem")),
        ("credential:signing-key", Credential("signing-key")),
        (
            f"pkcs11:token=tally;object=signing?{MODULE}",
            Token(Path("/usr/lib/lib.so"), "tally", None, "signing", None, None),
        ),
        (
            f"pkcs11:slot-id=7;id=%01%ff;type=private?{MODULE}&pin-source=file:/etc/pin",
            Token(Path("/usr/lib/lib.so"), None, 7, None, b"\x01\xff", Path("/etc/pin")),
        ),
        (
            f"pkcs11:token=our%20token%3b%3f;object=%C3%BC?pin-source=/a%20b&{MODULE}",
            Token(Path("/usr/lib/lib.so"), "our token;?", None, "ü", None, Path("/a b")),
        ),
    ],
)
def test_a_key_is_named_in_three_ways(text: str, place: Path | Credential | Token) -> None:
    found = reference(text)

    assert found == KeyReference(text, place)
    assert found.file == (place if isinstance(place, Path) else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("credential:", "'credential:' is no credential"),
        ("credential:a/b", "'credential:a/b' is no credential"),
        ("credential:..", "'credential:..' is no credential"),
        ("pkcs11:token=t;object=o", "the pkcs11 address has no module-path"),
        (f"pkcs11:token=t?{MODULE}", "the pkcs11 address has neither object nor id of a key"),
        (f"pkcs11:object=o;type=public?{MODULE}", "the pkcs11 address is not of a private key"),
        (f"pkcs11:object=o;slot-id=x?{MODULE}", "the slot-id of the pkcs11 address is no number"),
        (f"pkcs11:object=o;object=p?{MODULE}", "object of the pkcs11 address is given twice"),
        (f"pkcs11:object=?{MODULE}", "object of the pkcs11 address is empty"),
        (
            "pkcs11:object=o?module-path=lib.so",
            "module-path of the pkcs11 address is no absolute path",
        ),
        (
            f"pkcs11:object=o?{MODULE}&pin-source=pin",
            "pin-source of the pkcs11 address is no absolute path",
        ),
        (
            f"pkcs11:object=o?{MODULE}&pin-source=|cat%20pin",
            "pin-source of the pkcs11 address is no absolute path",
        ),
        (
            f"pkcs11:object=o;{SECRET}?{MODULE}",
            "the pkcs11 address has an attribute that is not known here",
        ),
        (
            f"pkcs11:object=o?{MODULE}&pin-value={SECRET}",
            "the pkcs11 address has a pin-value, and no secret may stand there",
        ),
        (
            f"pkcs11:object=o;pin-value={SECRET}?{MODULE}",
            "the pkcs11 address has a pin-value, and no secret may stand there",
        ),
    ],
)
def test_an_address_that_cannot_be_meant_is_named_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(BadSettings) as refusal:
        reference(text)

    assert str(refusal.value) == f"signing_key: {said}"
    assert SECRET not in f"{refusal.value} {refusal.value.hint}"


def test_two_pins_are_one_too_many() -> None:
    with pytest.raises(BadSettings) as refusal:
        reference(f"pkcs11:object=o?{MODULE}&pin-source=/pin", Variable("PIN"))

    assert str(refusal.value) == (
        "signing_key has a pin-source, and there is a passphrase_file or passphrase_env: "
        "keep one of them"
    )


@pytest.mark.parametrize(
    ("file", "variable", "secret"),
    [
        (None, None, None),
        ("secret", None, BASE / "secret"),
        ("/run/secret", None, Path("/run/secret")),
        ("credential:secret", None, Credential("secret")),
        (None, "SECRET", Variable("SECRET")),
    ],
)
def test_a_passphrase_is_named_and_never_given(
    file: str | None, variable: str | None, secret: Secret | None
) -> None:
    assert secret_reference(file, variable, BASE, named="settings") == secret


def test_a_passphrase_comes_from_its_file_without_the_line_break(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" corr\xe4ct horse \r\n")

    assert read_secret(tmp_path / "secret") == b" corr\xe4ct horse "


def test_a_passphrase_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLY_SECRET", "Straße")

    assert read_secret(Variable("TALLY_SECRET")) == "Straße".encode()


def test_a_passphrase_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLY_SECRET", raising=False)
    (tmp_path / "empty").write_text("\n")
    expected: dict[Secret, str] = {
        Variable("TALLY_SECRET"): "the environment variable TALLY_SECRET holds no passphrase",
        tmp_path / "empty": f"'{tmp_path / 'empty'}' holds no passphrase",
        tmp_path / "no": f"cannot read the passphrase in '{tmp_path / 'no'}': "
        "no such file or directory",
    }

    for secret, said in expected.items():
        with pytest.raises(KeyUnusable) as refusal:
            read_secret(secret)

        assert str(refusal.value) == said


def test_a_key_and_its_passphrase_are_opened_together(tmp_path: Path) -> None:
    made = create_key(tmp_path / "key.pem", passphrase=b"correct horse")
    (tmp_path / "secret").write_text("correct horse\n")

    signer = open_signer(KeyReference("key.pem", tmp_path / "key.pem", tmp_path / "secret"))

    assert signer.public_key.key_id == made.public_key.key_id


def test_credentials_are_found_where_systemd_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    made = create_key(tmp_path / "signing-key", passphrase=b"correct horse")
    (tmp_path / "signing-key").chmod(0o440)
    (tmp_path / "secret").write_text("correct horse\n")

    signer = open_signer(reference("credential:signing-key", Credential("secret")))

    assert signer.public_key.key_id == made.public_key.key_id


def test_without_systemd_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(KeyUnusable) as refusal:
        open_signer(reference("credential:signing-key"))

    assert str(refusal.value) == (
        "nobody has handed out 'credential:signing-key': "
        "the environment has no CREDENTIALS_DIRECTORY"
    )
    assert refusal.value.hint == (
        "Let systemd start this, with LoadCredential=signing-key:FILE in the unit."
    )


def test_a_credential_that_was_not_handed_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(KeyUnusable) as refusal:
        open_signer(reference("credential:signing-key"))

    file = os.fspath(tmp_path / "signing-key")
    assert str(refusal.value) == f"there is no signing key {file!r}"


def test_a_key_that_is_absent_says_why_when_it_is_needed() -> None:
    signer = AbsentSigner(KeyUnusable("it is lost"))

    with pytest.raises(KeyUnusable, match="it is lost"):
        signer.sign(b"message")
    with pytest.raises(KeyUnusable, match="it is lost"):
        _ = signer.public_key


@pytest.mark.parametrize(
    ("text", "secret", "lines"),
    [
        ("key.pem", None, ("/srv/tally/key.pem", None, None)),
        ("key.pem", Path("/run/secret"), ("/srv/tally/key.pem", "/run/secret", None)),
        ("credential:key", Credential("pass"), ("credential:key", "credential:pass", None)),
        ("credential:key", Variable("PASS"), ("credential:key", None, "PASS")),
    ],
)
def test_a_reference_says_what_stands_in_the_settings(
    text: str, secret: Secret | None, lines: tuple[str | None, ...]
) -> None:
    names = ("signing_key", "passphrase_file", "passphrase_env")

    assert reference(text, secret).settings == dict(zip(names, lines, strict=True))
