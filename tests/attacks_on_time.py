"""Attacks on time, and on what is missing: clocks, slots, and times that strangers vouch for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.attack_rebuild import Said, rebuild, the_owner
from tests.attack_tools import Attack, append, follow_up
from tests.attack_world import (
    SATURDAY,
    World,
    file_anchor,
    note_of,
    the_night,
)
from tests.builders import DAY, ORIGIN, a_reading
from warehouse.checks.findings import Place
from warehouse.record import timestamp

WHOLE = Place(ORIGIN)
NEWEST = Place(ORIGIN, 20, "prod")
AN_HOUR = timedelta(hours=1)
CENTURY = datetime(2199, 1, 1, tzinfo=UTC)

Does = Callable[[World], object]


def the_clock_says(now: datetime) -> Does:
    """Take one more snapshot by hand, by a clock that says something else."""

    def attack(world: World) -> None:
        world.clock.now = now
        world.log().append([a_reading(taken_at=now)])

    return attack


def the_database_says(skew: timedelta) -> Does:
    def attack(world: World) -> None:
        now = world.clock.now
        world.log().append([replace(a_reading(taken_at=now), db_time=now + skew)])

    return attack


def taken_after_it_was_recorded(world: World) -> None:
    append(world, follow_up(world, recorded_at=timestamp(SATURDAY + timedelta(minutes=10))))


def goes_on(*nights: int) -> Does:
    """Record the nights that lie so many days after the last, and none in between."""

    def attack(world: World) -> None:
        for night in nights:
            slot = SATURDAY + night * DAY
            world.clock.now = slot + timedelta(seconds=1)
            world.log().append([*the_night(slot)])

    return attack


def one_instance_is_silent_for_a_night(world: World) -> None:
    for night in (1, 2):
        slot = SATURDAY + night * DAY
        world.clock.now = slot + timedelta(seconds=1)
        prod, staging = the_night(slot)
        world.log().append([prod] if night == 1 else [prod, staging])


def the_reason_is_taken_out(said: list[Said]) -> None:
    said[:] = [one for one in said if one.kind != "missed"]


def anchored_at(at: datetime) -> Does:
    """Let an authority have seen all of the log at that time."""
    return lambda world: file_anchor(world, "tallybook-20", note_of(world, 20), at)


def back_dated_behind_an_anchor(world: World) -> None:
    anchored_at(SATURDAY + AN_HOUR)(world)
    append(world, follow_up(world))


def all_of_it_back_dated(said: list[Said]) -> None:
    for one in said[10:]:
        moment = datetime.fromisoformat(one.content["recorded_at"])
        one.content["recorded_at"] = timestamp(moment - 2 * DAY)


# fmt: off
ATTACKS = (
    Attack("the clock is put back", the_clock_says(SATURDAY - AN_HOUR), "TIME_BACKWARDS", NEWEST,
           status="incomplete"),
    Attack("the clock is far ahead", the_clock_says(CENTURY), "TIME_SKEW ANCHOR_STALE",
           Place(ORIGIN, 20), status="incomplete"),
    Attack("the database's clock is behind", the_database_says(-AN_HOUR), "TIME_SKEW", NEWEST,
           status="incomplete"),
    Attack("the database's clock is ahead", the_database_says(AN_HOUR), "TIME_SKEW", NEWEST,
           status="incomplete"),
    Attack("a snapshot was recorded before it was taken", taken_after_it_was_recorded,
           "TIME_SKEW UNANCHORED", NEWEST, fast="UNANCHORED", status="incomplete"),
    Attack("a slot is skipped", goes_on(2), "GAP", Place(ORIGIN, 21, "prod"), status="incomplete"),
    Attack("a slot of one instance is skipped", one_instance_is_silent_for_a_night, "GAP",
           Place(ORIGIN, 24, "staging"), status="incomplete"),
    Attack("the owner takes out the reason for a missed slot",
           lambda world: rebuild(world, the_reason_is_taken_out, by=the_owner),
           "GAP TIME_AFTER_ANCHOR ROLLBACK FORK UNANCHORED", Place(ORIGIN, 11, "staging"),
           fast="ROLLBACK FORK UNANCHORED"),
    Attack("a record is dated before an anchor that it was not in", back_dated_behind_an_anchor,
           "TIME_BEFORE_ANCHOR UNANCHORED", NEWEST, fast="UNANCHORED"),
    Attack("records are dated after an anchor that they were in", anchored_at(SATURDAY - DAY),
           "TIME_AFTER_ANCHOR", Place(ORIGIN, 16)),
    Attack("the owner dates all of it back behind an anchor",
           lambda world: rebuild(world, all_of_it_back_dated, by=the_owner),
           "TIME_BEFORE_ANCHOR TIME_BACKWARDS TIME_SKEW FORK", Place(ORIGIN, 10), fast="FORK"),
    Attack("nobody has anchored it for more than a week", goes_on(*range(1, 9)), "ANCHOR_STALE",
           WHOLE, status="incomplete"),
)
# fmt: on
