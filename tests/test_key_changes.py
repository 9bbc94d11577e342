"""Keys that follow each other: who signs what, both keys in every checkpoint, and refusals."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from etl.keys.change import name_recovery, rotate
from etl.signing import KeySigner
from tests.builders import A_MONDAY, DAY, ORIGIN, History, a_history, a_reading
from tests.key_holders import (
    FIRST,
    RECOVERY,
    SECOND,
    THIRD,
    an_ecdsa_key,
    checkpoint,
    lines,
    memory_of,
    newest,
    records,
    refusal_of,
    signed_by,
    with_recovery,
)
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey
from warehouse.payload import Heads, Key, possession
from warehouse.record import decode


@pytest.fixture
def history(tmp_path: Path) -> History:
    return with_recovery(tmp_path)


def test_a_new_key_signs_from_the_next_record_on(history: History) -> None:
    rotation = rotate(history.log, SECOND)

    (record,) = signed_by(history, SECOND).take()

    assert rotation.key_id == FIRST.public_key.key_id
    assert FIRST.public_key.verifies(rotation.signature, rotation.payload)
    assert record.key_id == SECOND.public_key.key_id
    assert SECOND.public_key.verifies(record.signature, record.payload)
    assert records(history)[-2:] == [rotation, record]
    assert history.verify().findings == []


def test_a_rotation_proves_that_the_new_key_is_held(history: History) -> None:
    rotate(history.log, SECOND)

    change = newest(history)

    proven = possession(ORIGIN, 3, SECOND.public_key.key_id)
    assert change.action == "rotate"
    assert (change.index, change.revoked, change.from_index) == (3, None, None)
    assert change.public_key == SECOND.public_key.spki_base64
    assert SECOND.public_key.verifies(base64.b64decode(change.proof or ""), proven)


def test_the_checkpoint_of_a_rotation_has_the_lines_of_both_keys(history: History) -> None:
    rotate(history.log, SECOND)

    assert lines(history) == {"first": True, "second": True}
    assert (checkpoint(history).size, checkpoint(history).root) == (4, memory_of(history).tree.root)


def test_the_checkpoint_after_a_rotation_has_the_new_keys_line_alone(history: History) -> None:
    rotate(history.log, SECOND)

    signed_by(history, SECOND).take()

    assert lines(history) == {"second": True}


def test_a_change_of_keys_is_a_commit_of_its_own(history: History) -> None:
    tomorrow = replace(history.log, clock=lambda: A_MONDAY + 365 * DAY)
    before = len(history.files())

    rotate(tomorrow, SECOND)
    replace(tomorrow, signer=SECOND).append([a_reading()])

    payloads = [decode(record.payload) for record in records(history)[3:]]
    assert len(history.files()) == before + 2
    assert [type(payload) for payload in payloads[:2]] == [Key, Heads]


def test_keys_of_both_algorithms_follow_each_other(history: History) -> None:
    signers = [an_ecdsa_key(1), an_ecdsa_key(2), SECOND]
    now = history
    for signer in signers:
        rotate(now.log, signer)
        now = signed_by(now, signer)
        now.take()

    by = [record.key_id for record in records(history)[3:]]
    first, *others = (signer.public_key.key_id for signer in (FIRST, *signers))
    assert by == [first, others[0], others[0], others[1], others[1], others[2]]
    assert history.verify().findings == []


def test_the_old_key_signs_nothing_more(history: History) -> None:
    rotate(history.log, SECOND)

    refusal = refusal_of(history.take)

    assert isinstance(refusal, KeyUnusable)
    assert str(refusal) == (
        f"the key in force of {ORIGIN!r} is {SECOND.public_key.key_id}, "
        f"the settings' signing_key is {FIRST.public_key.key_id}"
    )
    assert len(records(history)) == 4


def test_only_the_key_in_force_can_hand_over(history: History) -> None:
    refusal = refusal_of(lambda: rotate(signed_by(history, THIRD).log, SECOND))

    assert isinstance(refusal, KeyUnusable)
    assert len(records(history)) == 3


@pytest.mark.parametrize(
    ("successor", "said"),
    [
        (SECOND, f"is the key in force of {ORIGIN!r} already"),
        (FIRST, f"was a key of {ORIGIN!r} before"),
        (RECOVERY, f"is the recovery key of {ORIGIN!r}: it signs no other records"),
    ],
)
def test_a_key_that_is_known_already_cannot_follow(
    history: History, successor: KeySigner, said: str
) -> None:
    rotate(history.log, SECOND)

    refusal = refusal_of(lambda: rotate(signed_by(history, SECOND).log, successor))

    assert isinstance(refusal, KeyUnusable)
    assert str(refusal) == f"{successor.public_key.key_id} {said}"
    assert len(records(history)) == 4


class Lookalike(PublicKey):
    """A key that checkpoints would call by the first key's name."""

    def note_hash(self, origin: str) -> bytes:
        return FIRST.public_key.note_hash(origin)


class LookalikeSigner(KeySigner):
    """A signer with such a key: the real thing takes four thousand million attempts."""

    @property
    def public_key(self) -> PublicKey:
        key = super().public_key
        return Lookalike(key.spki, key.key)


def test_two_keys_that_checkpoints_could_not_tell_apart_are_refused(history: History) -> None:
    refusal = refusal_of(lambda: rotate(history.log, LookalikeSigner(SECOND._key)))

    assert str(refusal) == (
        f"{SECOND.public_key.key_id} and another key of {ORIGIN!r} "
        "have the same short id in checkpoints"
    )


def test_a_log_names_its_recovery_key(tmp_path: Path) -> None:
    history = a_history(tmp_path)

    record = name_recovery(history.log, RECOVERY)

    change = newest(history)
    assert record.key_id == FIRST.public_key.key_id
    assert (change.action, change.index) == ("recovery", 1)
    assert change.public_key == RECOVERY.public_key.spki_base64
    proven = possession(ORIGIN, 1, RECOVERY.public_key.key_id)
    assert RECOVERY.public_key.verifies(base64.b64decode(change.proof or ""), proven)
    assert lines(history) == {"first": True, "recovery": True}
    assert memory_of(history).recovery_id == RECOVERY.public_key.key_id
    assert memory_of(history).key_id == FIRST.public_key.key_id
    assert history.verify().findings == []


def test_a_log_has_one_recovery_key(history: History) -> None:
    refusal = refusal_of(lambda: name_recovery(history.log, THIRD))

    assert isinstance(refusal, KeyUnusable)
    assert str(refusal) == (f"{ORIGIN!r} has a recovery key already: {RECOVERY.public_key.key_id}")
    assert refusal.hint == (
        "A log has one, for ever: whoever could replace it could undo what it revokes."
    )


@pytest.mark.parametrize(
    ("recovery", "said"),
    [
        (SECOND, f"is the key in force of {ORIGIN!r} already"),
        (FIRST, f"was a key of {ORIGIN!r} before"),
    ],
)
def test_a_key_that_signs_cannot_be_the_recovery_key(
    tmp_path: Path, recovery: KeySigner, said: str
) -> None:
    history = a_history(tmp_path)
    rotate(history.log, SECOND)

    refusal = refusal_of(lambda: name_recovery(signed_by(history, SECOND).log, recovery))

    assert str(refusal) == f"{recovery.public_key.key_id} {said}"


def test_a_change_that_a_crash_kept_out_is_published_by_whoever_comes_next(
    history: History,
) -> None:
    rotation = rotate(history.log, SECOND)
    note = str(checkpoint(history))
    history.files()[-1].unlink()

    healed = signed_by(history, THIRD).log.heal()

    assert healed == 4
    assert records(history)[-1] == rotation
    assert str(checkpoint(history)) == note
    assert history.verify().findings == []
