"""Attacks on where a log ends: older copies, other ends, two ends at once."""

import shutil
from datetime import timedelta

from tests.attack_rebuild import Said, rebuild, the_owner
from tests.attack_tools import Attack, expect, file_of, remember, rewrite_log, roll_back, rows_of
from tests.attack_world import MONDAY, OTHER, World, copy_of, note_of, the_night
from tests.builders import DAY, ORIGIN, a_reading
from warehouse.checks.findings import Place

WHOLE = Place(ORIGIN)


def last_months_warehouse(world: World) -> None:
    roll_back(world, 13)


def last_months_warehouse_and_state(world: World) -> None:
    roll_back(world, 6, state=True)


def yesterdays_warehouse_and_state(world: World) -> None:
    expect(world, 20)
    roll_back(world, 16, state=True)


def fewer_users_at_the_end(said: list[Said]) -> None:
    said[19].content["stats"]["users"] = 101


def another_end(world: World) -> None:
    rebuild(world, fewer_users_at_the_end, by=the_owner)


def another_end_and_state(world: World) -> None:
    expect(world, 20)
    another_end(world)
    remember(world)


def another_end_that_nobody_has_seen(world: World) -> None:
    another_end(world)
    remember(world)
    world.remembers, world.anchors = False, None


def cut_and_gone_on(world: World) -> None:
    expect(world, 20)
    roll_back(world, 13, state=True)
    for day in (4, 5, 6):
        slot = MONDAY + day * DAY
        world.clock.now = slot + timedelta(seconds=1)
        world.log().append([*the_night(slot)])
    assert len(rows_of(world)) == 22


def two_writers(world: World) -> None:
    twin = copy_of(world, world.folder.with_name("twin"))
    for writer in (world, twin):
        for _ in range(2):
            writer.log().append([a_reading(taken_at=world.clock.now)])
    shutil.copy(file_of(twin, 21), file_of(world, 21))
    rewrite_log(world, lambda notes: [*notes, note_of(twin, 21)])


def two_notes_of_one_size(world: World) -> None:
    twin = copy_of(world, world.folder.with_name("twin"))
    another_end(twin)
    rewrite_log(world, lambda notes: [*notes, note_of(twin, 20)])


def another_note_of_that_size(world: World) -> None:
    twin = copy_of(world, world.folder.with_name("twin"))
    another_end(twin)
    rewrite_log(world, lambda notes: [*notes[:-1], note_of(twin, 20)])


# fmt: off
ATTACKS = (
    Attack("last month's warehouse", last_months_warehouse, "ROLLBACK", WHOLE, fast="ROLLBACK"),
    Attack("last month's warehouse and signer state", last_months_warehouse_and_state,
           "ROLLBACK ANCHOR_INVALID UNANCHORED", WHOLE, fast="ROLLBACK ANCHOR_INVALID UNANCHORED"),
    Attack("yesterday's warehouse and signer state", yesterdays_warehouse_and_state, "ROLLBACK",
           WHOLE, fast="ROLLBACK"),
    Attack("another end of the same length", another_end, "FORK", WHOLE, fast="FORK"),
    Attack("another end of the same length, and the state", another_end_and_state, "FORK", WHOLE,
           fast="FORK"),
    Attack("another end, for who has nothing to compare it with",
           another_end_that_nobody_has_seen, "UNANCHORED", Place(OTHER), fast="UNANCHORED",
           status="incomplete"),
    Attack("cut off, and gone on", cut_and_gone_on, "FORK", WHOLE, fast="FORK"),
    Attack("two writers", two_writers,
           "PREV_MISMATCH ROOT_MISMATCH CHECKPOINT_MALFORMED CHECKPOINT_EQUIVOCATION FORK",
           Place(ORIGIN, 21, "prod"),
           fast="ROOT_MISMATCH CHECKPOINT_MALFORMED CHECKPOINT_EQUIVOCATION FORK"),
    Attack("two notes of one size", two_notes_of_one_size, "CHECKPOINT_EQUIVOCATION", WHOLE,
           fast="CHECKPOINT_EQUIVOCATION"),
    Attack("another note of that size", another_note_of_that_size, "CHECKPOINT_EQUIVOCATION",
           WHOLE, fast="CHECKPOINT_EQUIVOCATION"),
)
# fmt: on
