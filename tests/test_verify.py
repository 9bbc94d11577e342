"""Verification: what it says of an intact history, and of one that is not all there.

Attacks have a table of their own: tests/attacks.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack_tools import roll_back
from tests.attack_world import OTHER, STAGING, World
from tests.builders import (
    ORIGIN,
    SOME_DEFINITIONS,
    History,
    a_definition,
    a_history,
    a_key,
    a_reading,
    a_snapshot,
    put,
    signed,
    tamper,
)
from warehouse.checks.examine import Scope
from warehouse.checks.findings import NAMES, Finding, Place, Report, findings_by_name
from warehouse.checks.trust import trust_any
from warehouse.checks.witnesses import Outside
from warehouse.errors import NoWarehouse
from warehouse.ledger import read_rows
from warehouse.verify import verify

MEMORY = "the signer's memory"


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Genesis, three days of prod, one of staging; a file for each of the five records."""
    history = a_history(tmp_path)
    history.take_days(3)
    history.take(a_reading(instance=STAGING))
    return history


def names(report: Report) -> list[str]:
    return [found.name for found in report.findings]


def test_an_intact_history_is_intact(history: History) -> None:
    report = history.verify()

    assert report == Report(
        records=5,
        signatures=5,
        signatures_checked=5,
        signatures_valid=5,
        checkpoints=5,
        checkpoints_checked=5,
        checkpoints_valid=5,
        logs={ORIGIN: 5},
        instances=2,
        names={"prod", "staging"},
        vouched_by=[MEMORY],
    )
    assert (report.status, report.exit_code) == ("intact", 0)


def test_without_anybody_outside_to_vouch_for_its_end_it_is_incomplete(history: History) -> None:
    report = history.verify(vouched=False)

    assert report.findings == [
        Finding(
            "UNANCHORED",
            Place(log=ORIGIN),
            "a checkpoint of all 5 records, kept elsewhere",
            "none",
        )
    ]
    assert (report.vouched_by, report.status, report.exit_code) == ([], "incomplete", 3)


def test_who_remembers_less_than_there_is_vouches_for_no_end(history: History) -> None:
    earlier = history.remembered()
    history.take()

    report = verify(history.root, trust_any([history.key]), outside=Outside((earlier,)))

    assert [(f.name, f.found) for f in report.findings] == [
        ("UNANCHORED", "one of 5: newer records may be missing")
    ]
    assert (report.vouched_by, report.status) == ([], "incomplete")


def test_who_has_a_folder_of_anchors_misses_one_even_where_the_memory_agrees(
    history: History,
) -> None:
    outside = Outside((history.remembered(),), anchored=True)

    report = verify(history.root, trust_any([history.key]), outside=outside)

    assert [(f.name, f.found) for f in report.findings] == [("UNANCHORED", "none")]
    assert (report.vouched_by, report.status) == ([MEMORY], "incomplete")


def test_records_that_wait_in_the_journal_make_it_incomplete(history: History) -> None:
    outside = Outside((history.remembered(),))

    report = verify(history.root, trust_any([history.key]), outside=outside, unfinished=1)

    assert (report.findings, report.unfinished) == ([], 1)
    assert (report.status, report.exit_code) == ("incomplete", 3)


def test_a_log_that_nobody_vouches_for_makes_it_incomplete(
    history: History, tmp_path: Path
) -> None:
    other = a_history(tmp_path, origin=OTHER, seed=2)

    report = history.verify(history.key, other.key)

    assert report.logs == {ORIGIN: 5, OTHER: 1}
    assert [(f.name, f.place.log) for f in report.findings] == [("UNANCHORED", OTHER)]
    assert report.status == "incomplete"


def test_an_empty_warehouse_is_no_history(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.files()[0].unlink()
    history.ledger.layout.checkpoints.unlink()

    report = history.verify(vouched=False)

    assert report.findings == [
        Finding("GENESIS_MISSING", Place(), "a genesis record", "an empty warehouse")
    ]


def test_a_folder_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        verify(tmp_path, trust_any([a_key().public_key]))


def test_progress_counts_every_record_and_ends_with_all(history: History) -> None:
    heard: list[tuple[int, float]] = []

    verify(
        history.root,
        trust_any([history.key]),
        progress=lambda records, share: heard.append((records, share)),
    )

    assert [records for records, _ in heard] == [1, 2, 3, 4, 5]
    assert sorted(share for _, share in heard) == [share for _, share in heard]
    assert heard[-1][1] == 1.0


def test_without_any_trusted_key_nothing_is_trusted(history: History) -> None:
    outside = Outside((history.remembered(),))

    report = verify(history.root, trust_any([]), outside=outside)

    assert [(f.name, f.place.index, f.expected) for f in report.findings] == [
        ("KEY_UNTRUSTED", 0, "no key at all")
    ]
    assert (report.signatures_checked, report.signatures_valid) == (5, 0)
    assert (report.status, report.exit_code) == ("untrusted", 12)


def test_the_key_of_another_log_signs_nothing_in_this_one(history: History) -> None:
    neighbour = a_key(2)
    file = put(history.root, signed(a_snapshot(index=5, instance=STAGING), neighbour))

    report = history.verify(history.key, neighbour.public_key)

    found = report.findings[0]
    assert (found.name, found.place.file) == ("KEY_UNTRUSTED", str(file))
    assert (found.expected, found.found) == (history.key.key_id, neighbour.public_key.key_id)


def test_a_log_that_is_named_nowhere_is_known_by_its_records(history: History) -> None:
    history.ledger.layout.checkpoints.unlink()

    report = history.verify(vouched=False)
    fast = history.verify(vouched=False, scope=Scope(fast=True))

    assert (report.logs, fast.logs) == ({ORIGIN: 5}, {ORIGIN: 5})
    assert (names(report), names(fast)) == (["UNANCHORED"], ["UNANCHORED"])


def test_a_checkpoint_that_is_not_in_the_log_of_them_yet_is_no_tampering(history: History) -> None:
    notes = history.ledger.layout.checkpoints
    notes.write_text(notes.read_text().rpartition(f"{ORIGIN}\n5\n")[0])

    report = history.verify()

    assert (report.findings, report.unlogged, report.status) == ([], 1, "incomplete")


def test_a_torn_end_of_the_log_of_checkpoints_is_no_tampering(history: History) -> None:
    notes = history.ledger.layout.checkpoints
    whole = notes.read_bytes()
    newest = len(whole.rpartition(f"{ORIGIN}\n5\n".encode())[0])

    statuses = set()
    for end in range(newest, len(whole)):
        notes.write_bytes(whole[:end])
        report = history.verify(scope=Scope(fast=True))
        statuses.add((report.status, len(report.findings), report.unlogged))

    assert statuses == {("incomplete", 0, 1)}


def test_one_damaged_definition_does_not_accuse_the_others(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    others = (*SOME_DEFINITIONS, a_definition("more"))
    history.take(a_reading({"users": 1}, definitions=others), definitions=others)
    first, _ = sorted(
        history.ledger.layout.definitions.iterdir(), key=lambda path: path.stat().st_size
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
    assert report.status == "tampered"


def each_bit_flipped(content: bytes) -> Iterator[bytes]:
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            yield bytes(changed)


def test_very_many_findings_are_counted_and_not_all_kept(history: History) -> None:
    last = history.files()[-1]
    (row,) = read_rows(last)
    forged = {**row, "signature": bytes(64), "checkpoint": None}
    tamper(last, lambda rows: rows.extend([forged] * 1_500))

    report = history.verify()

    assert report.counts["PAYLOAD_SIG_INVALID"] == 1_500
    assert sum(found.name == "PAYLOAD_SIG_INVALID" for found in report.findings) == 1_000
    assert (report.records, report.signatures, report.signatures_checked) == (1_505, 1_505, 1_505)


def test_findings_come_in_the_order_of_the_table_then_of_the_history(world: World) -> None:
    roll_back(world, 16)
    for index in (14, 4):
        file = next(f for f in world.files() if f.name.endswith(f".{index - 1:012d}.parquet"))
        tamper(file, lambda rows: rows[1].update(version_oss="9.9.9", signature=bytes(64)))

    report = world.verify()

    order = list(NAMES)
    assert [(f.name, f.place.index) for f in report.findings[:4]] == [
        ("PAYLOAD_SIG_INVALID", 4),
        ("PAYLOAD_SIG_INVALID", 14),
        ("ROW_MISMATCH", 4),
        ("ROW_MISMATCH", 14),
    ]
    assert sorted(names(report), key=order.index) == names(report)
    assert [name for name, _ in findings_by_name(report)] == sorted(report.counts, key=order.index)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], "intact"),
        (["GAP"], "incomplete"),
        (["GAP", "KEY_UNTRUSTED"], "untrusted"),
        (["KEY_UNTRUSTED", "ROW_MISMATCH", "GAP"], "tampered"),
    ],
)
def test_the_worst_finding_decides_the_status(found: list[str], status: str) -> None:
    report = Report()
    for name in found:
        report.find(name, "this", "that")

    assert report.status == status
    assert (
        report.exit_code == {"intact": 0, "incomplete": 3, "untrusted": 12, "tampered": 13}[status]
    )
