"""A history through all changes of its keys, by commands only, with passphrases everywhere."""

import shutil
import subprocess
from pathlib import Path

import pytest

from etl.keys.succession import InPlace, change_key
from etl.run import open_log, take_snapshots
from etl.settings import load_settings
from etl.signing import load_key
from tests.command import Ran, tallybook
from tests.histories import ORIGIN, History, a_history
from tests.key_holders import short_id, shown, signers
from tests.readers import Reader
from warehouse.keys import ALGORITHMS, read_public_key
from warehouse.ledger import Ledger
from warehouse.record import Record

pytestmark = pytest.mark.slow


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_history_through_all_changes_of_its_keys(
    reader: Reader, tmp_path: Path, algorithm: str
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "offline").write_text("battery staple\n")
    made = tallybook(
        *("init", "tally", "--source", f"prod={reader.url}", "--origin", ORIGIN),
        *("--algorithm", algorithm, "--passphrase-file", "secret"),
        cwd=tmp_path,
    )
    assert made.code == 0
    history = History(tmp_path / "tally")

    def run(*words: str | Path) -> Ran:
        ran = history.run(*map(str, words))
        assert ran.code == 0, ran.err
        return ran

    offline = ("--passphrase-file", tmp_path / "offline")
    run("snapshot")
    run("keys", "recovery", "--create", tmp_path / "recovery.pem", *offline)
    run("snapshot")
    run("keys", "rotate")
    run("snapshot")
    stolen = short_id(history.key, b"correct horse")
    recovery = ("--recovery-key", tmp_path / "recovery.pem", *offline)
    run("keys", "revoke", stolen, *recovery)
    run("snapshot")
    run("keys", "rotate", "--algorithm", "ed25519")
    run("snapshot")

    (first, *_), (second, *_), (third, *_), (fourth, *_) = shown(history)
    held = short_id(tmp_path / "recovery.pem", b"battery staple")
    assert signers(history) == [first] * 5 + [second, held] + [third] * 2 + [fourth]
    assert stolen == second
    assert history.verdict() == (0, "intact")
    copy = tallybook(
        *("verify", "--warehouse", history.warehouse),
        *("--trust", history.folder / "ledger.pub.pem"),
        cwd=tmp_path,
    )
    assert copy.code == 3
    assert copy.out.startswith("The history is intact as far as it goes.\n10 records of 1 log(s), ")
    records = list(Ledger(history.warehouse).records())
    keys = [history.folder / f"ledger{number}.pub.pem" for number in ("", "-2", "-3", "-4")]
    assert openssl_accepts(keys[0], records[4], tmp_path)
    assert openssl_accepts(tmp_path / "recovery.pub.pem", records[6], tmp_path)
    assert openssl_accepts(keys[3], records[9], tmp_path)
    assert not openssl_accepts(keys[1], records[9], tmp_path)


def openssl_accepts(key: Path, record: Record, folder: Path) -> bool:
    """Let openssl check a record's signature."""
    (folder / "payload").write_bytes(record.payload)
    (folder / "signature").write_bytes(record.signature)
    words = "pkeyutl -verify -rawin -pubin -sigfile signature -in payload -inkey"
    digest = ["-digest", "sha256"] * (read_public_key(key).algorithm != "ed25519")
    done = subprocess.run(
        ["openssl", *words.split(), str(key), *digest], cwd=folder, capture_output=True, check=False
    )
    return done.stdout == b"Signature Verified Successfully\n"


def test_keys_may_change_while_a_source_is_read(reader: Reader, tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    settings = load_settings(history.folder / "tallybook.toml")

    def rotate_meanwhile(_source: str, what: str) -> None:
        if what.startswith("reading"):
            change_key(settings, open_log(settings), InPlace(settings.signing_key))

    (outcome,) = take_snapshots(settings, ["prod"], tell=rotate_meanwhile)

    assert outcome.record is not None
    assert outcome.record.key_id == load_key(history.key).public_key.key_id
    assert len(shown(history)) == 2
