"""The daemon's decisions when clocks are set, leap, or change twice a year, or a machine sleeps."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.daemon_world import A_DAY, AN_HOUR, MONDAY, World, some_settings
from warehouse.payload import Snapshot
from warehouse.record import decode, moment

A_MINUTE = timedelta(minutes=1)
LATE = "late: the daemon was suspended, busy with the slot before, or could not write"


@pytest.fixture
def world() -> World:
    return World(some_settings("prod"))


def test_a_machine_that_slept_takes_the_latest_slot_when_it_wakes(world: World) -> None:
    world.pass_time(A_DAY)

    world.jump(2 * A_DAY + AN_HOUR * 3, asleep=True)

    assert world.guard.doubt is None
    assert world.slots()[1:] == [
        "11-25T02:00 snapshot",
        f"11-26T02:00 {LATE}",
        f"11-27T02:00 {LATE}",
        "11-28T02:00 snapshot",
    ]


def test_a_clock_that_is_set_back_repeats_no_slot(world: World) -> None:
    world.pass_time(3 * AN_HOUR)

    world.jump(-AN_HOUR, asleep=False)
    world.pass_time(A_DAY)

    assert world.slots()[1:] == ["11-25T02:00 snapshot", "11-26T02:00 snapshot"]


def test_a_clock_that_is_set_on_a_little_takes_what_became_due(world: World) -> None:
    world.pass_time(AN_HOUR + 30 * A_MINUTE)

    world.jump(40 * A_MINUTE, asleep=False)

    assert world.slots()[1:] == ["11-25T02:00 snapshot"]


def test_a_leap_to_2200_writes_nothing_and_is_forgotten_when_the_clock_returns(
    world: World,
) -> None:
    world.pass_time(A_DAY)
    leap = datetime(2200, 1, 1, tzinfo=MONDAY.tzinfo) - world.now
    world.db_ahead = -leap

    world.jump(leap, asleep=False)
    world.pass_time(5 * A_MINUTE)
    doubt = world.guard.doubt
    world.db_ahead = timedelta()
    world.jump(-leap, asleep=False)
    world.pass_time(A_DAY)

    assert doubt is not None
    assert doubt.endswith("to 2200-01-01 00:00 UTC")
    assert world.guard.doubt is None
    assert world.slots()[1:] == ["11-25T02:00 snapshot", "11-26T02:00 snapshot"]


def test_a_leap_that_a_database_confirms_is_believed(world: World) -> None:
    world.pass_time(A_DAY)

    world.jump(A_DAY, asleep=False)
    world.pass_time(A_MINUTE)

    assert world.guard.doubt is None
    assert world.slots()[1:] == ["11-25T02:00 snapshot", "11-26T02:00 snapshot"]


def test_a_daemon_that_begins_in_2200_asks_a_database_first(world: World) -> None:
    world.pass_time(A_DAY)
    world.newest = world.now
    there = datetime(2200, 1, 1, tzinfo=MONDAY.tzinfo)
    world.db_ahead = world.now - there
    world.now = there

    world.start()
    world.pass_time(3 * AN_HOUR)

    assert world.guard.doubt is not None
    assert world.slots()[1:] == ["11-25T02:00 snapshot"]


def test_a_daemon_that_begins_before_its_newest_record_waits(world: World) -> None:
    world.pass_time(A_DAY)
    world.newest, world.now = world.now, MONDAY - 30 * A_DAY
    world.db_ahead = 30 * A_DAY

    world.start()

    assert world.guard.doubt == (
        "the clock says 2024-10-26 00:00 UTC, the newest record is of 2024-11-26 00:00"
    )


def test_a_new_daemon_on_an_old_history_asks_a_database_and_begins(world: World) -> None:
    world.newest, world.now = MONDAY, MONDAY + 100 * A_DAY

    world.start()
    world.pass_time(A_DAY)

    assert world.guard.doubt is None
    assert world.slots()[-1] == "03-05T02:00 snapshot"


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_over_a_year_of_clock_changes_each_local_day_has_one_snapshot(zone: str) -> None:
    daemon = {"schedule": "30 2 * * *", "timezone": zone}
    world = World(some_settings("prod", daemon=daemon), now=MONDAY)

    world.pass_time(370 * A_DAY)

    due = [moment(str(d.due_at)) for d in map(decode, world.payloads) if isinstance(d, Snapshot)]
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in due]
    assert all(later - day == A_DAY for day, later in pairwise(days))
    assert len(days) in (369, 370)
