"""Changes of keys on the disk: which file is where, and what a kill at any write leaves."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from etl.init import NewKeys, init, new_sources
from etl.journal import STATE_FILE, read_journal
from etl.keys.history import key_history
from etl.keys.reference import Variable
from etl.keys.succession import (
    InPlace,
    change_key,
    signer_in_force,
    successor_of,
)
from etl.run import open_log
from etl.settings import Settings, load_settings
from etl.signing import create_key, load_key
from tests.builders import a_reading
from tests.command import environment
from tests.histories import ORIGIN, History, a_history
from warehouse.errors import BadInput, CannotStore, KeyUnusable
from warehouse.keys import parse_vkey, read_public_key
from warehouse.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "postgresql://me@127.0.0.1/unleash"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=NOWHERE)


def settings_of(history: History) -> Settings:
    return load_settings(history.folder / "tallybook.toml")


def rotated(history: History) -> str:
    """Rotate in place; return the id of the new key."""
    settings = settings_of(history)
    change_key(settings, open_log(settings), InPlace(settings.signing_key))
    return load_key(history.key).public_key.key_id


def files(history: History) -> set[str]:
    """Name the files of keys, those in the state and those beside the settings."""
    return {path.name for path in history.state.glob("signing-key*")} | {
        path.name for path in history.folder.glob("ledger*")
    }


def in_force(history: History) -> str:
    return read_journal(history.state / STATE_FILE).memory.key_id


def test_the_new_key_takes_the_place_of_the_old_one(history: History) -> None:
    old = load_key(history.key).public_key.key_id

    new = rotated(history)

    retired = history.state / f"signing-key.pem.retired-{old[:8]}"
    assert new != old
    assert in_force(history) == new
    assert load_key(retired).public_key.key_id == old
    assert files(history) == {
        *("signing-key.pem", retired.name, "ledger.pub.pem", "ledger.vkey"),
        *("ledger-2.pub.pem", "ledger-2.vkey"),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in history.state.glob("*.pem*")} == {0o600}


def test_auditors_go_on_trusting_the_first_key(history: History) -> None:
    first = read_public_key(history.folder / "ledger.pub.pem").key_id

    keys = [first, rotated(history), rotated(history)]

    assert read_public_key(history.folder / "ledger.pub.pem").key_id == first
    for number, key_id in enumerate(keys[1:], start=2):
        pem = read_public_key(history.folder / f"ledger-{number}.pub.pem")
        line = (history.folder / f"ledger-{number}.vkey").read_text()
        origin, key = parse_vkey(line.rstrip("\n"), named="ledger.vkey")
        assert (pem.key_id, origin, key.key_id) == (key_id, ORIGIN, key_id)


def test_public_halves_are_named_after_the_one_in_the_settings(history: History) -> None:
    (history.folder / "ledger.pub.pem").rename(history.folder / "audit.pem")
    history.set(public_key="audit.pem")

    rotated(history)

    assert {path.name for path in history.folder.glob("audit*")} == {
        *("audit.pem", "audit-2.pub.pem", "audit-2.vkey")
    }


def test_the_new_key_is_of_the_same_kind_unless_another_is_named(history: History) -> None:
    settings = settings_of(history)
    for algorithm in ("ecdsa-p256-sha256", None, "ed25519"):
        change_key(settings, open_log(settings), InPlace(settings.signing_key, algorithm))

    kinds = [term.key.algorithm for term in key_history(Ledger(history.warehouse), ORIGIN).terms]
    assert kinds == ["ed25519", "ecdsa-p256-sha256", "ecdsa-p256-sha256", "ed25519"]


def test_the_new_key_has_the_passphrase_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_SECRET", "correct horse")
    history = locked(tmp_path)
    settings = settings_of(history)

    change_key(settings, open_log(settings), InPlace(settings.signing_key))

    assert load_key(history.key, b"correct horse").public_key.key_id == in_force(history)
    with pytest.raises(KeyUnusable, match="has a passphrase, and none was given"):
        load_key(history.key)


def locked(folder: Path) -> History:
    """A history whose key has a passphrase, in the environment."""
    history = History(folder / "tally")
    sources = new_sources([f"prod={NOWHERE}"], [])
    init(history.folder, sources, ORIGIN, NewKeys(passphrase=Variable("TALLY_SECRET")))
    return history


def test_a_key_in_force_is_never_replaced_for_want_of_its_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_SECRET", "correct horse")
    history = locked(tmp_path)
    waiting = history.key.rename(history.state / "signing-key.pem.next").read_bytes()
    monkeypatch.delenv("TALLY_SECRET")

    with pytest.raises(KeyUnusable, match="holds no passphrase"):
        InPlace(settings_of(history).signing_key).make("ed25519")

    assert (history.state / "signing-key.pem.next").read_bytes() == waiting


@pytest.mark.slow
def test_a_rotation_killed_at_any_write_heals(history: History, tmp_path: Path) -> None:
    first = in_force(history)
    places = tmp_path / "killed"

    driver = subprocess.run(
        [sys.executable, "-m", "tests.killed_rotation", history.folder, places],
        cwd=ROOT,
        env=environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    told = json.loads(driver.stdout)
    assert (told["whole"], driver.stderr) == (True, "")
    assert [about for about in told["killed_before"] if "signing-key" in about] == [
        "os.remove signing-key.pem.next",
        "open signing-key.pem.next",
        "os.link signing-key.pem",
        "os.rename signing-key.pem.next",
    ]
    outcomes = [healed(History(places / str(n)), first) for n in range(len(told["killed_before"]))]
    assert sorted(outcomes) == outcomes
    assert set(outcomes) == {False, True}


def healed(history: History, first: str) -> bool:
    """Go on after a kill; whether the rotation had happened."""
    before = [record.payload for record in Ledger(history.warehouse).records()]

    log = open_log(settings_of(history))
    size = log.heal()
    (record,) = log.append([a_reading()])

    assert record.key_id == in_force(history) == load_key(history.key).public_key.key_id
    happened = record.key_id != first
    assert size == 1 + happened
    records = list(log.ledger.records())
    assert [each.payload for each in records[: len(before)]] == before
    assert len(list(log.ledger.checkpoints(ORIGIN, 0))) == 2 + happened
    if happened:
        retired = load_key(history.state / f"signing-key.pem.retired-{first[:8]}")
        assert retired.public_key.key_id == first
        assert read_public_key(history.folder / "ledger-2.pub.pem").key_id == record.key_id
        assert not (history.state / "signing-key.pem.next").exists()
    assert rotated(history) == in_force(history)
    assert not (history.state / "signing-key.pem.next").exists()
    return happened


def test_what_is_left_of_a_change_that_never_was_is_replaced(history: History) -> None:
    left = create_key(history.state / "signing-key.pem.next").public_key.key_id
    old = in_force(history)

    assert signer_in_force(settings_of(history)).public_key.key_id == old
    assert rotated(history) not in {left, old}


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nMC4C"])
def test_half_a_key_of_a_change_that_never_was_is_in_nobodys_way(
    history: History, content: bytes
) -> None:
    (history.state / "signing-key.pem.next").write_bytes(content)

    assert open_log(settings_of(history)).heal() == 1
    assert rotated(history) == in_force(history)


def test_a_change_that_was_cut_off_is_finished_where_the_old_key_is_gone(history: History) -> None:
    rotated(history)
    key, waiting = history.key, history.state / "signing-key.pem.next"
    key.rename(waiting)

    signer = signer_in_force(settings_of(history))

    assert signer.public_key.key_id == in_force(history)
    assert (key.exists(), waiting.exists()) == (True, False)


def test_a_damaged_warehouse_keeps_no_key_away(history: History) -> None:
    rotated(history)
    history.key.rename(history.state / "signing-key.pem.next")
    (history.folder / "ledger-2.pub.pem").unlink()
    (file, *_) = (history.warehouse / "hot").rglob("*.parquet")
    file.write_bytes(b"garbage")

    assert signer_in_force(settings_of(history)).public_key.key_id == in_force(history)


def test_a_public_half_that_cannot_be_written_keeps_no_key_away(history: History) -> None:
    in_the_way = history.folder / ".ledger-2.pub.pem.draft"
    in_the_way.mkdir()

    with pytest.raises(CannotStore):
        rotated(history)
    (record,) = open_log(settings_of(history)).append([a_reading()])
    in_the_way.rmdir()
    third = rotated(history)

    second = read_public_key(history.folder / "ledger-2.pub.pem").key_id
    assert record.key_id == second
    assert read_public_key(history.folder / "ledger-3.pub.pem").key_id == third


def test_a_key_elsewhere_has_to_be_named_before_anything_more_is_signed(
    history: History, tmp_path: Path
) -> None:
    other = create_key(tmp_path / "other.pem").public_key.key_id
    settings = settings_of(history)
    before = files(history)

    change = change_key(
        settings, open_log(settings), successor_of(settings, str(tmp_path / "other.pem"), None)
    )

    assert in_force(history) == other
    assert files(history) == before | {"ledger-2.pub.pem", "ledger-2.vkey"}
    assert change.retired is None
    assert change.settings == {"signing_key": str(tmp_path / "other.pem")}
    with pytest.raises(KeyUnusable, match=r"^the key in force of "):
        open_log(settings).append([a_reading()])
    history.set(signing_key=change.settings["signing_key"])
    (record,) = open_log(settings_of(history)).append([a_reading()])
    assert record.key_id == other


def test_the_settings_are_told_what_opens_the_other_key(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_SECRET", "correct horse")
    other = tmp_path / "other.pem"
    create_key(other, passphrase=b"correct horse")
    settings = settings_of(history)
    successor = successor_of(settings, str(other), None, Variable("TALLY_SECRET"))

    change = change_key(settings, open_log(settings), successor)

    assert change.settings == {"signing_key": str(other), "passphrase_env": "TALLY_SECRET"}
    history.set(**change.settings)
    assert open_log(settings_of(history)).append([a_reading()])


def test_a_passphrase_that_the_other_key_does_without_is_taken_out(
    history: History, tmp_path: Path
) -> None:
    history.set(passphrase_file="secret")
    settings = settings_of(history)
    token = f"pkcs11:object=o?module-path=/m&pin-source={tmp_path / 'pin'}"

    successor = successor_of(settings, token, None)

    assert successor.settings(settings.signing_key) == {
        "signing_key": token,
        "passphrase_file": None,
    }


@pytest.mark.parametrize(
    ("to", "algorithm", "passphrase", "said"),
    [
        (None, None, Variable("X"), "a passphrase can be given only for a key that --to names"),
        (
            "other.pem", "ed25519", None,
            "--algorithm is for a new key, and --to names one that is there",
        ),
    ],
)  # fmt: skip
def test_a_successor_that_cannot_be_meant_is_refused(
    history: History, to: str | None, algorithm: str | None, passphrase: Variable | None, said: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        successor_of(settings_of(history), to, algorithm, passphrase)

    assert str(refusal.value) == said


def test_a_key_that_is_no_file_is_not_replaced_by_one(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(history.state))
    history.set(signing_key="credential:signing-key.pem")
    settings = settings_of(history)

    with pytest.raises(BadInput) as refusal:
        change_key(settings, open_log(settings), InPlace(settings.signing_key))

    assert str(refusal.value) == (
        "the signing key is no file that could be replaced: credential:signing-key.pem"
    )
    assert refusal.value.hint == "Make another key where that one is, and name it: --to REF"
