"""Attacks on what was kept elsewhere: notes, timestamps, and there being none."""

import shutil
from collections.abc import Callable

from tests.attack_tools import Attack, roll_back
from tests.attack_world import OTHER, SATURDAY, STRANGER, World, file_anchor, note_of
from tests.builders import ORIGIN
from warehouse.checks.findings import Place
from warehouse.note import Checkpoint, Note, Signature, parse_checkpoint

WHOLE = Place(ORIGIN)
SOMEWHERE = Place()
NEWER = "tallybook-20"

Does = Callable[[World], object]


def filed(change: Callable[[str], str]) -> Does:
    """Let another anchor be there, with a note that somebody changed on its way."""
    return lambda world: file_anchor(world, NEWER, change(note_of(world, 20)))


def another_root(note: str) -> str:
    found = parse_checkpoint(note)
    return note.replace(found.note.text, Checkpoint(ORIGIN, 20, bytes(32)).text)


def a_strangers_note(_: str) -> str:
    text = Checkpoint(ORIGIN, 20, bytes(32)).text
    line = Signature(ORIGIN, STRANGER.public_key.note_hash(ORIGIN), STRANGER.sign(text.encode()))
    return str(Note(text, (line,)))


def a_timestamp_of_another_note(world: World) -> None:
    token = world.auditor / "tallybook-10.tsr"
    file_anchor(world, NEWER, note_of(world, 20))
    shutil.copy(token, world.auditor / f"{NEWER}.tsr")


def a_note_under_another_timestamp(world: World) -> None:
    (world.auditor / "tallybook-10.note").write_text(note_of(world, 19))


def an_expired_certificate(world: World) -> None:
    file_anchor(world, NEWER, note_of(world, 20), SATURDAY, "expired")


def no_token_at_all(world: World) -> None:
    file_anchor(world, NEWER, note_of(world, 20))
    (world.auditor / f"{NEWER}.tsr").write_bytes(b"granted")


def a_timestamp_without_its_note(world: World) -> None:
    (world.auditor / "tallybook-10.note").unlink()


def newer_than_the_warehouse(world: World) -> None:
    file_anchor(world, NEWER, note_of(world, 20))
    roll_back(world, 16, state=True)


def newer_than_the_warehouse_by_its_own_timestamp(world: World) -> None:
    roll_back(world, 13, state=True)


def a_timestamp_of_its_own_is_forged(world: World) -> None:
    kept = world.layout.anchors / "kept.tsr"
    *before, last = kept.read_bytes()
    kept.write_bytes(bytes([*before, last ^ 1]))


def no_anchor(world: World) -> None:
    for note in world.auditor.glob("tallybook-*"):
        note.unlink()


def nothing_known(world: World) -> None:
    world.remembers, world.anchors = False, None


# fmt: off
INVALID = {
    "an anchor was cut off": filed(lambda note: note[:-30]),
    "an anchor is empty": filed(lambda _: ""),
    "an anchor is no note": filed(lambda _: "all is well"),
    "a timestamp is of another note": a_timestamp_of_another_note,
    "a note is put under a timestamp": a_note_under_another_timestamp,
    "a timestamp has an expired certificate": an_expired_certificate,
    "a timestamp is none": no_token_at_all,
    "a timestamp in the warehouse is forged": a_timestamp_of_its_own_is_forged,
}
ATTACKS = (
    Attack("an anchor has another root", filed(another_root), "ANCHOR_INVALID", WHOLE,
           fast="ANCHOR_INVALID", status="incomplete"),
    Attack("an anchor is a stranger's", filed(a_strangers_note), "ANCHOR_INVALID", WHOLE,
           fast="ANCHOR_INVALID", status="incomplete"),
    *(Attack(story, does, "ANCHOR_INVALID", SOMEWHERE, fast="ANCHOR_INVALID", status="incomplete")
      for story, does in INVALID.items()),
    Attack("a timestamp lost its note", a_timestamp_without_its_note, "ANCHOR_INVALID UNANCHORED",
           SOMEWHERE, fast="ANCHOR_INVALID UNANCHORED", status="incomplete"),
    Attack("an anchor is newer than the warehouse", newer_than_the_warehouse, "ROLLBACK", WHOLE,
           fast="ROLLBACK"),
    Attack("a timestamp in the warehouse is newer than it",
           newer_than_the_warehouse_by_its_own_timestamp, "ROLLBACK", WHOLE, fast="ROLLBACK"),
    Attack("no anchor is there, though there should be", no_anchor, "UNANCHORED", WHOLE,
           fast="UNANCHORED", status="incomplete"),
    Attack("nothing at all is known elsewhere", nothing_known, "UNANCHORED", Place(OTHER),
           fast="UNANCHORED", status="incomplete"),
)
# fmt: on
