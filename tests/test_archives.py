"""Zip files from strangers: what cannot be meant is refused by name, before it can do harm."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders import a_key
from tests.command import tallybook
from tests.forged_proofs import a_proof_zip
from warehouse.checks.findings import Finding, Place, Report
from warehouse.checks.trust import trust_any
from warehouse.errors import BadInput, CannotStore
from warehouse.proofs.archive import BadArchive, limits, new_archive, open_archive, write_archive
from warehouse.proofs.checking import check_archive

pytestmark = pytest.mark.slow

ANY = limits((".*", 1 << 20))


def members(*, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A good proof, zipped by somebody else's program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in a_proof_zip(11, 6).items():
            archive.writestr(name, content)
    return out.getvalue()


def with_member(name: str, content: bytes = b"", **attributes: object) -> bytes:
    """The same with one member more."""
    out = io.BytesIO(members())
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        # It warns of a name that is there already.
        with warnings.catch_warnings(action="ignore"):
            archive.writestr(info, content)
    return out.getvalue()


def encrypted() -> bytes:
    content = bytearray(members())
    # The flag stands in both headers of the first member.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def renamed(old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return members().replace(old, new)


def damaged() -> bytes:
    content = bytearray(members(method=zipfile.ZIP_STORED))
    place = content.index(b'"users":120')
    content[place + 8] ^= 1
    return bytes(content)


def larger_than_it_is() -> bytes:
    """Say in the list of members that one is far larger than what is packed."""
    content = bytearray(members())
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 1 << 30)
    return bytes(content)


def check(content: bytes, folder: Path) -> Report:
    path = folder / "proof.zip"
    path.write_bytes(content)
    return check_archive(path, trust_any([a_key().public_key]))


def test_a_zip_by_another_program_is_as_good(tmp_path: Path) -> None:
    assert check(members(), tmp_path).counts == {"UNANCHORED": 1}
    assert check(members(method=zipfile.ZIP_STORED), tmp_path).counts == {"UNANCHORED": 1}


ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "it is no zip file, or goes on after its end"),
    "no zip": (lambda: b"PK\x03\x04 and no more", "it is no zip file, or goes on after its end"),
    "no members": (
        lambda: b"PK\x05\x06" + bytes(18),
        "it has 0 members, expected 1 to 1000000",
    ),
    "an end that lies": (
        lambda: members()[:50] + members()[-22:],
        "it is no zip file: bad offset for central directory",
    ),
    "bytes after it": (
        lambda: members() + b"\n",
        "it is no zip file, or goes on after its end",
    ),
    "bytes before it": (
        lambda: b"#!/bin/sh\n" + members(),
        "it has other bytes before its beginning",
    ),
    "the same name twice": (
        lambda: with_member("record.json", b"{}"),
        "it has two members named 'record.json'",
    ),
    "a way out": (
        lambda: with_member("../../etc/passwd"),
        "no such file has a member named '../../etc/passwd'",
    ),
    "a way from the top": (
        lambda: with_member("/etc/passwd"),
        "no such file has a member named '/etc/passwd'",
    ),
    "a way of another system": (
        lambda: with_member("payloads\\1.json"),
        r"no such file has a member named 'payloads\\1.json'",
    ),
    "a folder": (
        lambda: with_member("payloads/"),
        "no such file has a member named 'payloads/'",
    ),
    "an index with a zero before it": (
        lambda: with_member("payloads/01.json"),
        "no such file has a member named 'payloads/01.json'",
    ),
    "a line break in a name": (
        lambda: with_member("record.json\n"),
        r"no such file has a member named 'record.json\n'",
    ),
    "a zero byte in a name": (
        lambda: renamed(b"record.json", b"record.js\0n"),
        r"no such file has a member named 'record.js\x00n'",
    ),
    "a link": (
        lambda: with_member("data.csv", b"/etc/passwd", external_attr=0o120777 << 16),
        "member 'data.csv' is no plain file: encrypted, a link, or packed oddly",
    ),
    "another packing": (
        lambda: with_member("data.csv", b"a", compress_type=zipfile.ZIP_BZIP2),
        "member 'data.csv' is no plain file: encrypted, a link, or packed oddly",
    ),
    "encrypted": (
        encrypted,
        "member 'README.txt' is no plain file: encrypted, a link, or packed oddly",
    ),
    "a bomb": (
        lambda: with_member("payloads/1.json", bytes((1 << 20) + 1)),
        "member 'payloads/1.json' has 1048577 bytes, more than 1048576",
    ),
    "a size that is a lie": (
        larger_than_it_is,
        "member 'README.txt' has 1073741824 bytes, more than 1048576",
    ),
    "a damaged member": (
        damaged,
        "member 'record.json' cannot be read: Bad CRC-32 for file 'record.json'",
    ),
}


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


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotStore, match="no such file or directory"),
        new_archive(tmp_path / "none" / "a.zip") as draft,
    ):
        write_archive(draft, [])
