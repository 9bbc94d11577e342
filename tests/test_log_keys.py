"""The key of a log: only the one in force signs, and a change of it survives a crash."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, Journal, Signed, read_journal, write_journal
from etl.log import SigningLog, sign_checkpoint, sign_record
from etl.signing import KeySigner
from tests.builders import ORIGIN, History, a_history, a_key, a_key_change, a_reading
from warehouse.errors import KeyUnusable
from warehouse.keys import ALGORITHMS, ECDSA_P256, ED25519
from warehouse.note import parse_checkpoint
from warehouse.payload import Genesis
from warehouse.record import decode, encode

OURS, NEXT, STRANGER, RECOVERY = a_key(), a_key(2), a_key(66), a_key(9)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def journal_of(history: History) -> Path:
    return history.log.state / STATE_FILE


def signed_by(history: History, signer: KeySigner) -> SigningLog:
    """The same log with another key in the settings."""
    return replace(history.log, signer=signer)


def a_rotation(history: History, to: KeySigner, *more: KeySigner) -> Signed:
    """A change to another key, signed as it has to be; `more` sign the head as well."""
    memory = read_journal(journal_of(history)).memory
    payload = encode(a_key_change(to, index=memory.size))
    record = sign_record(payload, history.signer)
    head = sign_checkpoint(memory.after(payload), history.signer, to, *more)
    return Signed((record,), head)


def rotate(history: History, to: KeySigner) -> Signed:
    rotation = a_rotation(history, to)
    with history.log.turn() as memory:
        history.log.publish_signed(memory, rotation)
    return rotation


def checkpoints_of(history: History) -> list[str]:
    return list(history.ledger.checkpoints(ORIGIN, 0))


def test_a_log_names_its_recovery_key_and_its_schedule(tmp_path: Path) -> None:
    history = a_history(tmp_path, recovery_key=RECOVERY.public_key, schedule="0 2 * * *")

    (genesis,) = (decode(record.payload) for record in history.ledger.records())

    assert isinstance(genesis, Genesis)
    assert (genesis.recovery_key, genesis.schedule) == (
        RECOVERY.public_key.spki_base64,
        "0 2 * * *",
    )
    assert read_journal(journal_of(history)).memory.recovery_id == RECOVERY.public_key.key_id


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_log_is_signed_by_a_key_of_either_algorithm(tmp_path: Path, algorithm: str) -> None:
    history = a_history(tmp_path, algorithm=algorithm)
    history.take_days(2)

    genesis, *records = history.ledger.records()

    content = decode(genesis.payload)
    assert isinstance(content, Genesis)
    assert content.algorithm == algorithm
    assert all(history.key.verifies(r.signature, r.payload) for r in (genesis, *records))
    assert {record.key_id for record in records} == {history.key.key_id}
    notes = [parse_checkpoint(note).note for note in checkpoints_of(history)]
    assert [history.key.signed(note, ORIGIN) for note in notes] == [True] * 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_a_crash_left_is_signed_again(tmp_path: Path, algorithm: str) -> None:
    history = a_history(tmp_path, algorithm=algorithm)
    (before,) = history.take()
    history.files()[-1].unlink()
    history.ledger.layout.checkpoints.unlink()

    history.log.heal()

    _, again = history.ledger.records()
    assert again.payload == before.payload
    assert history.key.verifies(again.signature, again.payload)
    assert len(checkpoints_of(history)) == 2


@pytest.mark.parametrize("other", [STRANGER, a_key(1, ECDSA_P256)], ids=ALGORITHMS)
def test_another_key_than_the_one_in_force_signs_nothing(
    history: History, other: KeySigner
) -> None:
    history.take()
    before = journal_of(history).read_bytes()

    with pytest.raises(KeyUnusable) as refusal:
        signed_by(history, other).append([a_reading()])

    assert str(refusal.value) == (
        f"the key in force of {ORIGIN!r} is {OURS.public_key.key_id}, "
        f"the settings' signing_key is {other.public_key.key_id}"
    )
    assert refusal.value.hint == (
        "Keys change by `tallybook keys rotate` only. Put the key in force back, or "
        "name it in signing_key."
    )
    assert journal_of(history).read_bytes() == before
    assert history.size == 2


def test_another_key_does_not_sign_what_waits(history: History) -> None:
    (waiting,) = history.take()
    history.files()[-1].unlink()

    with pytest.raises(KeyUnusable):
        signed_by(history, STRANGER).heal()

    assert len(list(history.ledger.records())) == 1
    history.log.heal()
    assert list(history.ledger.records())[1:] == [waiting]


def test_another_key_may_look_at_what_is_whole(history: History) -> None:
    history.take()

    assert signed_by(history, STRANGER).heal() == 2


def test_after_a_rotation_the_new_key_is_in_force(history: History) -> None:
    history.take()

    rotation = rotate(history, NEXT)

    with pytest.raises(KeyUnusable, match=f"is {NEXT.public_key.key_id}, the settings' "):
        history.take()
    (record,) = signed_by(history, NEXT).append([a_reading()])
    records = list(history.ledger.records())
    assert records[2:] == [*rotation.records, record]
    assert [r.key_id for r in records] == [OURS.public_key.key_id] * 3 + [NEXT.public_key.key_id]


def test_the_checkpoint_of_a_rotation_carries_the_lines_of_both_keys(history: History) -> None:
    rotate(history, NEXT)

    note = parse_checkpoint(checkpoints_of(history)[-1]).note

    assert [key.public_key.signed(note, ORIGIN) for key in (OURS, NEXT, STRANGER)] == [
        True,
        True,
        None,
    ]


@pytest.mark.parametrize(
    "finisher", [OURS, NEXT, STRANGER], ids=["the old key", "the new key", "neither"]
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_rotation_that_crashed_is_finished_whoever_comes_next(
    history: History, finisher: KeySigner, algorithm: str
) -> None:
    history.take()
    successor = a_key(2, algorithm) if algorithm == ED25519 else a_key(3, algorithm)
    rotation = a_rotation(history, successor)
    memory = read_journal(journal_of(history)).memory
    payloads = tuple(record.payload for record in rotation.records)
    write_journal(journal_of(history), Journal(memory, payloads, rotation))

    assert signed_by(history, finisher).heal() == 3

    assert tuple(history.ledger.records())[2:] == rotation.records
    assert checkpoints_of(history)[-1] == rotation.checkpoint
    assert read_journal(journal_of(history)).memory.key_id == successor.public_key.key_id


def test_the_signatures_of_a_rotation_are_forgotten_by_the_next_batch(history: History) -> None:
    rotate(history, NEXT)
    assert read_journal(journal_of(history)).signed is not None

    signed_by(history, NEXT).append([a_reading()])

    assert read_journal(journal_of(history)).signed is None
