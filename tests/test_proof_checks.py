"""`tallybook verify` of a proof: the same answers as its script, with the names of verification."""

import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from etl.signing import KeySigner
from tests.builders import ORIGIN, a_key
from tests.command import tallybook
from tests.forged_proofs import FORGERIES, Forgery, a_proof_zip
from tests.rotated import FIRST, SECOND, Rotated, a_rotated_history
from warehouse.checks.findings import Finding, Place
from warehouse.checks.trust import Trust, Trusted, trust_any
from warehouse.checks.witnesses import Outside, Witness
from warehouse.note import parse_checkpoint
from warehouse.proofs.archive import write_archive
from warehouse.proofs.checking import check_archive
from warehouse.proofs.proving import prove


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    return a_rotated_history(tmp_path_factory.mktemp("rotated"))


def a_zip(members: dict[str, bytes], folder: Path) -> Path:
    path = folder / "proof.zip"
    write_archive(path, members.items())
    return path


def test_verify_takes_a_proof_as_well(tmp_path: Path) -> None:
    path = a_zip(a_proof_zip(11, 6), tmp_path)
    head = parse_checkpoint(a_proof_zip(11, 6)["checkpoint.note"].decode())
    witness = Witness("expected", "kept.note", head.checkpoint, head)

    report = check_archive(path, trust_any([a_key().public_key]), Outside((witness,)))

    assert (report.status, report.findings) == ("intact", [])
    assert (report.records, report.signatures_valid, report.checkpoints_valid) == (1, 1, 1)
    assert report.vouched_by == ["kept.note"]


@pytest.mark.slow
def test_verify_says_of_a_proof_what_is_not_proved(rotated: Rotated, tmp_path: Path) -> None:
    prove(rotated.root, "prod", None, None, tmp_path / "proof.zip")
    (tmp_path / "key.pem").write_text(SECOND.public_key.pem)
    (tmp_path / "kept.note").write_text(rotated.notes()[-1])

    alone = tallybook("verify", "proof.zip", "--trust", "key.pem", cwd=tmp_path)
    vouched = tallybook(
        *("verify", "proof.zip", "--trust", "key.pem", "--expect", "kept.note"), cwd=tmp_path
    )

    assert (alone.code, vouched.code) == (3, 0)
    assert "UNANCHORED" in alone.out


@pytest.mark.parametrize(
    ("trusted", "name", "expected", "found"),
    [
        (
            Trusted(a_key(66).public_key),
            "KEY_UNTRUSTED",
            a_key(66).public_key.key_id,
            a_key().public_key.key_id,
        ),
        (
            Trusted(a_key().public_key, "example.com/other"),
            "LOG_UNKNOWN",
            "example.com/other",
            ORIGIN,
        ),
    ],
)
def test_a_proof_by_a_key_that_is_not_trusted_is_no_proof(
    trusted: Trusted, name: str, expected: str, found: str, tmp_path: Path
) -> None:
    path = a_zip(a_proof_zip(11, 6), tmp_path)

    report = check_archive(path, Trust((trusted,)))

    place = Place(ORIGIN, 6, "prod", "record.json")
    assert report.findings == [Finding(name, place, expected, found)]
    assert (report.status, report.exit_code) == ("untrusted", 12)


@pytest.fixture(scope="module")
def later(rotated: Rotated, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a proof whose record the second key signed."""
    path = tmp_path_factory.mktemp("later") / "proof.zip"
    prove(rotated.root, "prod", None, None, path)
    with zipfile.ZipFile(path) as content:
        return {name: content.read(name) for name in content.namelist()}


@pytest.fixture
def kept(rotated: Rotated) -> Outside:
    """The newest checkpoint, kept by the auditor."""
    head = parse_checkpoint(rotated.notes()[-1])
    return Outside((Witness("expected", "kept.note", head.checkpoint, head),))


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [FIRST, SECOND])
def test_either_key_is_enough_where_one_handed_over_to_the_other(
    trusted: KeySigner, later: dict[str, bytes], kept: Outside, tmp_path: Path
) -> None:
    report = check_archive(a_zip(later, tmp_path), trust_any([trusted.public_key]), kept)

    assert (report.status, report.findings) == ("intact", [])
    assert (report.records, report.signatures_valid) == (3, 3)


CHANGED = "payloads/20.json"
SPOILT: dict[str, tuple[Callable[[dict[str, bytes]], object], dict[str, int]]] = {
    "the change of keys": (
        lambda m: m.update({CHANGED: m[CHANGED].replace(b'"rotate"', b'"revoke"')}),
        {"ROOT_MISMATCH": 1, "KEY_UNTRUSTED": 2},
    ),
    "its signature": (
        lambda m: m.update({"payloads/20.sig": m["payloads/0.sig"]}),
        {"PAYLOAD_SIG_INVALID": 1, "KEY_UNTRUSTED": 1},
    ),
    "its proof": (lambda m: m.pop("proofs/20.tlog-proof"), {"FILE_UNREADABLE": 1}),
    "no genesis": (
        lambda m: [m.pop(name) for name in list(m) if "/0." in name],
        {"GENESIS_MISSING": 1},
    ),
    "a record too many": (
        lambda m: m.update(
            {
                "payloads/5.json": m["record.json"],
                "payloads/5.sig": m["record.sig"],
                "proofs/5.tlog-proof": m["record.tlog-proof"],
            }
        ),
        {"PAYLOAD_FIELD_MISMATCH": 1},
    ),
    "the text": (
        lambda m: m.update({"README.txt": m["README.txt"].replace(b"prod", b"test")}),
        {"ROW_MISMATCH": 1},
    ),
    "the script": (
        lambda m: m.update({"verify.sh": b"echo ok\n"}),
        {"ROW_MISMATCH": 1},
    ),
    "the key": (
        lambda m: m.update({"key.pem": FIRST.public_key.pem.encode()}),
        {"KEY_FORMAT": 1},
    ),
    "a note without a timestamp": (
        lambda m: m.update({f"anchors/tsa/{'0' * 16}.{'0' * 12}.note": m["checkpoint.note"]}),
        {"FILE_UNKNOWN": 1},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", SPOILT)
def test_what_leads_from_key_to_key_is_checked_and_so_are_the_texts(
    what: str, later: dict[str, bytes], kept: Outside, tmp_path: Path
) -> None:
    spoil, expected = SPOILT[what]
    members = dict(later)
    spoil(members)

    report = check_archive(a_zip(members, tmp_path), trust_any([FIRST.public_key]), kept)

    assert report.counts == expected


@pytest.mark.slow
def test_without_what_leads_there_the_first_key_is_not_enough(
    later: dict[str, bytes], tmp_path: Path
) -> None:
    members = {name: content for name, content in later.items() if "/" not in name}

    report = check_archive(a_zip(members, tmp_path), trust_any([FIRST.public_key]))

    assert (report.status, report.counts["KEY_UNTRUSTED"]) == ("untrusted", 1)


@pytest.mark.slow
def test_a_stranger_is_led_to_by_nobody(later: dict[str, bytes], tmp_path: Path) -> None:
    report = check_archive(a_zip(later, tmp_path), trust_any([a_key(66).public_key]))

    assert (report.status, report.counts["KEY_UNTRUSTED"]) == ("untrusted", 1)
    assert report.signatures_valid == 0


@pytest.mark.slow
def test_notes_by_keys_that_a_proof_cannot_know_say_nothing(
    rotated: Rotated, tmp_path: Path
) -> None:
    prove(rotated.root, "prod", datetime(2024, 3, 2), None, tmp_path / "p.zip")  # noqa: DTZ001
    (tmp_path / "key.pem").write_text(FIRST.public_key.pem)
    folder = tmp_path / "anchors"
    folder.mkdir()
    for size, note in enumerate(rotated.notes()):
        (folder / f"{size}.note").write_text(note)

    ran = tallybook(
        *("verify", "p.zip", "--trust", "key.pem", "--anchors", "anchors"), cwd=tmp_path
    )

    assert ran.code == 0, ran.out
    assert ran.out.splitlines()[0] == (
        f"prod at 2024-03-01T02:00:00.000Z: 1 snapshot, record 5 of {ORIGIN}, "
        "under a checkpoint of 21 records."
    )


@pytest.mark.parametrize(
    "forgery", [pytest.param(forgery, id=did) for did, forgery, _ in FORGERIES]
)
def test_verify_refuses_what_the_script_refuses(forgery: Forgery, tmp_path: Path) -> None:
    members = a_proof_zip(11, 6)
    forgery(members)

    report = check_archive(a_zip(members, tmp_path), trust_any([a_key().public_key]))

    assert report.status == "tampered"
