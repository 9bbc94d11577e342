"""Whom a verifier trusts: the files that say so, and what follows for a log."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders import ORIGIN, a_key
from warehouse.checks.trust import Trust, Trusted, read_trust, trust_any
from warehouse.errors import KeyUnusable
from warehouse.keys import ECDSA_P256, PublicKey

OTHER = "example.com/other"
FIRST, SECOND = a_key(1).public_key, a_key(2).public_key
CURVE = a_key(3, ECDSA_P256).public_key


def written(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_text(content)
    return file


def refused(file: Path) -> tuple[str, str | None]:
    with pytest.raises(KeyUnusable) as refusal:
        read_trust([file])
    return str(refusal.value), refusal.value.hint


@pytest.mark.parametrize("key", [FIRST, CURVE])
def test_a_key_in_pem_is_trusted_for_any_log(tmp_path: Path, key: PublicKey) -> None:
    file = written(tmp_path, "ledger.pub.pem", key.pem)

    assert read_trust([file]) == Trust((Trusted(key),))


@pytest.mark.parametrize("key", [FIRST, CURVE])
def test_a_verifier_key_is_trusted_for_the_log_that_it_names(
    tmp_path: Path, key: PublicKey
) -> None:
    file = written(tmp_path, "ledger.vkey", f"{key.vkey(ORIGIN)}\n")

    assert read_trust([file]) == Trust((Trusted(key, ORIGIN),))


def test_a_file_may_hold_several_keys_with_remarks_between_them(tmp_path: Path) -> None:
    pem = written(tmp_path, "all.pem", f"Ours.\n{FIRST.pem}\nTheirs.\n{CURVE.pem}")
    lines = f"# by telephone\n\n  {FIRST.vkey(ORIGIN)}\n{SECOND.vkey(OTHER)}  \r\n"
    vkeys = written(tmp_path, "all.vkeys", lines)

    assert read_trust([pem, vkeys]) == Trust(
        (Trusted(FIRST), Trusted(CURVE), Trusted(FIRST, ORIGIN), Trusted(SECOND, OTHER))
    )


def test_a_key_may_be_trusted_for_several_logs() -> None:
    trust = Trust((Trusted(FIRST, ORIGIN), Trusted(FIRST, OTHER)))

    assert trust.origins == {ORIGIN, OTHER}
    assert (trust.of(ORIGIN), trust.of(OTHER)) == ([FIRST.key_id], [FIRST.key_id])


def test_a_key_for_any_log_counts_not_where_one_is_named() -> None:
    trust = Trust((Trusted(FIRST), Trusted(SECOND, ORIGIN)))

    assert trust.of(ORIGIN) == [SECOND.key_id]
    assert trust.of(OTHER) == [FIRST.key_id]


def test_who_names_all_logs_knows_no_other() -> None:
    named = Trust((Trusted(FIRST, ORIGIN),))

    assert (named.knows(ORIGIN), named.knows(OTHER)) == (True, False)
    assert trust_any([FIRST]).knows(OTHER)


def test_who_trusts_nobody_has_not_named_any_log() -> None:
    nobody = trust_any([])

    assert (nobody.of(ORIGIN), nobody.origins, nobody.by_id) == ([], frozenset(), {})
    assert nobody.knows(ORIGIN)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    message, hint = refused(tmp_path / "ledger.vkey")

    assert message == f"cannot read public key '{tmp_path}/ledger.vkey': no such file or directory"
    assert hint
    assert "another way" in hint


@pytest.mark.parametrize("content", ["", "# nothing\n", "\n\n"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    file = written(tmp_path, "trusted", content)

    message, hint = refused(file)

    assert message == f"'{file}' is not a public key in PEM form, and holds no verifier key"
    assert hint == (
        "Expected a file that begins with -----BEGIN PUBLIC KEY-----, or lines as in ledger.vkey."
    )


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "trusted"
    file.write_bytes(b"\xff\xfe\x00")

    assert refused(file)[0].endswith("and holds no verifier key")


@pytest.mark.parametrize(
    "line",
    [
        "something else",
        f"{ORIGIN}+deadbeef",
        f"+deadbeef+{FIRST.vkey(ORIGIN).split('+', 2)[2]}",
        f"{ORIGIN}+deadbeef+no base64",
    ],
)
def test_a_line_that_is_no_verifier_key_is_refused(tmp_path: Path, line: str) -> None:
    file = written(tmp_path, "trusted", f"{FIRST.vkey(ORIGIN)}\n{line}\n")

    assert refused(file)[0] == f"'{file}' has a line that is no verifier key"


def test_every_changed_sign_of_a_verifier_key_is_noticed(tmp_path: Path) -> None:
    line = FIRST.vkey(ORIGIN)
    file = tmp_path / "trusted"

    for place in range(len(line)):
        file.write_text(f"{line[:place]}{'x' if line[place] != 'x' else 'y'}{line[place + 1 :]}")
        with pytest.raises(KeyUnusable):
            read_trust([file])


def test_one_damaged_key_refuses_the_whole_file(tmp_path: Path) -> None:
    file = written(tmp_path, "all.pem", FIRST.pem + SECOND.pem.replace("MCow", "MCox"))

    assert refused(file)[0] == f"'{file}' is not a public key in PEM form"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (rsa.generate_private_key(65537, 2048).public_key(), "RSAPublicKey"),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), "on secp384r1"),
    ],
)
def test_a_key_that_signs_no_logs_is_refused(
    tmp_path: Path, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, kind: str
) -> None:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    file = written(tmp_path, "ledger.pub.pem", pem)

    message, _ = refused(file)

    assert re.fullmatch(rf"'.*' is a .*{kind}; expected an Ed25519 or ECDSA P-256 .*", message)


def test_a_private_key_is_no_key_to_trust(tmp_path: Path) -> None:
    file = written(tmp_path, "signing-key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n")

    assert refused(file)[0] == f"'{file}' is not a public key in PEM form"
