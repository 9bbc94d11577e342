"""Bundles that somebody changed on their way to the auditor: each change is found, by its name."""

import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import ORIGIN, a_checkpoint
from tests.forged_bundles import (
    A_WEEK,
    FORGERIES,
    STRANGER,
    Members,
)
from tests.forged_tables import another_cell, in_table
from tests.rotated import FIRST, SECOND, Rotated, a_rotated_history, records_of
from warehouse.checks.findings import Finding, Place, Report
from warehouse.checks.trust import Trust, Trusted, trust_any
from warehouse.checks.witnesses import Outside, Spoilt, Witness
from warehouse.note import parse_checkpoint
from warehouse.proofs.archive import write_archive
from warehouse.proofs.bundling import bundle
from warehouse.proofs.checking import check_archive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    return a_rotated_history(tmp_path_factory.mktemp("rotated"))


@pytest.fixture(scope="module")
def made(rotated: Rotated, tmp_path_factory: pytest.TempPathFactory) -> Members:
    path = tmp_path_factory.mktemp("week") / "week.zip"
    bundle(rotated.root, "prod", A_WEEK, None, path)
    with zipfile.ZipFile(path) as content:
        return {name: content.read(name) for name in content.namelist()}


@pytest.fixture
def week(made: Members) -> Members:
    """The members of an honest bundle, to be changed."""
    return dict(made)


@pytest.fixture
def kept(rotated: Rotated) -> Outside:
    """The newest checkpoint, kept by the auditor."""
    return Outside((a_witness(rotated.notes()[-1]),))


def a_witness(note: str) -> Witness:
    head = parse_checkpoint(note)
    return Witness("expected", "kept.note", head.checkpoint, head)


def check(
    members: Members, folder: Path, outside: Outside | None = None, trust: Trust | None = None
) -> Report:
    path = folder / "bundle.zip"
    write_archive(path, members.items())
    return check_archive(path, trust or trust_any([FIRST.public_key]), outside)


def test_the_bundle_that_is_changed_here_is_intact(
    week: Members, kept: Outside, tmp_path: Path
) -> None:
    report = check(week, tmp_path, kept)

    assert (report.status, report.findings) == ("intact", [])
    assert report.logs == {ORIGIN: 37}
    assert (report.records, report.signatures_valid, report.instances) == (9, 9, 1)


@pytest.mark.parametrize("did", FORGERIES)
def test_a_change_is_found_by_its_name(
    did: str, week: Members, kept: Outside, tmp_path: Path
) -> None:
    forge, expected = FORGERIES[did]
    forge(week)

    report = check(week, tmp_path, kept)

    assert report.counts == Counter(expected)


def test_a_finding_says_where_and_what(week: Members, kept: Outside, tmp_path: Path) -> None:
    in_table(another_cell)(week)

    report = check(week, tmp_path, kept)

    place = Place(ORIGIN, 13, "prod", "data.parquet")
    assert report.findings == [Finding("ROW_MISMATCH", place, "users 104", "900")]


@pytest.mark.parametrize("index", [2, 4])
def test_a_record_of_somebody_else_does_not_belong(
    index: int, week: Members, rotated: Rotated, kept: Outside, tmp_path: Path
) -> None:
    record = list(records_of(rotated.root))[index]
    week[f"payloads/{index}.json"] = record.payload
    week[f"payloads/{index}.sig"] = record.signature
    week[f"proofs/{index}.tlog-proof"] = week["proofs/5.tlog-proof"]

    report = check(week, tmp_path, kept)

    assert report.counts == {"PAYLOAD_FIELD_MISMATCH": 2}


def test_every_byte_of_a_small_member_counts(week: Members, kept: Outside, tmp_path: Path) -> None:
    names = ["payloads/22.sig", "proofs/22.tlog-proof", "checkpoints/37.note"]

    for name in names:
        for place in range(0, len(week[name]), 7):
            flipped = bytearray(week[name])
            flipped[place] ^= 1
            assert check({**week, name: bytes(flipped)}, tmp_path, kept).status == "tampered"


def outside_of(*notes: str) -> Outside:
    return Outside(tuple(a_witness(note) for note in notes))


def test_another_checkpoint_of_the_same_size_is_a_fork(week: Members, tmp_path: Path) -> None:
    other = a_checkpoint(*[b"another"] * 37, by=[SECOND])

    report = check(week, tmp_path, outside_of(other))

    root = parse_checkpoint(other).root.hex()
    found = parse_checkpoint(week["checkpoints/37.note"].decode()).root.hex()
    expected = f"root {root} of 37 records, by kept.note"
    assert report.findings[0] == Finding("FORK", Place(log=ORIGIN), expected, found)
    assert report.counts == {"FORK": 1, "UNANCHORED": 1}


def test_a_checkpoint_of_another_size_says_nothing(
    week: Members, rotated: Rotated, tmp_path: Path
) -> None:
    report = check(week, tmp_path, outside_of(rotated.notes()[-2]))

    expected = "a checkpoint of 21 or 37 records that somebody else keeps"
    found = "none; those known elsewhere are of 33"
    assert report.findings == [Finding("UNANCHORED", Place(log=ORIGIN), expected, found)]
    assert report.vouched_by == []


def test_an_older_checkpoint_that_is_in_it_is_enough(
    week: Members, rotated: Rotated, tmp_path: Path
) -> None:
    (older,) = [note for note in rotated.notes() if parse_checkpoint(note).size == 21]

    assert check(week, tmp_path, outside_of(older)).status == "intact"


def test_a_note_by_a_key_that_the_bundle_cannot_know_says_nothing(
    week: Members, kept: Outside, tmp_path: Path
) -> None:
    later = a_checkpoint(*[b"another"] * 37, by=[STRANGER])

    alone = check(week, tmp_path, outside_of(later))
    beside = check(week, tmp_path, Outside((*kept.witnesses, a_witness(later))))

    assert (alone.counts, beside.status) == ({"UNANCHORED": 1}, "intact")
    assert alone.findings[0].found == "none"


def test_a_note_whose_signature_by_a_known_key_is_bad_is_named(
    week: Members, kept: Outside, tmp_path: Path
) -> None:
    good = parse_checkpoint(a_checkpoint(*[b"another"] * 37, by=[SECOND]))
    (line,) = good.note.signatures
    forged = replace(line, signature=bytes(64))
    note = str(replace(good.note, signatures=(forged,)))

    report = check(week, tmp_path, Outside((*kept.witnesses, a_witness(note))))

    assert report.counts == {"ANCHOR_INVALID": 1}


def test_anchors_that_cannot_be_read_are_named(
    week: Members, kept: Outside, tmp_path: Path
) -> None:
    outside = Outside(kept.witnesses, (Spoilt("tsa/1.tsr", "is empty"),), anchored=True)

    report = check(week, tmp_path, outside)

    assert report.counts == {"ANCHOR_INVALID": 1, "UNANCHORED": 1}
    assert report.findings[0].found == "tsa/1.tsr: is empty"


@pytest.mark.parametrize(
    ("trusted", "counts"),
    [
        (Trusted(STRANGER.public_key), {"KEY_UNTRUSTED": 1, "UNANCHORED": 1}),
        (Trusted(SECOND.public_key), {"KEY_UNTRUSTED": 1, "UNANCHORED": 1}),
        (Trusted(FIRST.public_key, "example.com/other"), {"LOG_UNKNOWN": 1, "UNANCHORED": 1}),
    ],
)
def test_a_bundle_by_a_key_that_is_not_trusted_is_not_believed(
    trusted: Trusted, counts: dict[str, int], week: Members, tmp_path: Path
) -> None:
    report = check(week, tmp_path, trust=Trust((trusted,)))

    assert report.counts == counts
    assert (report.status, report.exit_code) == ("untrusted", 12)
    assert report.signatures_valid == 0


def test_the_keys_in_the_bundle_are_never_trusted(week: Members, tmp_path: Path) -> None:
    week[f"keys/{STRANGER.public_key.key_id}.pem"] = STRANGER.public_key.pem.encode()

    report = check(week, tmp_path, trust=trust_any([STRANGER.public_key]))

    assert report.counts == {"KEY_UNTRUSTED": 1, "UNANCHORED": 1, "FILE_UNKNOWN": 1}
