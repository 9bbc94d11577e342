"""Every attack is found, named and placed; and nothing else is taken for one."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.attack_tools import Attack, a_line, edit_note, rewrite_log, roll_back
from tests.attack_world import (
    FIRST,
    OTHER,
    OTHER_SIZE,
    SIZE,
    STRANGER,
    World,
    copy_of,
    file_anchor,
    note_of,
)
from tests.attacks import TABLE
from tests.builders import ORIGIN
from tests.tsa import an_authority
from warehouse import catalog
from warehouse.checks.findings import EXIT_CODES, NAMES, Place, Report
from warehouse.layout import log_key
from warehouse.note import Checkpoint, parse_checkpoint

# A log that has grown by an attack ends where no witness knows it to.
GROWN = {"UNANCHORED"}
every_attack = pytest.mark.parametrize("attack", TABLE, ids=lambda attack: attack.story)


@every_attack
def test_every_attack_is_found_by_name_and_place(world: World, attack: Attack) -> None:
    attack.does(world)

    report = world.verify()

    assert attack.names <= set(report.counts) <= attack.names | GROWN
    assert attack.at in places_of(report, attack.principal)
    assert all(f.expected and f.found and f.expected != f.found for f in report.findings)
    assert (report.status, report.exit_code) == (attack.status, EXIT_CODES[attack.status])


@pytest.mark.slow
@every_attack
def test_the_fast_look_finds_what_it_promises(world: World, attack: Attack) -> None:
    attack.does(world)

    report = world.verify(fast=True)

    promised = set(attack.fast.split())
    assert promised <= set(report.counts) <= promised | GROWN


def test_no_name_is_without_an_attack() -> None:
    principal = {attack.principal for attack in TABLE}

    assert principal == set(NAMES)
    assert len({attack.story for attack in TABLE}) == len(TABLE)


def test_whatever_changes_a_payload_or_the_order_is_found_fast() -> None:
    in_the_tree = {"ROOT_MISMATCH", "INDEX_GAP", "INDEX_DUPLICATE", "FORK"}

    unseen = [
        attack.story
        for attack in TABLE
        if attack.names & in_the_tree
        and "tampered" not in {NAMES[name] for name in attack.fast.split()}
    ]

    assert unseen == []


def places_of(report: Report, name: str) -> list[Place]:
    return [replace(f.place, file=None) for f in report.findings if f.name == name]


def test_the_world_is_intact_before_anybody_touches_it(world: World) -> None:
    report, fast = world.verify(), world.verify(fast=True)

    assert (report.status, report.exit_code, report.findings) == ("intact", 0, [])
    assert (fast.status, fast.exit_code, fast.findings) == ("intact", 0, [])
    assert (report.logs, report.instances) == ({OTHER: OTHER_SIZE, ORIGIN: SIZE}, 3)
    assert (report.signatures_valid, report.signatures_checked, report.signatures) == (24, 24, 24)
    assert (fast.signatures_valid, fast.signatures_checked, fast.signatures) == (3, 3, 24)


def a_witness_signs_too(world: World) -> None:
    """Strangers may sign a head as well, under their own name or under ours."""
    signature = STRANGER.sign(parse_checkpoint(note_of(world, SIZE)).note.text.encode())
    names = ("witness.example", ORIGIN)
    more = [a_line(name, STRANGER.public_key.note_hash(name), signature) for name in names]
    edit_note(world, SIZE, lambda note: "".join([note, *more]))


def a_witness_signs_an_anchor(world: World) -> None:
    file_anchor(world, "more", note_of(world, SIZE) + a_line("witness.example", bytes(4), b"?"))


def a_stranger_is_an_authority_too(world: World) -> None:
    """What he says proves nothing to who does not know him, and is no offence."""
    note = note_of(world, SIZE)
    file_anchor(world, "more", note)
    token = an_authority(world.folder / "theirs", "stranger").stamp(note.encode())
    (world.auditor / "more.tsr").write_bytes(token)


def anchors_of_others_lie_with_ours(world: World) -> None:
    text = Checkpoint("example.com/third", 7, bytes(32)).text
    line = a_line("example.com/third", bytes(4), bytes(64))
    file_anchor(world, "third-7", f"{text}\n{line}")


def other_keys_lie_with_the_anchors(world: World) -> None:
    (world.auditor / "ledger.pub.pem").write_text(FIRST.public_key.pem)


def checkpoints_log_alone_has_a_line_more(world: World) -> None:
    more = a_line("witness.example", bytes(4), b"?")
    rewrite_log(world, lambda notes: [f"{note}{more}" for note in notes])


def the_logs_take_turns_otherwise(world: World) -> None:
    rewrite_log(world, lambda notes: sorted(notes, key=lambda note: note.split("\n")[0]))


def files_lie_about(world: World) -> None:
    epoch = world.layout.epoch(0)
    for place in (world.root, world.layout.hot, epoch, world.layout.drafts, world.auditor):
        place.mkdir(exist_ok=True)
        for name in ("README", ".hidden", "notes.md", f"{log_key(ORIGIN)}.csv"):
            (place / name).write_text("ours")
    (world.layout.hot / "epoch=old").mkdir()
    shutil.copy(world.files()[0], world.layout.hot / "epoch=old")


def a_commit_lies_in_a_newer_epoch(world: World) -> None:
    newer = world.layout.epoch(1)
    newer.mkdir()
    world.files()[-1].rename(newer / world.files()[-1].name)
    catalog.refresh(world.root)


def the_catalogue_is_gone(world: World) -> None:
    world.layout.catalog.unlink()


def the_catalogue_is_made_anew(world: World) -> None:
    catalog.build(world.root)


def test_a_signer_who_remembers_less_vouches_for_no_more_than_that(world: World) -> None:
    before = copy_of(world, world.folder.with_name("before"))
    roll_back(before, 16, state=True)
    shutil.copytree(before.state(), world.state(), dirs_exist_ok=True)

    report = world.verify()

    (found,) = report.findings
    assert (report.status, found.name, found.place.log) == ("incomplete", "UNANCHORED", ORIGIN)
    assert found.found == "one of 16: newer records may be missing"


@pytest.mark.parametrize(
    "change",
    [
        a_witness_signs_too,
        a_witness_signs_an_anchor,
        a_stranger_is_an_authority_too,
        anchors_of_others_lie_with_ours,
        other_keys_lie_with_the_anchors,
        checkpoints_log_alone_has_a_line_more,
        the_logs_take_turns_otherwise,
        files_lie_about,
        a_commit_lies_in_a_newer_epoch,
        the_catalogue_is_gone,
        the_catalogue_is_made_anew,
    ],
)
def test_what_harms_nobody_is_no_attack(world: World, change: Callable[[World], None]) -> None:
    change(world)

    report, fast = world.verify(), world.verify(fast=True)

    assert (report.status, report.findings) == ("intact", [])
    assert (fast.status, fast.findings) == ("intact", [])
    assert report.signatures_valid == SIZE + OTHER_SIZE
