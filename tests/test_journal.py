"""What the signer remembers: kept for its owner alone, and never guessed when it is damaged."""

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, Journal, Signed, read_journal, write_journal
from etl.journal_lines import with_checksum
from etl.log import sign_checkpoint
from etl.memory import Head, Memory
from etl.signing import Signer
from tests.builders import (
    ORIGIN,
    PROD,
    History,
    a_genesis,
    a_heads,
    a_history,
    a_key,
    a_key_change,
    a_missed,
    a_snapshot,
    signed,
)
from warehouse import files
from warehouse.errors import (
    CannotStore,
    Failure,
    LedgerFailure,
)
from warehouse.keys import ECDSA_P256, PublicKey
from warehouse.merkle import Frontier
from warehouse.payload import Instance, Key, Payload
from warehouse.record import encode, sha256_hex

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def journal_of(history: History) -> Path:
    return history.log.state / STATE_FILE


def newest_of(history: History) -> tuple[bytes, bytes]:
    """The state before the newest batch and the payload in it, as the first lines of a journal."""
    write_journal(journal_of(history), read_journal(journal_of(history)))
    state, payload, _ = journal_of(history).read_bytes().rstrip(b"\n").split(b"\n")
    return state, payload


def test_the_journal_is_for_its_owner_alone(history: History) -> None:
    assert journal_of(history).stat().st_mode & 0o777 == 0o600


def test_a_journal_that_is_missing_is_not_replaced_by_an_empty_one(history: History) -> None:
    journal_of(history).unlink()

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == f"the signer's state '{journal_of(history)}' is missing"
    assert refusal.value.hint == (
        "Restore it from your backup: without it the signer cannot know what it signed."
    )
    assert not journal_of(history).exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"\n", "Input data was truncated"),
        (b"hello\n", "JSON is malformed: invalid character (byte 0)"),
        (b"{}\n", "Object missing required field `format`"),
        (b"[1]\n", "Expected `object`, got `array`"),
    ],
)
def test_a_damaged_journal_is_named(history: History, content: bytes, reason: str) -> None:
    journal_of(history).write_bytes(content)

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    expected = f"cannot read the signer's state '{journal_of(history)}': {reason}"
    assert str(refusal.value) == expected
    assert refusal.value.hint == "Restore it from your backup."


SIGNED = {"signatures": ["AAAA"], "key_ids": ["ab" * 32], "checkpoint": "a head\n"}
DAMAGES: dict[str, dict[str, object]] = {
    "frontier": {"frontier": ["not hex"]},
    "frontier that is too long": {"size": 1, "frontier": ["00" * 32] * 2},
    "frontier that is too short": {"size": 3, "frontier": ["00" * 32]},
    "size": {"size": -1},
    "batch": {},
    "key": {"key_id": None},
    "recovery key": {"recovery_id": 7},
    "day": {"heads_on": 20261123},
    "signatures that are too few": {"signed": {**SIGNED, "signatures": []}},
    "signatures that are too many": {"signed": {**SIGNED, "key_ids": ["ab" * 32] * 2}},
    "signatures that are no base64": {"signed": {**SIGNED, "signatures": ["A"]}},
    "signatures without a checkpoint": {"signed": {**SIGNED, "checkpoint": None}},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_journal_with_a_damaged_part_is_named(history: History, damage: str) -> None:
    history.take_days(2)
    state, payload = newest_of(history)
    fields = json.loads(state) | DAMAGES[damage]
    if damage == "batch":
        payload = payload[:-1]
    lines = json.dumps(fields).encode() + b"\n" + payload + b"\n"
    journal_of(history).write_bytes(with_checksum(lines))

    with pytest.raises(
        LedgerFailure, match=f"^cannot read the signer's state '{journal_of(history)}'"
    ):
        history.take()


def test_every_shortened_journal_is_refused_or_whole(history: History) -> None:
    history.take_days(2)
    whole = journal_of(history).read_bytes().rstrip(b"\n") + b"\n"

    for length in range(0, len(whole) - 1, 97):
        journal_of(history).write_bytes(whole[:length])
        with pytest.raises(Failure):
            history.take()


def test_a_journal_of_another_format_is_refused(history: History) -> None:
    content = journal_of(history).read_bytes()
    journal_of(history).write_bytes(content.replace(b'"format":4', b'"format":5', 1))

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"the signer's state '{journal_of(history)}' is of format 5, expected 4"
    )
    assert refusal.value.hint == "Another release of tallybook wrote it: use that one."


def test_a_journal_of_an_older_format_is_refused(history: History) -> None:
    state = {"format": 1, "origin": ORIGIN, "size": 0, "frontier": [], "heads": []}
    _, genesis, *_ = journal_of(history).read_bytes().split(b"\n")
    journal_of(history).write_bytes(json.dumps(state).replace(" ", "").encode() + b"\n" + genesis)

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"the signer's state '{journal_of(history)}' is of format 1, expected 4"
    )


def test_a_genesis_record_with_a_damaged_key_is_named(history: History) -> None:
    damaged = b"\n".join([*newest_of(history), b""]).replace(b'"public_key":"M', b'"public_key":"')
    journal_of(history).write_bytes(with_checksum(damaged))

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"cannot read the signer's state '{journal_of(history)}': Incorrect padding"
    )


def test_no_bit_that_flips_in_a_journal_is_an_accident_without_a_name(history: History) -> None:
    history.take_days(1)
    whole = journal_of(history).read_bytes()
    written = len(whole.rstrip(b"\n")) + 1

    for place in (place for place in range(written) if whole[place - 1 : place + 1] != b"\n\n"):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        journal_of(history).write_bytes(flipped)
        with pytest.raises(Failure):
            history.log.heal()


@pytest.mark.parametrize("field", ["key_id", "recovery_id", "heads_on", "signed", "heads"])
def test_a_journal_without_a_part_is_named(history: History, field: str) -> None:
    state, payload = newest_of(history)
    fields = json.loads(state)
    del fields[field]
    journal_of(history).write_bytes(
        with_checksum(json.dumps(fields).encode() + b"\n" + payload + b"\n")
    )

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"cannot read the signer's state '{journal_of(history)}': "
        f"Object missing required field `{field}`"
    )


def test_a_copy_that_is_a_hard_link_stays_what_it_was(history: History, tmp_path: Path) -> None:
    history.take_days(2)
    copy = tmp_path / "copy"
    copy.hardlink_to(journal_of(history))
    before = copy.read_bytes()

    history.take()

    assert copy.read_bytes() == before
    assert read_journal(journal_of(history)).memory.size == 4


def test_a_commit_writes_into_the_room_of_the_journal(history: History) -> None:
    history.take_days(1)
    file = journal_of(history).stat()

    history.take()

    assert journal_of(history).stat().st_ino == file.st_ino
    assert journal_of(history).stat().st_size == file.st_size
    assert read_journal(journal_of(history)).memory.size == 3


def test_a_batch_that_the_disk_refuses_was_never_there(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.take_days(1)
    before = read_journal(journal_of(history))

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_flush_content", refuse)
        with pytest.raises(CannotStore, match="input/output error"):
            history.take()

    assert read_journal(journal_of(history)) == before
    history.take()
    assert read_journal(journal_of(history)).memory.size == 3
    assert history.verify().findings == []


@dataclass(frozen=True)
class Telling:
    """A signer that tells when it signs."""

    signer: Signer
    told: list[str]

    @property
    def public_key(self) -> PublicKey:
        return self.signer.public_key

    def sign(self, message: bytes) -> bytes:
        self.told.append("signed")
        return self.signer.sign(message)


def test_what_a_dead_writer_left_is_flushed_before_it_is_signed(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.take_days(2)
    history.files()[-1].unlink()
    told: list[str] = []
    flush = files.flush

    def tell(path: Path) -> None:
        told.append(path.name)
        flush(path)

    monkeypatch.setattr(files, "flush", tell)

    replace(history.log, signer=Telling(history.signer, told)).heal()

    assert told == [STATE_FILE, "signed", "signed"]
    assert history.verify().findings == []


def a_memory() -> Memory:
    """A log as its signer remembers it after its genesis record."""
    return Memory.of_new_log(ORIGIN).after(encode(a_genesis(a_key())))


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    snapshot = encode(a_snapshot(tool="line\nbreak\r\u2028"))
    before = replace(a_memory(), recovery_id="ab" * 32, heads_on="2026-11-24")
    journal = Journal(before, (snapshot, encode(a_snapshot(index=2, instance=STAGING))))

    write_journal(tmp_path / STATE_FILE, journal)

    assert read_journal(tmp_path / STATE_FILE) == journal


def test_signatures_that_only_their_maker_could_make_are_read_back(tmp_path: Path) -> None:
    before = a_memory()
    payload = encode(a_key_change(a_key(2)))
    records = (signed(payload),)
    checkpoint = sign_checkpoint(before.after(payload), a_key(), a_key(2))
    journal = Journal(before, (payload,), Signed(records, checkpoint))

    write_journal(tmp_path / STATE_FILE, journal)

    assert read_journal(tmp_path / STATE_FILE) == journal


def test_the_memory_of_a_new_log_knows_nothing() -> None:
    memory = Memory.of_new_log(ORIGIN)

    assert memory == Memory(ORIGIN, Frontier(), {}, key_id="", recovery_id=None, heads_on="")
    assert memory.head(PROD) == Head(PROD, 0, "0" * 64)


def test_a_genesis_record_names_the_key_in_force_and_the_recovery_key() -> None:
    genesis = encode(a_genesis(a_key(), recovery_key=a_key(9).public_key.spki_base64))

    memory = Memory.of_new_log(ORIGIN).after(genesis)

    assert memory == Memory(
        ORIGIN,
        Frontier().append(genesis),
        {},
        key_id=a_key().public_key.key_id,
        recovery_id=a_key(9).public_key.key_id,
        heads_on="2026-11-23",
    )


@pytest.mark.parametrize("kind", [a_snapshot, a_missed])
def test_a_record_of_an_instance_is_the_end_of_its_chain(
    kind: Callable[..., Payload],
) -> None:
    payload = encode(kind(seq=6))

    memory = a_memory().after(payload)

    assert memory.heads == {PROD: Head(PROD, 7, sha256_hex(payload))}
    assert (memory.size, memory.heads_on) == (2, "2026-11-23")


def test_a_heads_record_is_remembered_by_its_day() -> None:
    memory = a_memory().after(encode(a_heads(recorded_at="2026-11-25T23:59:59.999Z")))

    assert (memory.size, memory.heads, memory.heads_on) == (2, {}, "2026-11-25")


OURS, NEXT, RECOVERY = (a_key(seed).public_key.key_id for seed in (1, 2, 9))
ALONE = {"public_key": None, "proof": None, "revoked": "ab" * 32, "from_index": 1}


@pytest.mark.parametrize(
    ("change", "in_force", "recovery"),
    [
        (a_key_change(a_key(2)), NEXT, None),
        (a_key_change(a_key(2, ECDSA_P256)), a_key(2, ECDSA_P256).public_key.key_id, None),
        (a_key_change(a_key(2), action="revoke", revoked=OURS, from_index=1), NEXT, None),
        (a_key_change(a_key(2), action="revoke", **ALONE), OURS, None),
        (a_key_change(a_key(9), action="recovery"), OURS, RECOVERY),
    ],
    ids=["rotation", "rotation to the curve", "revocation", "revocation alone", "recovery"],
)
def test_a_change_of_keys_is_remembered(change: Key, in_force: str, recovery: str | None) -> None:
    before = a_memory()

    memory = before.after(encode(change))

    assert (memory.key_id, memory.recovery_id) == (in_force, recovery)
    assert (memory.size, memory.heads) == (2, before.heads)
