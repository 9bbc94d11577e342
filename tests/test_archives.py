"""Zip files from strangers: what cannot be meant is refused by name, before it can do harm."""

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import a_key
from tests.command import tallybook
from tests.forged_archives import ODD, members
from tests.forged_proofs import a_proof_zip
from warehouse.checks.findings import Finding, Place, Report
from warehouse.checks.trust import trust_any
from warehouse.errors import BadInput, CannotStore
from warehouse.proofs.archive import BadArchive, limits, new_archive, open_archive, write_archive
from warehouse.proofs.checking import check_archive

pytestmark = pytest.mark.slow

ANY = limits((".*", 1 << 20))


def check(content: bytes, folder: Path) -> Report:
    path = folder / "proof.zip"
    path.write_bytes(content)
    return check_archive(path, trust_any([a_key().public_key]))


def test_a_zip_by_another_program_is_as_good(tmp_path: Path) -> None:
    assert check(members(), tmp_path).counts == {"UNANCHORED": 1}
    assert check(members(method=zipfile.ZIP_STORED), tmp_path).counts == {"UNANCHORED": 1}


@pytest.mark.skipif(not shutil.which("zip"), reason="needs zip")
def test_a_zip_by_info_zip_is_as_good(tmp_path: Path) -> None:
    proof = a_proof_zip(11, 6)
    for name, content in proof.items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(["zip", "-qX", "other.zip", *proof], cwd=tmp_path, check=True)

    assert check((tmp_path / "other.zip").read_bytes(), tmp_path).counts == {"UNANCHORED": 1}


def test_very_many_members_are_as_good(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    write_archive(path, ((f"{number}", b"") for number in range(70_000)))

    with open_archive(path, ANY) as archive:
        assert len(archive.sizes) == 70_000
        assert archive.read("69999") == b""


@pytest.mark.parametrize("what", ODD)
def test_what_cannot_be_meant_is_refused_by_name(what: str, tmp_path: Path) -> None:
    make, reason = ODD[what]

    report = check(make(), tmp_path)

    place = Place(file="proof.zip")
    assert report.findings == [Finding("FILE_UNREADABLE", place, "a bundle or a proof", reason)]
    assert (report.status, report.exit_code) == ("tampered", 13)


def test_all_members_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "many.zip"
    write_archive(path, [("a", bytes(600)), ("b", bytes(600))])
    monkeypatch.setattr("warehouse.proofs.archive._MOST_BYTES", 1_000)

    with (
        pytest.raises(BadArchive, match="its members have 1200 bytes, more than 1000"),
        open_archive(path, ANY),
    ):
        pass


def test_a_bundle_without_a_manifest_is_none(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    write_archive(path, [("data.csv", b"a\n")])

    report = check_archive(path, trust_any([a_key().public_key]))

    assert [finding.found for finding in report.findings] == ["it has no member 'manifest.json'"]


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `format`"),
        (
            b'{"format":"tallybook/bundle/v2"}',
            "Invalid enum value 'tallybook/bundle/v2' - at `$.format`",
        ),
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
    ],
)
def test_a_manifest_that_says_what_cannot_be_is_refused(
    manifest: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.zip"
    write_archive(path, [("manifest.json", manifest)])

    report = check_archive(path, trust_any([a_key().public_key]))

    expected = f"member 'manifest.json' says what cannot be: {reason}"
    assert [finding.found for finding in report.findings] == [expected]


def test_the_command_ends_with_the_exit_code_of_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "odd.zip").write_bytes(b"no zip")
    (tmp_path / "key.pem").write_text(a_key().public_key.pem)

    ran = tallybook("verify", "odd.zip", "--trust", "key.pem", cwd=tmp_path)

    assert ran.code == 13
    assert ran.out.startswith("The history is NOT what was signed.\n")
    assert "  file      odd.zip\n" in ran.out


def test_a_file_that_is_not_there_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(a_key().public_key.pem)

    ran = tallybook("verify", "none.zip", "--trust", "key.pem", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: cannot read 'none.zip': no such file or directory\n"


@pytest.mark.parametrize("words", [("--fast",), ("--instance", "prod"), ("--since", "90d")])
def test_a_file_is_checked_as_a_whole(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(a_key().public_key.pem)

    ran = tallybook("verify", "proof.zip", "--trust", "key.pem", *words, cwd=tmp_path)

    assert ran.code == 2
    assert "BUNDLE goes without --warehouse, --instance, --since and --fast" in ran.err


def test_a_draft_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def members() -> Iterator[tuple[str, bytes]]:
        yield "a", b""
        raise BadInput("no more")

    with pytest.raises(BadInput, match="no more"), new_archive(tmp_path / "a.zip") as draft:
        write_archive(draft, members())

    assert list(tmp_path.iterdir()) == []


def test_somebody_who_was_quicker_keeps_his_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"

    def members() -> Iterator[tuple[str, bytes]]:
        yield "a", b""
        path.write_text("quicker")

    with pytest.raises(BadInput, match="is there already"), new_archive(path) as draft:
        write_archive(draft, members())

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.zip", "quicker")]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.zip"

    with pytest.raises(BadInput) as refused, new_archive(path):
        pass

    assert str(refused.value) == (
        f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}"
    )
    assert refused.value.hint == "Make the folder first, or name another file."


def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 250}.zip"

    with pytest.raises(CannotStore) as refused, new_archive(path) as draft:
        write_archive(draft, [])

    assert str(refused.value) == f"cannot write {str(path)!r}: file name too long"
