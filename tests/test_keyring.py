"""Which key of a log may sign what: at its beginning, around a change, after a revocation."""

import pytest

from tests.builders import a_key
from warehouse.checks.keyring import Keyring, Tenure
from warehouse.keys import PublicKey

FIRST, SECOND, RECOVERY, STRANGER = (a_key(seed).public_key for seed in (1, 2, 9, 66))


@pytest.fixture
def ring() -> Keyring:
    """FIRST signs the records 0 to 9, SECOND from 10 on."""
    ring = Keyring(recovery=RECOVERY)
    ring.hand_over(FIRST, 0)
    return ring


def hand_over(ring: Keyring) -> None:
    ring.hand_over(SECOND, 10)


def complaint(
    ring: Keyring, key: PublicKey, index: int, *, by_recovery: bool = False
) -> str | None:
    return ring.complaint(key.key_id, index, by_recovery=by_recovery)


def test_before_there_is_a_key_nobody_may_sign() -> None:
    ring = Keyring()

    assert (ring.current, ring.known()) == (None, [])
    assert complaint(ring, FIRST, 0) == "KEY_UNTRUSTED"


def test_the_first_key_may_sign_from_the_first_record_on(ring: Keyring) -> None:
    assert ring.current == FIRST
    assert complaint(ring, FIRST, 0) is None
    assert complaint(ring, STRANGER, 0) == "KEY_UNTRUSTED"


def test_a_key_that_is_to_follow_may_not_sign_before_it_is_in_force(ring: Keyring) -> None:
    assert complaint(ring, SECOND, 9) == "KEY_UNTRUSTED"


def test_after_a_change_the_old_key_is_retired_and_the_new_one_in_force(ring: Keyring) -> None:
    hand_over(ring)

    assert ring.tenures == [Tenure(FIRST, 0, until=10), Tenure(SECOND, 10)]
    assert complaint(ring, FIRST, 10) == "KEY_RETIRED_USED"
    assert complaint(ring, SECOND, 10) is None


def test_every_key_of_all_times_and_the_recovery_key_sign_checkpoints(ring: Keyring) -> None:
    hand_over(ring)

    assert ring.known() == [FIRST, SECOND, RECOVERY]


def test_the_recovery_key_signs_revocations_and_nothing_else(ring: Keyring) -> None:
    assert complaint(ring, RECOVERY, 3, by_recovery=True) is None
    assert complaint(ring, RECOVERY, 3) == "KEY_UNTRUSTED"


def test_revocations_are_signed_by_the_recovery_key_and_nobody_else(ring: Keyring) -> None:
    hand_over(ring)

    assert complaint(ring, SECOND, 12, by_recovery=True) == "KEY_UNTRUSTED"
    assert complaint(ring, FIRST, 12, by_recovery=True) == "KEY_RETIRED_USED"
    assert complaint(ring, STRANGER, 12, by_recovery=True) == "KEY_UNTRUSTED"


def test_without_a_recovery_key_nobody_revokes(ring: Keyring) -> None:
    ring.recovery = None

    assert complaint(ring, RECOVERY, 3, by_recovery=True) == "KEY_UNTRUSTED"
    assert complaint(ring, FIRST, 3, by_recovery=True) == "KEY_UNTRUSTED"


@pytest.mark.parametrize(
    ("index", "expected"), [(11, None), (12, "KEY_REVOKED"), (13, "KEY_REVOKED")]
)
def test_a_revoked_key_counts_up_to_the_record_before(
    ring: Keyring, index: int, expected: str | None
) -> None:
    hand_over(ring)

    tenure = ring.revoke(SECOND.key_id, 12)

    assert tenure == Tenure(SECOND, 10)
    assert complaint(ring, SECOND, index) == expected


def test_a_retired_key_that_is_revoked_is_called_revoked(ring: Keyring) -> None:
    hand_over(ring)
    ring.revoke(FIRST.key_id, 5)

    assert complaint(ring, FIRST, 12) == "KEY_REVOKED"


def test_a_second_revocation_cannot_undo_the_first(ring: Keyring) -> None:
    ring.revoke(FIRST.key_id, 5)
    ring.revoke(FIRST.key_id, 8)

    assert complaint(ring, FIRST, 5) == "KEY_REVOKED"


def test_a_second_revocation_can_reach_further_back(ring: Keyring) -> None:
    ring.revoke(FIRST.key_id, 8)
    ring.revoke(FIRST.key_id, 5)

    assert complaint(ring, FIRST, 5) == "KEY_REVOKED"


def test_a_revoked_key_never_comes_back(ring: Keyring) -> None:
    ring.revoke(FIRST.key_id, 5)
    ring.hand_over(SECOND, 6)
    ring.hand_over(FIRST, 7)

    assert complaint(ring, FIRST, 7) == "KEY_REVOKED"


def test_a_key_that_the_log_never_had_has_no_tenure(ring: Keyring) -> None:
    assert ring.revoke(STRANGER.key_id, 0) is None
    assert ring.tenure(STRANGER.key_id) is None
