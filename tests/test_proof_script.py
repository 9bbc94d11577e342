"""verify.sh, which checks a proof with bash, openssl and xxd: what it accepts, what it refuses."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.builders import ORIGIN, a_key
from tests.forged_proofs import (
    FORGERIES,
    NOT_BY_US,
    STRANGER,
    Forgery,
    a_proof_zip,
    with_note,
)
from warehouse.keys import ECDSA_P256, ED25519

pytestmark = pytest.mark.slow


def unpacked(members: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def check(folder: Path, *words: str | Path, **env: str) -> tuple[int, list[str]]:
    """Run the script; return its exit code and what it said, line by line."""
    done = subprocess.run(
        ["bash", folder / "verify.sh", *words],
        cwd="/",
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The public key, from elsewhere."""
    path = tmp_path / "the key.pem"
    path.write_text(a_key().public_key.pem)
    return path


def verdict(members: Mapping[str, bytes], tmp_path: Path, key: Path) -> tuple[int, str]:
    """The script's exit code, and the line that it stopped with."""
    code, lines = check(unpacked(members, tmp_path / "a proof"), key)
    return code, next((line for line in lines if line.startswith("FAILED")), lines[-1])


PROVED = "of the log under the checkpoint. That the database told the truth, nothing proves."


def test_the_script_says_what_it_has_found(tmp_path: Path, key: Path) -> None:
    code, lines = check(unpacked(a_proof_zip(11, 6), tmp_path / "proof"), key)

    assert (code, lines) == (
        0,
        [
            f"ok      key: Ed25519, {a_key().public_key.key_id}",
            "ok      record: signed by this key",
            f"ok      place: record 6 of {ORIGIN}",
            "ok      path: leads from the record to the root over 11 records",
            "ok      checkpoint: signed by this key",
            "",
            "A snapshot of prod, taken at 2026-11-23T02:00:00.000Z.",
            f"The holder of the key signed record 6 of {ORIGIN}, and it is one of the 11 records",
            PROVED,
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [ED25519, ECDSA_P256])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17])
def test_the_script_accepts_every_record(size: int, algorithm: str, tmp_path: Path) -> None:
    signer = a_key(1, algorithm)
    key = tmp_path / "key.pem"
    key.write_text(signer.public_key.pem)
    indexes = range(size) if algorithm == ED25519 else {0, size // 2, size - 1}

    verdicts = {
        index: check(unpacked(a_proof_zip(size, index, signer), tmp_path / str(index)), key)[0]
        for index in indexes
    }

    assert verdicts == dict.fromkeys(indexes, 0)


@pytest.mark.slow
def test_the_script_needs_bash_openssl_and_xxd_only(tmp_path: Path, key: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "openssl", "xxd", "rm"):
        (tools / name).symlink_to(shutil.which(name) or "")
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    folder = unpacked(a_proof_zip(11, 6), tmp_path / "proof")
    code, lines = check(folder, key, PATH=str(tools), TMPDIR=str(scratch))

    assert (code, lines[-1]) == (0, PROVED)
    assert list(scratch.iterdir()) == []


def test_a_key_out_of_the_same_zip_proves_nothing(tmp_path: Path) -> None:
    code, lines = check(unpacked(a_proof_zip(11, 6), tmp_path / "proof"))

    assert code == 3
    assert lines[-4:] == [
        "WARNING: PROVES NOTHING YET. The key came out of the same archive as the record, and",
        "whoever made the archive can have put in any key. Get the public key by another way:",
        "",
        "    bash verify.sh PUBLIC_KEY.pem",
    ]


def test_a_proof_all_made_up_by_a_stranger_is_refused(tmp_path: Path, key: Path) -> None:
    forged = a_proof_zip(11, 6, STRANGER)

    assert verdict(forged, tmp_path, key) == (
        1,
        f"FAILED  key: the record names another one than {a_key().public_key.key_id} "
        "(compare with key.pem)",
    )
    forged["key.pem"] = a_key().public_key.pem.encode()
    assert verdict(forged, tmp_path, key) == (1, "FAILED  record: not signed by this key")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forgery", "line"),
    [pytest.param(forgery, line, id=did) for did, forgery, line in FORGERIES],
)
def test_the_script_says_what_is_wrong(
    forgery: Forgery, line: str, tmp_path: Path, key: Path
) -> None:
    members = a_proof_zip(11, 6)
    forgery(members)

    assert verdict(members, tmp_path, key) == (1, f"FAILED  {line}")


def test_the_key_decides_the_algorithm(tmp_path: Path) -> None:
    curve = a_key(1, ECDSA_P256).public_key
    key = tmp_path / "curve.pem"
    key.write_text(curve.pem)
    members = a_proof_zip(11, 6)

    assert verdict(members, tmp_path, key) == (
        1,
        f"FAILED  key: the record names another one than {curve.key_id} (compare with key.pem)",
    )
    members["key.pem"] = curve.pem.encode()
    assert verdict(members, tmp_path, key) == (1, "FAILED  record: not signed by this key")


def test_a_line_of_somebody_else_is_ignored(tmp_path: Path, key: Path) -> None:
    members = a_proof_zip(11, 6)
    with_note(lambda note: note + NOT_BY_US + NOT_BY_US.replace(ORIGIN, "example.com/w"))(members)

    assert verdict(members, tmp_path, key) == (0, PROVED)


def test_a_timestamp_of_another_checkpoint_is_refused(tmp_path: Path, key: Path) -> None:
    members = a_proof_zip(11, 6)
    members["anchors/tsa/0123.note"] = members["checkpoint.note"] + b"x"

    note = tmp_path / "a proof" / "anchors/tsa/0123.note"
    assert verdict(members, tmp_path, key) == (1, f"FAILED  anchor: {note} is another checkpoint")


@pytest.mark.parametrize(
    ("content", "name"),
    [("", "empty"), ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged")],
)
def test_a_file_that_is_no_public_key_is_refused(content: str, name: str, tmp_path: Path) -> None:
    key = tmp_path / name
    key.write_text(content)

    found = verdict(a_proof_zip(11, 6), tmp_path, key)

    reason = f"{key} is no public key in PEM form, Ed25519 or ECDSA P-256"
    assert found == (1, f"FAILED  key: {reason}")


def test_what_is_not_there_cannot_be_checked(tmp_path: Path, key: Path) -> None:
    folder = unpacked(a_proof_zip(11, 6), tmp_path / "proof")
    (folder / "record.sig").unlink()

    assert check(folder, key) == (2, [f"error: there is no file {folder}/record.sig"])
    assert check(folder, tmp_path / "none.pem") == (
        2,
        [f"error: there is no file {tmp_path}/none.pem"],
    )


def test_an_openssl_that_is_too_old_is_refused(tmp_path: Path, key: Path) -> None:
    old = tmp_path / "openssl"
    old.write_text("#!/bin/sh\necho LibreSSL 3.3.6\n")
    old.chmod(0o755)

    found = check(unpacked(a_proof_zip(11, 6), tmp_path / "proof"), key, OPENSSL=str(old))

    reason = "expected OpenSSL 3 or newer, found LibreSSL 3.3.6; name another with OPENSSL="
    assert found == (2, [f"error: {reason}"])
