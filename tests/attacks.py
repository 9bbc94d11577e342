"""Attacks on what a history says, each with every finding that verification owes us for it.

The history under attack has five records of one log: genesis, three days of prod, one of
staging, each in a file of its own. An attack changes the folder and says what has to be found.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.builders import (
    ORIGIN,
    PROD,
    History,
    a_genesis,
    a_history,
    a_key,
    a_reading,
    a_snapshot,
    put,
    signed,
    tamper,
    write_rows,
)
from warehouse.ledger import read_records, read_rows
from warehouse.payload import Instance, Snapshot
from warehouse.record import Record, decode, encode, sha256_hex
from warehouse.rows import row_of
from warehouse.verify import Finding, Place

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
NEWCOMER = Instance("4c1b6b6e-0000-4000-8000-000000000003", "newcomer")
STRANGER = a_key(66)
OUR_KEY = a_key().public_key.key_id
THEIR_KEY = STRANGER.public_key.key_id
OTHER_LOG = "example.com/other"

Attack = Callable[[History], Sequence[Finding]]


def a_history_to_attack(folder: Path) -> History:
    history = a_history(folder)
    history.take_days(3)
    history.take(a_reading(instance=STAGING))
    return history


def finding(
    name: str,
    file: Path | None,
    index: int | None,
    expected: str,
    found: str,
    *,
    log: str | None = ORIGIN,
    instance: str | None = "prod",
) -> Finding:
    return Finding(name, Place(log, index, instance, str(file) if file else None), expected, found)


def in_file(name: str, file: Path, expected: str, found: str) -> Finding:
    return finding(name, file, None, expected, found, log=None, instance=None)


def record_in(file: Path) -> Record:
    (record,) = read_records(file)
    return record


def snapshot_in(file: Path) -> Snapshot:
    payload = decode(record_in(file).payload)
    assert isinstance(payload, Snapshot)
    return payload


def replace_record(file: Path, record: Record) -> None:
    """Put a record into a file, its columns right."""
    write_rows(file, [row_of(record, decode(record.payload))])


def lost_end(expected: int, found: int) -> Finding:
    words = (f"{expected} records", f"{found} records")
    return finding("ROLLBACK", None, None, *words, instance=None)


def bad_signature(file: Path, index: int, signature: bytes) -> Finding:
    expected = f"a signature by {OUR_KEY} over the payload"
    return finding("PAYLOAD_SIG_INVALID", file, index, expected, signature.hex() or "none")


def a_column_is_edited(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    tamper(file, lambda rows: rows[0].update(version_oss="9.9.9"))
    return [finding("ROW_MISMATCH", file, 2, "version_oss '8.2.0'", "'9.9.9'")]


def a_column_is_emptied(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    tamper(file, lambda rows: rows[0].update(seq=None))
    return [finding("ROW_MISMATCH", file, 2, "seq 1", "None")]


def a_value_is_taken_away(history: History) -> Sequence[Finding]:
    file = history.files()[1]
    (row,) = read_rows(file)
    fewer = [pair for pair in row["stats"] if pair[0] != "users"]
    tamper(file, lambda rows: rows[0].update(stats=fewer))
    short, shorter = (f"{pairs!r:.197}..." for pairs in (row["stats"], fewer))
    return [finding("ROW_MISMATCH", file, 1, f"stats {short}", shorter)]


def the_place_in_a_column_is_edited(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    tamper(file, lambda rows: rows[0].update(index=0))
    return [finding("PAYLOAD_FIELD_MISMATCH", file, 0, "index 2", "0")]


def the_log_in_a_column_is_edited(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    tamper(file, lambda rows: rows[0].update(log=OTHER_LOG))
    expected, found = f"log {ORIGIN!r}", repr(OTHER_LOG)
    return [finding("PAYLOAD_FIELD_MISMATCH", file, 2, expected, found, log=OTHER_LOG)]


def a_payload_is_edited_with_its_columns(history: History) -> Sequence[Finding]:
    _, _, file, after, _ = history.files()
    old = record_in(file)
    payload = old.payload.replace(b'"users":121', b'"users":100')
    replace_record(file, Record(payload, old.signature, old.key_id))
    return [
        bad_signature(file, 2, old.signature),
        finding("PREV_MISMATCH", after, 3, sha256_hex(payload), old.sha256),
    ]


def every_hash_is_computed_again(history: History) -> Sequence[Finding]:
    _, _, file, after, _ = history.files()
    old, follower = record_in(file), record_in(after)
    payload = old.payload.replace(b'"users":121', b'"users":100')
    chained = follower.payload.replace(old.sha256.encode(), sha256_hex(payload).encode())
    replace_record(file, Record(payload, old.signature, old.key_id))
    replace_record(after, Record(chained, follower.signature, follower.key_id))
    return [bad_signature(file, 2, old.signature), bad_signature(after, 3, follower.signature)]


def a_signature_is_taken_away(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    tamper(file, lambda rows: rows[0].update(signature=b""))
    return [bad_signature(file, 2, b"")]


def a_payload_is_written_in_other_bytes(history: History) -> Sequence[Finding]:
    file = history.files()[4]
    payload = record_in(file).payload + b"\n"
    record = signed(payload)
    tamper(file, lambda rows: rows[0].update(payload=payload, signature=record.signature))
    reason = "payload is not in canonical form"
    return [
        finding("PAYLOAD_NOT_CANONICAL", file, 4, "canonical JSON", reason, instance="staging"),
        lost_end(5, 4),
    ]


def a_payload_says_what_cannot_be(history: History) -> Sequence[Finding]:
    file = history.files()[4]
    old = record_in(file)
    payload = old.payload.replace(b"2026-11-23T02:00:00.000Z", b"0001-01-01T00:00:00+23:00")
    tamper(file, lambda rows: rows[0].update(payload=payload))
    reason = "payload says what cannot be: date value out of range"
    signature = bad_signature(file, 4, old.signature)
    return [
        Finding(signature.name, Place(ORIGIN, 4, "staging", str(file)), *parts_of(signature)),
        finding("PAYLOAD_NOT_CANONICAL", file, 4, "canonical JSON", reason, instance="staging"),
        lost_end(5, 4),
    ]


def parts_of(found: Finding) -> tuple[str, str]:
    return found.expected, found.found


def all_is_signed_again_by_a_stranger(history: History) -> Sequence[Finding]:
    prev = "0" * 64
    found = []
    for index, file in enumerate(history.files()):
        payload = decode(record_in(file).payload)
        if isinstance(payload, Snapshot):
            prev = prev if payload.instance == PROD else "0" * 64
            record = signed(a_snapshot(**{**fields_of(payload), "prev": prev}), STRANGER)
            prev, name = record.sha256, payload.instance.name
        else:
            record, name = signed(a_genesis(STRANGER), STRANGER), None
        replace_record(file, record)
        found.append(finding("KEY_UNTRUSTED", file, index, OUR_KEY, THEIR_KEY, instance=name))
    return found


def fields_of(payload: Snapshot) -> dict[str, object]:
    return {name: getattr(payload, name) for name in payload.__struct_fields__}


def one_record_is_signed_again_by_a_stranger(history: History) -> Sequence[Finding]:
    file = history.files()[2]
    replace_record(file, signed(record_in(file).payload, STRANGER))
    return [finding("KEY_UNTRUSTED", file, 2, OUR_KEY, THEIR_KEY)]


def a_stranger_adds_a_record(history: History) -> Sequence[Finding]:
    last = snapshot_in(history.files()[3])
    prev = sha256_hex(encode(last))
    file = put(history.root, signed(a_snapshot(index=5, seq=3, prev=prev), STRANGER))
    return [finding("KEY_UNTRUSTED", file, 5, OUR_KEY, THEIR_KEY)]


def a_stranger_adds_a_log_of_one_record(history: History) -> Sequence[Finding]:
    file = put(history.root, signed(a_snapshot(log=OTHER_LOG, index=0), STRANGER))
    missing = "a genesis record at index 0"
    return [
        finding("KEY_UNTRUSTED", file, 0, OUR_KEY, THEIR_KEY, log=OTHER_LOG),
        finding("GENESIS_MISSING", file, 0, missing, "index 0", log=OTHER_LOG),
    ]


def the_genesis_record_declares_another_key(history: History) -> Sequence[Finding]:
    file = history.files()[0]
    replace_record(file, signed(a_genesis(STRANGER)))
    return [finding("GENESIS_MISMATCH", file, 0, THEIR_KEY, OUR_KEY, instance=None)]


def the_genesis_record_declares_no_key(history: History) -> Sequence[Finding]:
    file = history.files()[0]
    replace_record(file, signed(a_genesis(a_key(), public_key="AAAA")))
    reason = "the key in the genesis record is not a public key: "
    return [finding("KEY_FORMAT", file, 0, "an Ed25519 public key", reason, instance=None)]


def a_second_genesis_record_is_signed(history: History) -> Sequence[Finding]:
    file = put(history.root, signed(a_genesis(a_key(), index=5)))
    expected = "genesis at index 0"
    return [finding("GENESIS_MISMATCH", file, 5, expected, "index 5", instance=None)]
