"""Keys that are revoked: by the recovery key alone, from which record on, and who follows."""

import base64
from pathlib import Path

import pytest

from etl.keys.change import revoke, rotate
from etl.signing import KeySigner
from tests.builders import ORIGIN, History, a_history
from tests.key_holders import (
    FIRST,
    RECOVERY,
    SECOND,
    THIRD,
    lines,
    memory_of,
    newest,
    records,
    refusal_of,
    signed_by,
    with_recovery,
)
from warehouse.errors import BadInput, Failure, KeyUnusable
from warehouse.payload import Key, possession
from warehouse.record import decode


@pytest.fixture
def history(tmp_path: Path) -> History:
    return with_recovery(tmp_path)


def test_the_key_in_force_is_revoked_and_replaced_at_once(history: History) -> None:
    revocation = revoke(
        history.log, FIRST.public_key.key_id, RECOVERY, from_index=2, successor=SECOND
    )
    signed_by(history, SECOND).take()

    change = decode(revocation.payload)
    assert isinstance(change, Key)
    assert revocation.key_id == RECOVERY.public_key.key_id
    assert RECOVERY.public_key.verifies(revocation.signature, revocation.payload)
    assert (change.action, change.revoked, change.from_index) == (
        "revoke",
        FIRST.public_key.key_id,
        2,
    )
    assert change.public_key == SECOND.public_key.spki_base64
    proven = possession(ORIGIN, 3, SECOND.public_key.key_id)
    assert SECOND.public_key.verifies(base64.b64decode(change.proof or ""), proven)
    assert records(history)[-1].key_id == SECOND.public_key.key_id


def test_who_revokes_does_not_need_the_key_that_was_lost(history: History) -> None:
    without = signed_by(history, THIRD)

    revoke(without.log, FIRST.public_key.key_id, RECOVERY, successor=SECOND)

    assert lines(history) == {"recovery": True, "second": True}
    assert memory_of(history).key_id == SECOND.public_key.key_id


def test_without_an_index_nothing_that_was_signed_is_lost(history: History) -> None:
    revoke(history.log, FIRST.public_key.key_id, RECOVERY, successor=SECOND)

    assert newest(history).from_index == 3
    assert history.verify().findings == []


def test_a_key_of_before_is_revoked_and_nothing_takes_its_place(history: History) -> None:
    rotate(history.log, SECOND)
    now = signed_by(history, SECOND)

    revoke(now.log, FIRST.public_key.key_id, RECOVERY, from_index=3)

    change = newest(history)
    assert (change.public_key, change.proof) == (None, None)
    assert lines(history) == {"second": True, "recovery": True}
    assert memory_of(history).key_id == SECOND.public_key.key_id
    assert [record.key_id for record in now.take()] == [SECOND.public_key.key_id]


def test_a_theft_may_turn_out_to_be_older(history: History) -> None:
    revoke(history.log, FIRST.public_key.key_id, RECOVERY, from_index=2, successor=SECOND)
    now = signed_by(history, SECOND)

    again = refusal_of(lambda: revoke(now.log, FIRST.public_key.key_id, RECOVERY, from_index=2))
    revoke(now.log, FIRST.public_key.key_id, RECOVERY, from_index=1)

    assert str(again) == f"{FIRST.public_key.key_id} is revoked already, from record 2 on"
    assert again.hint == "An earlier record may be named, where the key was stolen earlier."
    assert newest(history).from_index == 1


def test_a_revoked_key_never_comes_back(history: History) -> None:
    revoke(history.log, FIRST.public_key.key_id, RECOVERY, successor=SECOND)

    refusal = refusal_of(lambda: rotate(signed_by(history, SECOND).log, FIRST))

    assert str(refusal) == f"{FIRST.public_key.key_id} was a key of {ORIGIN!r} before"
    assert refusal.hint == "A key that was replaced never comes back: make a new one."


@pytest.mark.parametrize(
    ("attempt", "kind", "said"),
    [
        (
            (FIRST.public_key.key_id, SECOND, None, THIRD), KeyUnusable,
            f"the recovery key of {ORIGIN!r} is {RECOVERY.public_key.key_id}, "
            f"this one is {SECOND.public_key.key_id}",
        ),
        (
            (FIRST.public_key.key_id, FIRST, None, THIRD), KeyUnusable,
            f"the recovery key of {ORIGIN!r} is {RECOVERY.public_key.key_id}, "
            f"this one is {FIRST.public_key.key_id}",
        ),
        (
            (THIRD.public_key.key_id, RECOVERY, None, None), BadInput,
            f"{ORIGIN!r} never had the key {THIRD.public_key.key_id}",
        ),
        (
            (RECOVERY.public_key.key_id, RECOVERY, None, None), BadInput,
            f"{RECOVERY.public_key.key_id} is the recovery key: "
            "it revokes others, and nothing revokes it",
        ),
        (
            (FIRST.public_key.key_id, RECOVERY, 4, SECOND), BadInput,
            "the key cannot be revoked from record 4 on: the log has 3 records, so expected 0 to 3",
        ),
        (
            (FIRST.public_key.key_id, RECOVERY, -1, SECOND), BadInput,
            "the key cannot be revoked from record -1 on: "
            "the log has 3 records, so expected 0 to 3",
        ),
        (
            (FIRST.public_key.key_id, RECOVERY, None, None), BadInput,
            f"{FIRST.public_key.key_id} is the key in force, and no other takes its place",
        ),
        (
            (FIRST.public_key.key_id, RECOVERY, None, FIRST), KeyUnusable,
            f"{FIRST.public_key.key_id} is the key in force of {ORIGIN!r} already",
        ),
        (
            (FIRST.public_key.key_id, RECOVERY, None, RECOVERY), KeyUnusable,
            f"{RECOVERY.public_key.key_id} is the recovery key of {ORIGIN!r}: "
            "it signs no other records",
        ),
    ],
)  # fmt: skip
def test_a_revocation_that_cannot_be_meant_is_refused(
    history: History,
    attempt: tuple[str, KeySigner, int | None, KeySigner | None],
    kind: type[Failure],
    said: str,
) -> None:
    refusal = refusal_of(lambda: revoke(history.log, *attempt))

    assert (type(refusal), str(refusal)) == (kind, said)
    assert len(records(history)) == 3


def test_nothing_takes_the_place_of_a_key_that_is_not_in_force(history: History) -> None:
    rotate(history.log, SECOND)
    now = signed_by(history, SECOND)

    refusal = refusal_of(
        lambda: revoke(now.log, FIRST.public_key.key_id, RECOVERY, successor=THIRD)
    )

    assert str(refusal) == (f"{FIRST.public_key.key_id} is not in force: nothing takes its place")


def test_without_a_recovery_key_nothing_is_revoked(tmp_path: Path) -> None:
    history = a_history(tmp_path)

    refusal = refusal_of(
        lambda: revoke(history.log, FIRST.public_key.key_id, RECOVERY, successor=SECOND)
    )

    assert isinstance(refusal, KeyUnusable)
    assert str(refusal) == f"{ORIGIN!r} has no recovery key, so nothing can be revoked"
    assert refusal.hint == (
        "While the key in force is yours alone: tallybook keys recovery --create FILE"
    )
