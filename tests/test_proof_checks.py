"""`tallybook verify` of a proof: the same answers as its script, with the names of verification."""

from pathlib import Path

import pytest

from tests.builders import ORIGIN, a_key
from tests.command import tallybook
from tests.forged_proofs import FORGERIES, Forgery, a_proof_zip
from tests.rotated import SECOND, Rotated, a_rotated_history
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


@pytest.mark.parametrize(
    "forgery", [pytest.param(forgery, id=did) for did, forgery, _ in FORGERIES]
)
def test_verify_refuses_what_the_script_refuses(forgery: Forgery, tmp_path: Path) -> None:
    members = a_proof_zip(11, 6)
    forgery(members)

    report = check_archive(a_zip(members, tmp_path), trust_any([a_key().public_key]))

    assert report.status == "tampered"
