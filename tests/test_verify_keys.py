"""Verification across changes of keys, up to the record exactly at the boundary."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl.keys.change import name_recovery, revoke, rotate
from etl.signing import KeySigner
from tests.attack_tools import append, follow_up, put_payload, record_of
from tests.attack_world import (
    FIRST,
    RECOVERY,
    ROTATION,
    SATURDAY,
    SECOND,
    SIZE,
    THIRD,
    World,
    the_night,
)
from tests.builders import DAY, ORIGIN, a_history, a_key, tamper
from warehouse.checks.findings import Report
from warehouse.keys import ECDSA_P256, ED25519
from warehouse.rows import Row


def found(report: Report) -> list[tuple[str, int | None]]:
    return [(f.name, f.place.index) for f in report.findings]


def test_every_record_and_checkpoint_of_all_keys_is_a_good_one(world: World) -> None:
    report = world.verify()

    assert (report.signatures_valid, report.signatures) == (24, 24)
    assert (report.checkpoints_valid, report.checkpoints) == (12, 12)


@pytest.mark.parametrize(
    ("index", "signer", "expected"),
    [
        (ROTATION - 1, FIRST, []),
        (ROTATION - 1, SECOND, [("KEY_UNTRUSTED", ROTATION - 1)]),
        (ROTATION + 1, FIRST, [("KEY_RETIRED_USED", ROTATION + 1)]),
        (ROTATION + 1, SECOND, []),
    ],
)
def test_the_records_on_both_sides_of_a_rotation(
    world: World, index: int, signer: KeySigner, expected: list[tuple[str, int]]
) -> None:
    put_payload(world, index, record_of(world, index).payload, signer)

    assert found(world.verify()) == expected


def test_the_rotation_itself_belongs_to_the_old_key(world: World) -> None:
    payload = record_of(world, ROTATION).payload

    put_payload(world, ROTATION, payload, FIRST)
    by_the_old = world.verify()
    put_payload(world, ROTATION, payload, SECOND)
    by_the_new = world.verify()

    assert found(by_the_old) == []
    assert ("KEY_UNTRUSTED", ROTATION) in found(by_the_new)


def test_a_key_revoked_from_the_end_on_takes_nothing_back(world: World) -> None:
    revoke(world.log(), SECOND.public_key.key_id, RECOVERY, None, THIRD)

    report = world.verify()

    assert (report.status, report.findings) == ("intact", [])
    assert report.signatures_valid == 25


def test_a_key_revoked_from_the_last_record_on_takes_back_that_one(world: World) -> None:
    revoke(world.log(), SECOND.public_key.key_id, RECOVERY, SIZE - 1, THIRD)

    report = world.verify()

    (revoked,) = report.findings
    assert (revoked.name, revoked.place.index) == ("KEY_REVOKED", SIZE)
    assert revoked.expected == (
        f"nothing signed by {SECOND.public_key.key_id} from record {SIZE - 1} on"
    )
    assert f"record {SIZE - 1}" in revoked.found


def test_a_retired_key_revoked_from_the_rotation_on_has_signed_the_rotation(world: World) -> None:
    revoke(world.log(), FIRST.public_key.key_id, RECOVERY, ROTATION + 1)
    after = world.verify()

    revoke(world.log(), FIRST.public_key.key_id, RECOVERY, ROTATION)
    on_it = world.verify()

    assert found(after) == []
    assert found(on_it) == [("KEY_REVOKED", SIZE + 1)]


def test_the_successor_of_a_revoked_key_signs_from_the_next_record_on(world: World) -> None:
    revoke(world.log(), SECOND.public_key.key_id, RECOVERY, None, THIRD)
    append(world, follow_up(world), by=THIRD, head_by=[THIRD])
    good = found(world.verify())

    put_payload(world, SIZE + 1, record_of(world, SIZE + 1).payload, SECOND)

    assert ("KEY_REVOKED", SIZE + 1) not in good
    assert ("KEY_REVOKED", SIZE + 1) in found(world.verify())


def test_a_log_goes_on_over_many_changes_of_keys_and_kinds(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    first = history.key
    for seed, algorithm in ((2, ECDSA_P256), (3, ED25519), (4, ECDSA_P256)):
        successor = a_key(seed, algorithm)
        rotate(history.log, successor)
        history = replace(history, log=replace(history.log, signer=successor))
        history.take()

    report = history.verify(first)

    assert (report.status, report.findings) == ("intact", [])
    assert (report.signatures_valid, report.checkpoints_valid) == (7, 7)


def test_a_recovery_key_named_later_can_revoke(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    name_recovery(history.log, RECOVERY)

    revoke(history.log, history.key.key_id, RECOVERY, None, SECOND)

    report = history.verify()
    assert (report.status, report.findings, report.signatures_valid) == ("intact", [], 4)


@pytest.mark.parametrize("algorithm", [ED25519, ECDSA_P256])
def test_a_log_may_be_signed_by_a_key_of_either_kind(tmp_path: Path, algorithm: str) -> None:
    history = a_history(tmp_path, algorithm=algorithm)
    history.take_days(2)

    report = history.verify()

    assert (report.status, report.signatures_valid) == ("intact", 3)


@pytest.mark.parametrize("place", [0, 1, 4, 20, -1])
def test_a_changed_byte_of_an_ecdsa_signature_is_found(tmp_path: Path, place: int) -> None:
    history = a_history(tmp_path, algorithm=ECDSA_P256)
    history.take()

    def change(rows: list[Row]) -> None:
        signature = bytearray(rows[0]["signature"])
        signature[place] ^= 0x01
        rows[0]["signature"] = bytes(signature)

    tamper(history.files()[1], change)

    assert found(history.verify()) == [("PAYLOAD_SIG_INVALID", 1)]


def test_the_key_that_followed_needs_no_trust_of_its_own(world: World) -> None:
    world.clock.now = SATURDAY + DAY
    world.log().append([*the_night(SATURDAY + DAY)])

    report = world.verify()

    assert (report.status, report.logs[ORIGIN]) == ("intact", SIZE + 3)
