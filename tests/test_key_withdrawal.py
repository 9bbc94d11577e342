"""A stolen or lost key is withdrawn, by files: the recovery key, the settings, and what is left."""

from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.keys.change import Revocation
from etl.keys.files import create_pair, public_half_of
from etl.keys.reference import KeyReference, key_reference
from etl.keys.succession import (
    Change,
    InPlace,
    change_key,
    name_recovery_key,
    signer_or_absence,
    successor_of,
    withdraw_key,
)
from etl.run import open_log
from etl.settings import Settings, load_settings
from etl.signing import KeySigner, load_key
from tests.builders import a_reading
from tests.histories import History, a_history
from warehouse.errors import BadInput, KeyUnusable
from warehouse.keys import read_public_key
from warehouse.ledger import Ledger

NOWHERE = "postgresql://me@127.0.0.1/unleash"


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A history of a snapshot, and a recovery key beside it."""
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    log = open_log(settings_of(history))
    log.append([a_reading()])
    name_recovery_key(log, recovery_reference(history), "ed25519")
    return history


def settings_of(history: History) -> Settings:
    return load_settings(history.folder / "tallybook.toml")


def recovery_reference(history: History) -> KeyReference:
    return key_reference("recovery.pem", history.folder, named="FILE")


def recovery(history: History) -> KeySigner:
    return load_key(history.folder / "recovery.pem")


def in_force(history: History) -> str:
    return read_journal(history.state / STATE_FILE).memory.key_id


def withdraw(
    history: History, key_id: str, from_index: int | None = None, to: str | None = None
) -> Change:
    settings = settings_of(history)
    log = open_log(settings, signer_or_absence(settings))
    revocation = Revocation(key_id, recovery(history), from_index)
    return withdraw_key(settings, log, revocation, successor_of(settings, to, None))


def test_the_recovery_key_is_made_and_named(history: History) -> None:
    memory = read_journal(history.state / STATE_FILE).memory

    assert memory.recovery_id == recovery(history).public_key.key_id
    assert read_public_key(history.folder / "recovery.pub.pem").key_id == memory.recovery_id
    assert (history.folder / "recovery.pem").stat().st_mode & 0o777 == 0o600


def test_a_second_recovery_key_is_not_even_made(history: History) -> None:
    log = open_log(settings_of(history))
    another = key_reference("another.pem", history.folder, named="FILE")

    with pytest.raises(KeyUnusable, match="has a recovery key already"):
        name_recovery_key(log, another, "ed25519")

    assert list(history.folder.glob("another*")) == []


def test_a_recovery_key_that_is_there_is_named_and_not_made(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    made = create_pair(history.folder / "recovery.pem", "ecdsa-p256-sha256", None)

    name_recovery_key(open_log(settings_of(history)), recovery_reference(history), None)

    memory = read_journal(history.state / STATE_FILE).memory
    assert memory.recovery_id == made.public_key.key_id


def test_a_stolen_key_is_replaced_in_its_file(history: History) -> None:
    stolen = in_force(history)

    change = withdraw(history, stolen[:8], from_index=2)

    assert change.lost == 1
    assert change.retired == history.state / f"signing-key.pem.retired-{stolen[:8]}"
    assert load_key(history.key).public_key.key_id == in_force(history) != stolen
    (record,) = open_log(settings_of(history)).append([a_reading()])
    assert record.key_id == in_force(history)


def test_a_lost_key_is_replaced_in_its_file(history: History) -> None:
    lost = in_force(history)
    history.key.unlink()

    change = withdraw(history, lost)

    assert (change.lost, change.retired) == (0, None)
    assert load_key(history.key).public_key.key_id == in_force(history) != lost
    assert open_log(settings_of(history)).append([a_reading()])


def test_a_key_of_before_is_withdrawn_and_no_file_changes(history: History) -> None:
    settings = settings_of(history)
    old = in_force(history)
    change_key(settings, open_log(settings), InPlace(settings.signing_key))
    before = {path: path.read_bytes() for path in history.state.glob("*.pem*")}

    change = withdraw(history, old, from_index=1)

    assert (change.lost, change.retired, change.published) == (3, None, ())
    assert {path: path.read_bytes() for path in history.state.glob("*.pem*")} == before


def test_a_lost_key_is_missed_where_it_has_to_sign(history: History) -> None:
    settings = settings_of(history)
    old = in_force(history)
    change_key(settings, open_log(settings), InPlace(settings.signing_key))
    history.key.unlink()

    with pytest.raises(KeyUnusable) as refusal:
        withdraw(history, old)

    assert str(refusal.value) == f"there is no signing key '{history.key}'"
    assert len(list(Ledger(history.warehouse).records())) == 4


def test_what_withdraws_a_key_may_name_the_next_one(history: History, tmp_path: Path) -> None:
    other = create_pair(tmp_path / "other.pem", "ed25519", None).public_key.key_id

    change = withdraw(history, in_force(history), to=str(tmp_path / "other.pem"))

    assert in_force(history) == other
    assert change.settings == {"signing_key": str(tmp_path / "other.pem")}


def test_a_refused_withdrawal_makes_no_key(history: History) -> None:
    with pytest.raises(BadInput, match="the log has 3 records"):
        withdraw(history, in_force(history), from_index=99)

    assert not (history.state / "signing-key.pem.next").exists()


@pytest.mark.parametrize("name", ["key.pem", "key.pub.pem"])
def test_a_pair_of_keys_overwrites_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")

    with pytest.raises(BadInput) as refusal:
        create_pair(tmp_path / "key.pem", "ed25519", None)

    assert str(refusal.value) == f"'{tmp_path / name}' exists already; nothing was changed"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "public"),
    [("key.pem", "key.pub.pem"), ("key", "key.pub.pem"), ("a.b.pem", "a.b.pub.pem")],
)
def test_a_public_half_goes_beside_the_private_one(name: str, public: str) -> None:
    assert public_half_of(Path("keys") / name) == Path("keys") / public
