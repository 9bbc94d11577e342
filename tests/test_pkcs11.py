"""A key that never leaves its token: a whole history signed by SoftHSM, checked by others."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etl.keys.change import rotate
from etl.keys.opening import open_signer
from etl.keys.reference import key_reference
from etl.log import SigningLog
from etl.signing import Signer
from tests.builders import ORIGIN, History, a_key
from tests.command import environment
from tests.histories import History as Tally
from tests.histories import a_history
from warehouse.errors import KeyUnusable
from warehouse.ledger import Ledger
from warehouse.note import parse_checkpoint

softhsm2_util = shutil.which("softhsm2-util")
MODULES = [
    path
    for folder in ("usr/lib*/softhsm", "usr/lib/*/softhsm", "usr/lib64/pkcs11", "opt/*/lib/softhsm")
    for path in Path("/").glob(f"{folder}/libsofthsm2.so")
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(softhsm2_util is None, reason="there is no softhsm2-util here"),
]

ROOT = Path(__file__).resolve().parent.parent
PIN = "1234"
NOWHERE = "postgresql://me@127.0.0.1/unleash"
VERIFY = "pkeyutl -verify -rawin -digest sha256 -pubin -inkey pub.pem -sigfile sig -in payload"


@dataclass(frozen=True)
class SoftToken:
    """A token of SoftHSM; the keys in it were made by somebody else, as an HSM's are."""

    folder: Path

    def address(self, key: str = "token=tally;object=signing") -> str:
        return f"pkcs11:{key}?module-path={MODULES[0]}&pin-source={self.folder / 'pin'}"

    def open(self, key: str = "token=tally;object=signing") -> Signer:
        return open_signer(key_reference(self.address(key), Path("/"), named="signing_key"))

    def keep(self, key: ec.EllipticCurvePrivateKey, label: str, number: str, *more: str) -> None:
        """Put a key into the token."""
        file = self.folder / f"{label}.pem"
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        softhsm("--import", file, "--token", "tally", "--label", label, "--id", number,
                "--pin", PIN, *more)  # fmt: skip
        file.unlink()


def softhsm(*words: str | Path) -> None:
    subprocess.run([str(softhsm2_util), *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    """Two keys in one token, and another that is empty."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    (folder / "pin").write_text(f"{PIN}\n")
    with pytest.MonkeyPatch.context() as patch:
        # SoftHSM reads this once in a process, when it is loaded.
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        for label in ("tally", "empty"):
            softhsm(
                "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", PIN
            )
        made = SoftToken(folder)
        made.keep(ec.generate_private_key(ec.SECP256R1()), "signing", "01")
        made.keep(ec.generate_private_key(ec.SECP256R1()), "next", "02ff")
        made.keep(ec.generate_private_key(ec.SECP384R1()), "larger", "03")
        made.keep(ec.generate_private_key(ec.SECP256R1()), "half", "04", "--no-public-key")
        yield made


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    return a_history(tmp_path / "tally", prod=NOWHERE)


def begun(folder: Path, signer: Signer) -> History:
    """A history that somebody else's signer has begun."""
    ledger = Ledger(folder / "history")
    ledger.create()
    log = SigningLog(ORIGIN, ledger, signer, folder, "tallybook/test")
    log.begin()
    return History(ledger.layout.root, log, a_key())


def test_a_whole_history_is_signed_in_the_token(token: SoftToken, tmp_path: Path) -> None:
    signer = token.open()
    key = signer.public_key
    history = begun(tmp_path, signer)
    history.take_days(3)

    records = list(history.ledger.records())

    assert key.algorithm == "ecdsa-p256-sha256"
    assert [key.verifies(record.signature, record.payload) for record in records] == [True] * 4
    notes = [parse_checkpoint(text).note for text in history.ledger.checkpoints(ORIGIN, 0)]
    assert [key.signed(note, ORIGIN) for note in notes] == [True] * 4
    assert history.verify(key).findings == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_openssl_accepts_what_the_token_signed(token: SoftToken, tmp_path: Path) -> None:
    (record,) = begun(tmp_path, token.open()).take()
    (tmp_path / "pub.pem").write_text(token.open().public_key.pem)
    (tmp_path / "sig").write_bytes(record.signature)

    said = [
        openssl_says(tmp_path, payload)
        for payload in (record.payload, record.payload.replace(b'"users":120', b'"users":121'))
    ]

    assert said == [
        (0, "Signature Verified Successfully\n"),
        (1, "Signature Verification Failure\n"),
    ]


def openssl_says(folder: Path, payload: bytes) -> tuple[int, str]:
    (folder / "payload").write_bytes(payload)
    done = subprocess.run(
        ["openssl", *VERIFY.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_a_log_moves_from_a_file_into_the_token_and_on_to_its_next_key(
    token: SoftToken, tmp_path: Path
) -> None:
    history = begun(tmp_path, a_key())
    for successor in (token.open(), token.open("token=tally;object=next")):
        rotate(history.log, successor)
        history = replace(history, log=replace(history.log, signer=successor))
    history.take()

    by = [record.key_id for record in history.ledger.records()]

    signers = (a_key(), token.open(), token.open("token=tally;object=next"))
    first, second, third = (signer.public_key.key_id for signer in signers)
    assert by == [first, first, second, third]
    assert history.verify(a_key().public_key).findings == []


@pytest.mark.parametrize(
    ("key", "same_as"),
    [
        ("token=tally;id=%01", "token=tally;object=signing"),
        ("token=tally;object=signing;id=%01;type=private", "token=tally;object=signing"),
        ("token=tally;id=%02%ff", "token=tally;object=next"),
    ],
)
def test_a_key_is_found_by_its_label_or_its_id(token: SoftToken, key: str, same_as: str) -> None:
    assert token.open(key).public_key == token.open(same_as).public_key


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("token=tally;object=nothing", "token 'tally' of {} gives no pair of keys"),
        ("token=tally;id=%02", "token 'tally' of {} gives no pair of keys"),
        ("token=tally;object=half", "token 'tally' of {} gives no pair of keys"),
        ("token=empty;object=signing", "token 'empty' of {} gives no pair of keys"),
        ("token=other;object=signing", "expected one token 'other' of {}, found 0"),
        ("slot-id=99;object=signing", "expected one token of {}, found 0"),
        ("object=signing", "expected one token of {}, found 2"),
    ],
)
def test_a_key_that_is_not_there_is_named(token: SoftToken, key: str, said: str) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        token.open(key)

    more = "" if "found" in said else " to sign with: no such key"
    assert str(refusal.value) == said.format(repr(str(MODULES[0]))) + more


def test_a_key_on_another_curve_is_refused(token: SoftToken) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        token.open("token=tally;object=larger")

    assert str(refusal.value).endswith("expected an Ed25519 or ECDSA P-256 public key")


def test_a_library_that_is_not_there_is_named(token: SoftToken, tmp_path: Path) -> None:
    address = f"pkcs11:object=signing?module-path={tmp_path / 'lib.so'}"

    with pytest.raises(KeyUnusable) as refusal:
        open_signer(key_reference(address, Path("/"), named="signing_key"))

    assert str(refusal.value).startswith(f"token of '{tmp_path / 'lib.so'}' cannot be opened: ")


# In a process of its own: SoftHSM does not get over it.
WENT_AWAY = """
import os, sys, shutil
from pathlib import Path
from etl.keys.opening import open_signer
from etl.keys.reference import key_reference
signer = open_signer(key_reference(sys.argv[1], Path("/"), named="signing_key"))
shutil.rmtree(sys.argv[2])
signer.sign(b"message")
"""


def test_a_token_that_went_away_says_so(token: SoftToken, tmp_path: Path) -> None:
    shutil.copytree(token.folder / "tokens", tmp_path / "tokens")
    (tmp_path / "conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    command = [sys.executable, "-c", WENT_AWAY, token.address(), str(tmp_path / "tokens")]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment({"SOFTHSM2_CONF": str(tmp_path / "conf")}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.splitlines()[-1].startswith(
        f"warehouse.errors.KeyUnusable: token 'tally' of '{MODULES[0]}' does not sign: "
    )


def test_a_wrong_pin_is_told_and_not_shown(tally: Tally, token: SoftToken) -> None:
    (token.folder / "wrong").write_text("s3cr3t\n")
    address = token.address().replace("/pin", "/wrong")
    tally.set(signing_key=address)

    ran = tally.run("doctor")

    said = f"token 'tally' of '{MODULES[0]}' cannot be opened: pin incorrect"
    assert ran.code == 1
    assert " ".join(ran.out.split()).count(said) == 2
    assert "s3cr3t" not in ran.out + ran.err


def test_without_the_library_the_way_to_it_is_told(tally: Tally, token: SoftToken) -> None:
    tally.set(signing_key=token.address())
    program = "import sys; sys.modules['pkcs11'] = None; from schedules.cli import main; main()"

    ran = tally.run("keys", "rotate", program=program)

    assert (ran.code, ran.out) == (12, "")
    assert ran.err == (
        f"error: the signing key is in token 'tally' of '{MODULES[0]}', "
        "and nothing here can talk to one\n"
        "hint: uv tool install 'tallybook[pkcs11]'\n"
    )


def test_the_command_moves_a_log_into_the_token(
    tally: Tally, token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = token.address().partition("&")[0]
    pin = str(token.folder / "pin")

    moved = tally.run("keys", "rotate", "--to", address, "--passphrase-file", pin, "--json")
    lines = json.loads(moved.out)["settings"]
    tally.set(**lines)
    shown = tally.run("keys", "show", "--json")
    healthy = tally.run("doctor")
    replaced = tally.run("keys", "rotate")

    assert (moved.code, lines) == (0, {"signing_key": address, "passphrase_file": pin})
    in_force = json.loads(shown.out)["keys"][-1]
    assert in_force["key_id"] == token.open().public_key.key_id
    assert f"in token 'tally' of '{MODULES[0]}', with a passphrase" in healthy.out
    assert (replaced.code, replaced.out) == (2, "")
    assert tally.run("verify").code == 0
