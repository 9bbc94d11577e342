"""What the signer remembers: kept for its owner alone, and never guessed when it is damaged."""

import json
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, Journal, Memory, read_journal, write_journal
from tests.builders import (
    ORIGIN,
    History,
    a_genesis,
    a_history,
    a_key,
    a_snapshot,
)
from warehouse.errors import (
    Failure,
    LedgerFailure,
)
from warehouse.payload import Instance
from warehouse.record import encode

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def journal_of(history: History) -> Path:
    return history.log.state / STATE_FILE


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


@pytest.mark.parametrize("damage", ["frontier", "batch"])
def test_a_journal_with_a_damaged_part_is_named(history: History, damage: str) -> None:
    history.take_days(2)
    state, payload, _ = journal_of(history).read_bytes().split(b"\n")
    fields = json.loads(state)
    if damage == "frontier":
        fields["frontier"] = ["not hex"]
    else:
        payload = payload[:-1]
    journal_of(history).write_bytes(json.dumps(fields).encode() + b"\n" + payload + b"\n")

    with pytest.raises(
        LedgerFailure, match=f"^cannot read the signer's state '{journal_of(history)}'"
    ):
        history.take()


def test_every_shortened_journal_is_refused_or_whole(history: History) -> None:
    history.take_days(2)
    whole = journal_of(history).read_bytes()

    for length in range(0, len(whole) - 1, 97):
        journal_of(history).write_bytes(whole[:length])
        with pytest.raises(Failure):
            history.take()


def test_a_journal_of_another_format_is_refused(history: History) -> None:
    content = journal_of(history).read_bytes()
    journal_of(history).write_bytes(content.replace(b'"format":1', b'"format":2', 1))

    with pytest.raises(LedgerFailure) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"the signer's state '{journal_of(history)}' is of format 2, expected 1"
    )


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    genesis, snapshot = encode(a_genesis(a_key())), encode(a_snapshot(tool="line\nbreak\r\u2028"))
    before = Memory.of_new_log(ORIGIN).after(genesis)
    journal = Journal(before, (snapshot, encode(a_snapshot(index=2, instance=STAGING))))

    write_journal(tmp_path / STATE_FILE, journal)

    assert read_journal(tmp_path / STATE_FILE) == journal
