"""The keys of a log, read from its records, and found by how their ids begin."""

from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.keys.change import find_key, revoke, rotate
from etl.keys.history import KeyHistory, KeyTerm, key_history
from tests.builders import ORIGIN, History
from tests.key_holders import (
    FIRST,
    RECOVERY,
    SECOND,
    an_ecdsa_key,
    refusal_of,
    signed_by,
    with_recovery,
)
from warehouse.errors import BadInput
from warehouse.keys import public_key_from_base64

EXPECTED = ": expected 8 hex digits of its id or more"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return with_recovery(tmp_path)


def test_the_keys_of_a_log_are_read_from_its_records(history: History) -> None:
    rotate(history.log, SECOND)
    signed_by(history, SECOND).take()
    revoke(signed_by(history, SECOND).log, SECOND.public_key.key_id, RECOVERY, 4, an_ecdsa_key())

    found = key_history(history.ledger, ORIGIN)

    recovery = public_key_from_base64(RECOVERY.public_key.spki_base64, named="recovery")
    assert [term_of(term) for term in found.terms] == [
        (FIRST.public_key.key_id, 0, 3, None),
        (SECOND.public_key.key_id, 4, 4, 4),
        (an_ecdsa_key().public_key.key_id, 6, None, None),
    ]
    assert found.recovery is not None
    assert found.recovery.key_id == recovery.key_id
    assert key_history(history.ledger, "example.com/another") == KeyHistory()


def term_of(term: KeyTerm) -> tuple[str, int, int | None, int | None]:
    return term.key.key_id, term.since, term.last, term.revoked_from


def test_the_keys_of_a_batch_that_waits_are_read_once(history: History) -> None:
    rotate(history.log, SECOND)
    batch = read_journal(history.log.state / STATE_FILE).batch
    published = key_history(history.ledger, ORIGIN, batch)
    history.files()[-1].unlink()

    waiting = key_history(history.ledger, ORIGIN, batch)

    assert [term_of(term) for term in waiting.terms] == [term_of(term) for term in published.terms]
    assert len(waiting.terms) == 2


@pytest.mark.parametrize("length", [8, 9, 63, 64])
def test_a_key_is_found_by_how_its_id_begins(history: History, length: int) -> None:
    rotate(history.log, SECOND)
    found = key_history(history.ledger, ORIGIN)

    assert find_key(found, SECOND.public_key.key_id[:length].upper()) == SECOND.public_key.key_id


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("", f"'' names no key{EXPECTED}"),
        (
            FIRST.public_key.key_id[:7],
            f"{FIRST.public_key.key_id[:7]!r} names no key{EXPECTED}",
        ),
        ("not-hexadecimal", f"'not-hexadecimal' names no key{EXPECTED}"),
        ("00000000", "no keys of this log begin with '00000000'"),
        (
            RECOVERY.public_key.key_id[:8],
            f"{RECOVERY.public_key.key_id[:8]!r} is the recovery key: "
            "it revokes others, and nothing revokes it",
        ),
    ],
)  # fmt: skip
def test_what_begins_no_id_finds_no_key(history: History, prefix: str, said: str) -> None:
    refusal = refusal_of(lambda: find_key(key_history(history.ledger, ORIGIN), prefix))

    assert (type(refusal), str(refusal)) == (BadInput, said)


def test_what_begins_two_ids_finds_no_key(history: History) -> None:
    twice = KeyHistory((KeyTerm(FIRST.public_key, 0, 1), KeyTerm(FIRST.public_key, 2)))

    refusal = refusal_of(lambda: find_key(twice, FIRST.public_key.key_id[:8]))

    assert str(refusal) == f"2 keys of this log begin with {FIRST.public_key.key_id[:8]!r}"
