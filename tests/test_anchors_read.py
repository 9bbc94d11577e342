"""What an auditor gathered, read back: every form of it, and what is of no use."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.anchored import KEY, Anchored, an_anchored, table
from tests.tsa import Authority, a_keeper, an_authority
from warehouse.anchors import Anchor, certificate_files, read_anchors
from warehouse.errors import BadInput
from warehouse.note import parse_checkpoint


@pytest.fixture
def world(tmp_path: Path) -> Anchored:
    made = an_anchored(tmp_path)
    made.history.take()
    return made


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    folder = tmp_path / "audit"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("tsa") / "ca")


def plain(path: Path, note: str) -> Anchor:
    return Anchor(str(path), parse_checkpoint(note))


@pytest.fixture
def stamped(world: Anchored, authority: Authority, audit: Path) -> Path:
    """A token in the auditor's folder, its note beside it."""
    (audit / "head.note").write_text(world.note)
    (audit / "head.tsr").write_bytes(authority.stamp(world.note.encode()))
    return audit / "head.tsr"


@pytest.mark.parametrize("name", ["head.note", "mail.txt", "heads.log", "checkpoint"])
def test_one_note_in_a_file(world: Anchored, audit: Path, name: str) -> None:
    (audit / name).write_text(world.note)

    assert read_anchors(audit) == [plain(audit / name, world.note)]


def test_many_notes_in_a_file(world: Anchored, audit: Path) -> None:
    shutil.copy(world.history.ledger.layout.checkpoints, audit)

    log = audit / "checkpoints.log"
    assert read_anchors(audit) == [plain(log, note) for note in world.notes]


def test_the_smallest_comes_first_wherever_it_lies(world: Anchored, audit: Path) -> None:
    for place, note in zip(
        ("a.note", "b/b.note", "b/c/checkpoint"), world.notes[::-1], strict=True
    ):
        (audit / place).parent.mkdir(exist_ok=True)
        (audit / place).write_text(note)

    assert read_anchors(audit) == [
        plain(audit / "b/c/checkpoint", world.notes[0]),
        plain(audit / "b/b.note", world.notes[1]),
        plain(audit / "a.note", world.notes[2]),
    ]


def test_what_is_other_peoples_business_is_passed_over(world: Anchored, audit: Path) -> None:
    (audit / "README.txt").write_text("What I found.\n\nIn March.\n")
    (audit / "access.log").write_text("GET /\n")
    (audit / "node.prom").write_text("node_load1 0.5\n")
    (audit / "picture.png").write_bytes(b"\x89PNG")
    (audit / ".git").mkdir()
    (audit / ".git" / "checkpoint").write_text("torn")
    (audit / ".head.note.123").write_text("torn")
    (audit / "ledger.pub.pem").write_text(world.history.key.pem)

    assert read_anchors(audit) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("half of it", "note has no empty line with whole signature lines after it"),
        ("{note}more", "note has no empty line with whole signature lines after it"),
    ],
)
def test_a_file_that_should_be_a_note_and_is_none(
    world: Anchored, audit: Path, content: str, problem: str
) -> None:
    (audit / "head.note").write_text(content.format(note=world.note))

    assert read_anchors(audit) == [Anchor(f"{audit}/head.note", None, None, problem)]


def test_line_ends_of_another_system_are_no_note(world: Anchored, audit: Path) -> None:
    (audit / "head.note").write_bytes(world.note.replace("\n", "\r\n").encode())

    (found,) = read_anchors(audit)

    assert found.problem == "note has a control character in it"


def test_a_torn_end_costs_no_other_note(world: Anchored, audit: Path) -> None:
    log = audit / "checkpoints.log"
    log.write_text("\n".join(world.notes)[:-20])

    found = read_anchors(audit)

    assert [a.checkpoint and a.checkpoint.size for a in found] == [None, 1, 2]
    assert found[0].problem


def test_labels_of_a_metric_are_read_as_they_were_escaped(audit: Path, world: Anchored) -> None:
    odd = world.note.replace("example.com", r"exam\"ple\.com")
    escaped = odd.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    (audit / "x.prom").write_text(
        f'tallybook_checkpoint_info{{origin="a",note="{escaped}",job="b"}} 1 1790000000\n'
        f'tallybook_checkpoint_info_of_others{{note="x"}} 1\n'
    )

    assert read_anchors(audit) == [plain(audit / "x.prom", odd)]


def test_a_damaged_metric(audit: Path) -> None:
    (audit / "x.prom").write_text('tallybook_checkpoint_info{note="half"} 1\n')

    (found,) = read_anchors(audit)

    assert found.problem == "note has no empty line with whole signature lines after it"


def test_a_timestamp_gives_its_note_a_time(
    stamped: Path, world: Anchored, authority: Authority
) -> None:
    token, note = read_anchors(stamped.parent, trusted_ca=[authority.ca])[::-1]

    assert note == plain(stamped.with_suffix(".note"), world.note)
    assert replace(token, at=None) == plain(stamped, world.note)
    assert token.at is not None


def test_an_authority_in_the_auditors_own_folder_is_trusted(
    stamped: Path, authority: Authority
) -> None:
    (stamped.parent / "certificates").mkdir()
    shutil.copy(authority.ca, stamped.parent / "certificates")

    assert [anchor.at is None for anchor in read_anchors(stamped.parent)] == [True, False]


def test_an_authority_in_a_folder_that_others_filled_is_not(
    stamped: Path, authority: Authority
) -> None:
    shutil.copy(authority.ca, stamped.parent)

    found = read_anchors(stamped.parent, trust_folder=False)

    assert [(anchor.at, anchor.problem, anchor.untrusted) for anchor in found] == [
        (None, None, False),
        (None, "no root certificate is trusted that it could be checked with", True),
    ]


def test_files_of_certificates_are_told_from_those_of_keys(
    stamped: Path, world: Anchored, authority: Authority
) -> None:
    (stamped.parent / "authorities").mkdir()
    shutil.copy(authority.ca, stamped.parent / "authorities" / "tsa.pem")
    (stamped.parent / "ledger.pub.pem").write_text(world.history.key.pem)

    assert certificate_files(stamped.parent) == [stamped.parent / "authorities" / "tsa.pem"]


def test_tokens_in_a_warehouse_are_never_good_by_its_own_certificates(
    world: Anchored, authority: Authority
) -> None:
    with a_keeper(authority.answer) as keeper:
        world.hand_over(table("tsa", "rfc3161", url=keeper.url, ca=authority.ca))

    folder = world.history.ledger.layout.anchors
    unknown = read_anchors(folder, trust_folder=False)[-1]
    known = read_anchors(folder, trusted_ca=[authority.ca], trust_folder=False)[-1]

    assert (folder / "tsa" / "ca.pem").read_bytes() == authority.ca.read_bytes()
    assert (unknown.at, known.at is None) == (None, False)


def test_a_timestamp_of_another_note(stamped: Path, world: Anchored, authority: Authority) -> None:
    stamped.with_suffix(".note").write_text(world.notes[0])

    found = read_anchors(stamped.parent, trusted_ca=[authority.ca])

    assert found[-1] == replace(plain(stamped, world.notes[0]), problem="Mismatch between messages")


def test_a_timestamp_without_its_note(stamped: Path, authority: Authority) -> None:
    stamped.with_suffix(".note").unlink()

    assert read_anchors(stamped.parent, trusted_ca=[authority.ca]) == [
        Anchor(str(stamped), None, None, "there is no 'head.note' beside it")
    ]


def test_a_timestamp_of_what_is_no_note(audit: Path, authority: Authority) -> None:
    (audit / "a.note").write_text("a picture of a cat")
    (audit / "a.tsr").write_bytes(authority.stamp(b"a picture of a cat"))

    found = read_anchors(audit, trusted_ca=[authority.ca])

    problem = "note has no empty line with whole signature lines after it"
    assert found == [
        Anchor(f"{audit}/a.note", None, None, problem),
        Anchor(f"{audit}/a.tsr", None, None, problem),
    ]


def test_a_malformed_certificate_in_the_folder_is_named(audit: Path) -> None:
    (audit / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----\n")

    (found,) = read_anchors(audit)

    assert found.file == f"{audit}/ca.pem"
    assert str(found.problem).startswith("malformed certificate: ")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        read_anchors(tmp_path / "nowhere")

    assert str(refusal.value) == f"no folder '{tmp_path}/nowhere' to read anchors from"


def test_a_file_that_cannot_be_read_is_named(audit: Path) -> None:
    (audit / "head.note").symlink_to("head.note")

    (found,) = read_anchors(audit)

    assert str(found.problem).startswith("cannot be read: too many levels of symbolic links")


def test_the_name_of_a_kept_file_is_the_logs_and_the_size(world: Anchored, audit: Path) -> None:
    world.hand_over(table("a", "file", folder=audit))

    assert read_anchors(audit) == [plain(audit / f"{KEY}.000000000003.note", world.note)]
