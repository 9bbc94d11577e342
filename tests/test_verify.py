"""Verification: an intact history passes, and every attack is found, named and placed."""

import inspect
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import attacks, attacks_on_places
from tests.attacks import Attack, a_history_to_attack
from tests.builders import (
    ORIGIN,
    History,
    a_history,
    a_key,
    a_reading,
    a_snapshot,
    put,
    signed,
    tamper,
)
from warehouse import verify as module
from warehouse.errors import NoWarehouse
from warehouse.layout import log_key
from warehouse.ledger import Unreadable, read_rows
from warehouse.payload import MAX_INTEGER
from warehouse.record import encode
from warehouse.rows import Row
from warehouse.verify import Report, findings_by_name, verify

ATTACKS: dict[str, Attack] = {
    name: function
    for name, function in {**vars(attacks), **vars(attacks_on_places)}.items()
    if inspect.isfunction(function) and list(inspect.signature(function).parameters) == ["history"]
}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history_to_attack(tmp_path)


def names_in_the_code() -> set[str]:
    return set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+|ROLLBACK)"', inspect.getsource(module)))


def test_an_intact_history_is_intact(history: History) -> None:
    assert history.verify() == Report(
        records=5,
        signatures=5,
        signatures_valid=5,
        logs={ORIGIN: 5},
        instances=2,
        findings=[],
        vouched_for=True,
    )
    assert (history.verify().status, history.verify().exit_code) == ("intact", 0)


def test_without_anybody_outside_to_vouch_for_its_end_it_is_incomplete(history: History) -> None:
    report = history.verify(vouched=False)

    assert report.findings == []
    assert (report.status, report.exit_code) == ("incomplete", 3)


def test_records_that_wait_in_the_journal_make_it_incomplete(history: History) -> None:
    report = verify(history.root, [history.key], expected_sizes={ORIGIN: 5}, unfinished=1)

    assert report.findings == []
    assert (report.status, report.exit_code) == ("incomplete", 3)


def test_a_log_that_nobody_vouches_for_makes_it_incomplete(
    history: History, tmp_path: Path
) -> None:
    other = a_history(tmp_path, origin="example.com/other", seed=2)

    report = verify(history.root, [history.key, other.key], expected_sizes={ORIGIN: 5})

    assert report.logs == {ORIGIN: 5, "example.com/other": 1}
    assert (report.findings, report.status) == ([], "incomplete")


def test_an_empty_warehouse_is_no_history(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.files()[0].unlink()

    (found,) = history.verify(vouched=False).findings

    assert (found.name, found.expected, found.found) == (
        "GENESIS_MISSING",
        "a genesis record",
        "an empty warehouse",
    )


def test_a_folder_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        verify(tmp_path, [a_key().public_key])


def test_progress_counts_every_record(history: History) -> None:
    heard: list[int] = []

    verify(history.root, [history.key], progress=heard.append)

    assert heard == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_found_with_its_place(history: History, name: str) -> None:
    expected = list(ATTACKS[name](history))
    sizes = {ORIGIN: 5}

    found = verify(history.root, [history.key], expected_sizes=sizes).findings

    assert [(f.name, f.place, f.expected) for f in found] == [
        (f.name, f.place, f.expected) for f in expected
    ]
    # What other people's libraries say about a broken file may be worded otherwise.
    assert all(e.found in f.found for f, e in zip(found, expected, strict=True))


def test_every_name_that_verification_gives_is_in_the_table(tmp_path: Path) -> None:
    seen = set()
    for number, attack in enumerate(ATTACKS.values()):
        history = a_history_to_attack(tmp_path / str(number))
        seen |= {finding.name for finding in attack(history)}

    assert seen == names_in_the_code()


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_is_taken_for_an_intact_history(history: History, name: str) -> None:
    untrusted = any(finding.name.startswith("KEY_") for finding in ATTACKS[name](history))

    report = verify(history.root, [history.key], expected_sizes={ORIGIN: 5})

    expected = ("untrusted", 12) if untrusted else ("tampered", 13)
    assert (report.status, report.exit_code) == expected


def test_without_any_trusted_key_nothing_is_trusted(history: History) -> None:
    report = verify(history.root, [], expected_sizes={ORIGIN: 5})

    assert [f.expected for f in report.findings] == ["no key at all"] * 5
    assert (report.signatures_valid, report.status) == (0, "untrusted")


def test_the_key_of_another_log_signs_nothing_in_this_one(history: History) -> None:
    neighbour = a_key(2)
    file = put(history.root, signed(a_snapshot(index=5, instance=attacks.NEWCOMER), neighbour))

    report = history.verify(history.key, neighbour.public_key)

    (found,) = report.findings
    assert (found.name, found.place.file) == ("KEY_UNTRUSTED", str(file))
    assert found.expected == f"{history.key.key_id} of the genesis record"
    assert found.found == neighbour.public_key.key_id


def test_one_damaged_definition_does_not_accuse_the_others(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    history.take(a_reading({"users": 1}, definitions=()), definitions=())
    first, _ = sorted(
        history.ledger.layout.definitions.iterdir(), key=lambda path: -path.stat().st_size
    )
    first.unlink()

    found = history.verify().findings

    assert [(f.name, f.place.index) for f in found] == [("DEFINITIONS_MISMATCH", 1)]


def test_every_flipped_bit_of_a_payload_is_detected(history: History) -> None:
    last = history.files()[-1]
    (row,) = read_rows(last)
    flipped = list(each_bit_flipped(row["payload"]))
    tamper(last, lambda rows: rows.extend([{**row, "payload": payload} for payload in flipped]))

    report = history.verify()

    assert dict(findings_by_name(report))["PAYLOAD_SIG_INVALID"] == len(flipped)
    assert report.signatures_valid == 5


def each_bit_flipped(content: bytes) -> Iterator[bytes]:
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            yield bytes(changed)


def test_a_byte_flipped_anywhere_in_a_file_is_detected_or_changes_nothing(
    history: History,
) -> None:
    last = history.files()[-1]
    rows, content = read_rows(last), last.read_bytes()
    positions = random.Random(1).sample(range(len(content)), 150)  # noqa: S311  # no secret

    missed = [at for at in positions if not found_or_harmless(history, last, rows, content, at)]

    assert missed == []


def found_or_harmless(
    history: History, file: Path, rows: list[Row], content: bytes, position: int
) -> bool:
    changed = bytearray(content)
    changed[position] ^= 0xFF
    file.write_bytes(changed)
    if history.verify().status == "tampered":
        return True
    try:
        return read_rows(file) == rows
    except Unreadable:
        return False


@pytest.mark.parametrize("index", [-1, MAX_INTEGER])
def test_an_absurd_place_is_a_finding_and_no_crash(history: History, index: int) -> None:
    file = history.files()[-1]
    record = signed(encode(a_snapshot(index=index)), attacks.STRANGER)
    attacks.replace_record(file, record)

    names = [finding.name for finding in history.verify().findings]

    assert names[:2] == ["KEY_UNTRUSTED", "PAYLOAD_FIELD_MISMATCH"]


@pytest.mark.parametrize("value", ["nan", "inf", "many", "1e999", ""])
def test_a_decimal_that_is_no_number_is_a_finding_and_no_crash(
    history: History, value: str
) -> None:
    file = history.files()[-1]
    payload = encode(a_snapshot(index=4, instance=attacks.STAGING, stats={"ratio": value}))
    tamper(file, lambda rows: rows[0].update(payload=payload))

    names = {finding.name for finding in history.verify().findings}

    assert "PAYLOAD_SIG_INVALID" in names


def test_files_of_other_names_are_left_alone(history: History) -> None:
    (history.root / "README").write_text("ours")
    (history.root / "hot" / "epoch=000000" / "notes.txt").write_text("ours")
    (history.root / "hot" / "epoch=000000" / f"{log_key(ORIGIN)}.txt").write_text("ours")

    assert history.verify().status == "intact"
