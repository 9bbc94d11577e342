"""What is known outside a warehouse: who may say where a log ends, and who may not."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.attack_tools import expect
from tests.attack_world import (
    FIRST,
    OTHER,
    OTHER_SIZE,
    THURSDAY,
    World,
    file_anchor,
    note_of,
)
from tests.builders import DAY, ORIGIN
from warehouse.checks.witnesses import Outside, Spoilt, Witness
from warehouse.errors import BadInput
from warehouse.note import Checkpoint, parse_checkpoint
from warehouse.outside import gather

HEAD = Checkpoint(ORIGIN, 7, bytes(32))


def kinds(outside: Outside) -> list[tuple[str, str, int]]:
    return [(w.kind, w.head.origin, w.head.size) for w in outside.witnesses]


def refused(world: World, **where: object) -> tuple[str, str | None]:
    with pytest.raises(BadInput) as refusal:
        gather(world.root, **where)  # type: ignore[arg-type]  # named by the caller
    return str(refusal.value), refusal.value.hint


def test_who_knows_nothing_has_no_witness(world: World) -> None:
    assert gather(world.root) == Outside()


def test_the_signers_memory_is_a_witness_without_a_note(world: World) -> None:
    outside = gather(world.root, memory=[HEAD])

    assert outside == Outside((Witness("memory", "the signer's memory", HEAD),))


def test_a_note_that_was_kept_is_a_witness(world: World) -> None:
    expect(world, 16)

    outside = gather(world.root, expected=world.expected)

    (kept,) = world.expected
    note = parse_checkpoint(note_of(world, 16))
    assert outside == Outside((Witness("expected", str(kept), note.checkpoint, note),))


def test_a_note_that_is_not_there_is_refused(world: World) -> None:
    missing = world.folder / "kept.note"

    assert refused(world, expected=[missing]) == (
        f"cannot read the expected note '{missing}': no such file or directory",
        None,
    )


@pytest.mark.parametrize("content", [b"", b"no note", b"\xff\xfe", b"a\n1\nAAAA\n\n"])
def test_what_is_no_checkpoint_is_refused_as_one(world: World, content: bytes) -> None:
    kept = world.folder / "kept.note"
    kept.write_bytes(content)

    message, hint = refused(world, expected=[kept])

    assert message.startswith(f"'{kept}' is no checkpoint: ")
    assert hint == "Expected a signed note, as checkpoints.log has one for each commit."


def test_a_folder_of_anchors_gives_notes_and_times(world: World) -> None:
    outside = gather(world.root, anchors=world.auditor)

    assert kinds(outside) == [
        ("anchor", OTHER, OTHER_SIZE),
        ("anchor", ORIGIN, 10),
        ("anchor", ORIGIN, 10),
        ("timestamp", ORIGIN, 16),
    ]
    assert [w.at for w in outside.witnesses][:3] == [None, None, THURSDAY]
    assert (outside.anchored, outside.spoilt) == (True, ())


def test_the_warehouses_own_timestamps_count_for_who_trusts_their_authority(world: World) -> None:
    nobody = gather(world.root)
    somebody = gather(world.root, authorities=[world.authority.ca])

    assert kinds(nobody) == []
    assert kinds(somebody) == [("timestamp", ORIGIN, 16)]
    assert somebody.anchored is False


def test_the_warehouses_own_notes_prove_nothing(world: World) -> None:
    (world.layout.anchors / "kept.tsr").unlink()

    assert kinds(gather(world.root, authorities=[world.authority.ca])) == []


def test_the_warehouses_own_certificates_are_nobodys_authority(world: World) -> None:
    shutil.copy(world.authority.ca, world.layout.anchors)
    (world.auditor / "ca.pem").unlink()

    outside = gather(world.root, anchors=world.auditor)

    assert [w.kind for w in outside.witnesses if w.at] == []


def test_an_authority_can_be_named_beside_the_folder(world: World) -> None:
    (world.auditor / "ca.pem").unlink()

    outside = gather(world.root, anchors=world.auditor, authorities=[world.authority.ca])

    assert [w.at for w in outside.witnesses if w.kind == "anchor"][2] == THURSDAY


def test_what_cannot_be_read_is_spoilt_and_the_rest_counts(world: World) -> None:
    file_anchor(world, "torn", note_of(world, 20)[:-9])

    outside = gather(world.root, anchors=world.auditor)

    (spoilt,) = outside.spoilt
    assert spoilt.name == str(world.auditor / "torn.note")
    assert len(outside.witnesses) == 4


def test_an_expired_certificate_spoils_a_timestamp_and_not_its_note(world: World) -> None:
    file_anchor(world, "late", note_of(world, 20), THURSDAY + DAY, signer="expired")

    outside = gather(world.root, anchors=world.auditor)

    assert outside.spoilt == (Spoilt(str(world.auditor / "late.tsr"), "certificate has expired"),)
    assert ("anchor", ORIGIN, 20) in kinds(outside)


def test_no_folder_of_anchors_is_refused(world: World) -> None:
    missing = world.folder / "nowhere"

    assert refused(world, anchors=missing) == (
        f"no folder '{missing}' to read anchors from",
        None,
    )


def test_the_history_cannot_be_its_own_witness(world: World) -> None:
    message, hint = refused(world, anchors=world.layout.anchors)

    assert message == (
        f"'{world.layout.anchors}' is part of the history itself, which proves nothing of itself"
    )
    assert hint == "Name a folder of your own, with what you kept or got from the keepers."


def test_a_file_without_a_certificate_is_no_authority(world: World, tmp_path: Path) -> None:
    key = tmp_path / "ledger.pub.pem"
    key.write_text(FIRST.public_key.pem)

    assert refused(world, authorities=[key])[0] == f"'{key}' has no certificate in it"


def test_the_ledgers_key_may_lie_with_the_anchors(world: World) -> None:
    (world.auditor / "ledger.pub.pem").write_text(FIRST.public_key.pem)

    outside = gather(world.root, anchors=world.auditor)

    assert (len(outside.witnesses), outside.spoilt) == (4, ())


def test_a_damaged_certificate_is_told_and_refuses_nothing(world: World) -> None:
    damaged = world.auditor / "authority.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    outside = gather(world.root, anchors=world.auditor)

    (spoilt,) = outside.spoilt
    assert (spoilt.name, len(outside.witnesses)) == (str(damaged), 4)


def test_the_witnesses_of_a_log_come_by_size() -> None:
    heads = [Checkpoint(ORIGIN, 9, bytes(32)), Checkpoint(OTHER, 1, bytes(32)), HEAD]
    outside = Outside([Witness("memory", str(head.size), head) for head in heads])

    assert [w.name for w in outside.of(ORIGIN)] == ["7", "9"]
    assert [w.name for w in outside.of("example.com/third")] == []


def test_a_time_that_a_stranger_vouches_for_is_that_of_the_token(world: World) -> None:
    at = THURSDAY + timedelta(hours=30)
    file_anchor(world, "more", note_of(world, 16), at)

    outside = gather(world.root, anchors=world.auditor)

    (more,) = [w for w in outside.witnesses if w.name.endswith("more.tsr")]
    assert (more.at, more.head.size) == (at, 16)
