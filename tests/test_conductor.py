"""The daemon's decisions: what becomes of every slot, whatever sources, clocks and disks do."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from etl.run import Outcome
from tests.daemon_world import (
    A_DAY,
    AN_HOUR,
    MONDAY,
    World,
    failing,
    hanging,
    some_settings,
)
from warehouse.errors import CannotStore, NotUnleash, SourceRefused
from warehouse.payload import Snapshot
from warehouse.record import decode, moment

A_MINUTE = timedelta(minutes=1)
DOWN = "down: no daemon was running"
LATE = "late: the daemon was suspended, busy with the slot before, or could not write"
UNREACHABLE = "source unreachable: nobody answers"


@pytest.fixture
def world() -> World:
    return World(some_settings("prod"))


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_source_is_scheduled_first_and_read_at_its_slots(world: World) -> None:
    world.pass_time(2 * A_DAY)

    assert world.slots() == [
        "schedule 0 2 * * * UTC",
        "11-25T02:00 snapshot",
        "11-26T02:00 snapshot",
    ]


def test_the_snapshot_is_taken_when_its_slot_comes(world: World) -> None:
    world.pass_time(A_DAY)

    (snapshot,) = [d for d in map(decode, world.payloads) if isinstance(d, Snapshot)]
    assert snapshot.due_at == snapshot.taken_at == "2024-11-25T02:00:00.000Z"


def test_after_downtime_the_latest_slot_is_taken_and_the_others_are_missed(world: World) -> None:
    world.pass_time(A_DAY)
    world.now += 3 * A_DAY

    world.start()

    assert world.slots()[1:] == [
        "11-25T02:00 snapshot",
        f"11-26T02:00 {DOWN}",
        f"11-27T02:00 {DOWN}",
        "11-28T02:00 snapshot",
    ]


def test_who_skips_takes_none_that_is_late(world: World) -> None:
    world.adopt(some_settings("prod", daemon={"catch_up": "skip"}))
    world.pass_time(A_DAY)
    world.now += 2 * A_DAY
    world.start()

    world.pass_time(A_DAY)

    assert world.slots()[1:] == [
        "11-25T02:00 snapshot",
        f"11-26T02:00 {DOWN}",
        f"11-27T02:00 {DOWN}",
        "11-28T02:00 snapshot",
    ]


def test_who_skips_still_takes_a_slot_of_just_now(world: World) -> None:
    world.adopt(some_settings("prod", daemon={"catch_up": "skip"}))
    world.now = MONDAY + 2 * AN_HOUR + timedelta(seconds=50)

    world.start()

    assert world.slots()[1:] == ["11-25T02:00 snapshot"]


def test_what_fails_for_a_while_is_tried_again_within_its_slot(world: World) -> None:
    world.acts["prod"] = failing(3)

    world.pass_time(3 * AN_HOUR)

    assert world.slots()[1:] == ["11-25T02:00 snapshot"]
    (snapshot,) = [d for d in map(decode, world.payloads) if isinstance(d, Snapshot)]
    assert snapshot.taken_at == "2024-11-25T02:00:14.000Z"
    assert world.board.copy().failures == {"source unreachable": 3}


def test_what_keeps_failing_is_missed_with_its_reason_when_its_time_is_over(world: World) -> None:
    world.acts["prod"] = failing()

    world.pass_time(2 * AN_HOUR + 59 * A_MINUTE)
    before = world.slots()[1:]
    world.pass_time(30 * A_MINUTE)

    assert before == []
    assert world.slots()[1:] == [f"11-25T02:00 {UNREACHABLE}"]


def test_a_refused_login_is_tried_again_too(world: World) -> None:
    world.acts["prod"] = failing(1, SourceRefused("no", reason="password authentication failed"))

    world.pass_time(3 * AN_HOUR)

    assert world.slots()[1:] == ["11-25T02:00 snapshot"]


def test_what_no_patience_mends_is_missed_at_once(world: World) -> None:
    world.acts["prod"] = failing(1, NotUnleash("source 'prod' is no Unleash", reason="it is empty"))

    world.pass_time(2 * AN_HOUR)

    assert world.slots()[1:] == ["11-25T02:00 no Unleash database: it is empty"]


def test_the_next_slot_ends_the_patience_with_the_one_before() -> None:
    world = World(some_settings(prod="*/5 * * * *"))
    world.acts["prod"] = failing(8)

    world.pass_time(11 * A_MINUTE)

    assert world.slots()[1:] == [f"11-25T00:05 {UNREACHABLE}", "11-25T00:10 snapshot"]


def test_a_source_that_hangs_delays_no_other_and_is_missed(let_go: threading.Event) -> None:
    world = World(some_settings("hung", "prod", daemon={"deadline": 60, "retry_for": 0}))
    world.acts["hung"] = hanging(let_go)

    world.pass_time(2 * AN_HOUR + timedelta(seconds=11))
    quick = world.slots("prod")[1:]
    world.pass_time(AN_HOUR)

    assert quick == ["11-25T02:00 snapshot"]
    assert world.slots("hung")[1:] == ["11-25T02:00 timeout: the run was not over within 60 s"]


def test_hanging_sources_leave_room_for_the_others(let_go: threading.Event) -> None:
    hung = [f"hung{n}" for n in range(4)]
    world = World(some_settings(*hung, "prod", daemon={"concurrency": 4, "deadline": 600}))
    world.acts |= dict.fromkeys(hung, hanging(let_go))

    world.pass_time(2 * AN_HOUR + timedelta(seconds=25))

    assert world.slots("prod")[1:] == ["11-25T02:00 snapshot"]


def test_a_run_that_hangs_still_is_not_joined_by_another(let_go: threading.Event) -> None:
    world = World(some_settings("prod", daemon={"deadline": 60, "retry_for": 900}))
    world.acts["prod"] = hanging(let_go)

    world.pass_time(4 * AN_HOUR)

    assert world.slots()[1:] == ["11-25T02:00 timeout: the run before still hangs"]
    assert world.most_at_once == 1


def test_what_an_abandoned_run_still_says_is_not_listened_to(let_go: threading.Event) -> None:
    world = World(some_settings("prod", daemon={"deadline": 60, "retry_for": 0}))
    world.acts["prod"] = hanging(let_go)
    world.pass_time(3 * AN_HOUR)

    let_go.set()
    run = world.conductor.lanes["prod"].run
    assert run
    run.thread.join()
    world.pass_time(A_DAY)

    assert world.slots()[1:] == [
        "11-25T02:00 timeout: the run was not over within 60 s",
        "11-26T02:00 snapshot",
    ]


def test_no_more_sources_are_read_at_a_time_than_allowed() -> None:
    names = [f"s{n}" for n in range(30)]
    world = World(some_settings(*names, daemon={"concurrency": 3}))
    barrier = threading.Semaphore(0)

    def act(_deadline: object) -> Outcome | None:
        barrier.acquire(timeout=0.01)
        return None

    world.acts |= dict.fromkeys(names, act)
    world.pass_time(3 * AN_HOUR)

    assert world.most_at_once == 3
    assert all(world.slots(name)[1:] == ["11-25T02:00 snapshot"] for name in names)


def test_what_is_due_together_is_one_commit() -> None:
    world = World(some_settings(*(f"s{n}" for n in range(20))))

    world.pass_time(3 * AN_HOUR)

    assert world.commits == [20, 20]


def test_a_fleet_is_spread_over_its_window_always_alike() -> None:
    names = [f"s{n}" for n in range(40)]
    world = World(some_settings(*names, daemon={"spread": 3600}))

    world.pass_time(2 * A_DAY)

    taken: dict[str, list[datetime]] = {}
    for content in map(decode, world.payloads):
        if isinstance(content, Snapshot):
            assert content.due_at is not None
            assert timedelta() <= moment(content.taken_at) - moment(content.due_at) < AN_HOUR
            taken.setdefault(content.instance.name, []).append(moment(content.taken_at))
    assert {len(times) for times in taken.values()} == {2}
    assert all(second - first == A_DAY for first, second in taken.values())
    assert len({first.minute // 10 for first, _ in taken.values()}) == 6


def test_a_paused_source_has_its_slots_missed_with_that_reason(world: World) -> None:
    world.pass_time(A_DAY)
    world.pauses["prod"] = world.now
    world.pass_time(2 * A_DAY)
    world.pauses.clear()
    world.pass_time(A_DAY)

    assert world.slots()[1:] == [
        "11-25T02:00 snapshot",
        "11-26T02:00 paused",
        "11-27T02:00 paused",
        "11-28T02:00 snapshot",
    ]


def test_another_schedule_begins_where_the_old_one_ends(world: World) -> None:
    world.pass_time(A_DAY + 3 * AN_HOUR)

    world.adopt(some_settings(prod="0 */12 * * *"))
    world.pass_time(A_DAY)

    assert world.slots() == [
        "schedule 0 2 * * * UTC",
        "11-25T02:00 snapshot",
        "11-26T02:00 snapshot",
        "schedule 0 */12 * * * UTC",
        "11-26T12:00 snapshot",
        "11-27T00:00 snapshot",
    ]


def test_a_schedule_that_changed_while_nobody_looked_leaves_no_hole(world: World) -> None:
    world.pass_time(A_DAY)
    world.now += 2 * A_DAY
    world.settings = some_settings(prod="0 12 * * *")

    world.start()
    world.pass_time(A_DAY)

    assert world.slots()[1:] == [
        "11-25T02:00 snapshot",
        f"11-26T02:00 {DOWN}",
        "11-27T02:00 snapshot",
        "schedule 0 12 * * * UTC",
        "11-28T12:00 snapshot",
    ]


def test_a_source_that_left_the_settings_says_so_and_ends() -> None:
    world = World(some_settings("prod", "staging"))
    world.pass_time(A_DAY)
    world.adopt(some_settings("prod"))
    world.pass_time(2 * A_DAY)

    assert world.slots("staging") == [
        "schedule 0 2 * * * UTC",
        "11-25T02:00 snapshot",
        "schedule None UTC",
    ]
    assert "staging" not in world.conductor.lanes
    assert len(world.slots("prod")) == 4


def test_a_source_that_left_while_nobody_looked_has_its_slots_told(world: World) -> None:
    world.pass_time(A_DAY)
    world.now += 2 * A_DAY
    world.settings = some_settings("staging")

    world.start()

    assert world.slots() == [
        "schedule 0 2 * * * UTC",
        "11-25T02:00 snapshot",
        "11-26T02:00 no longer in the settings",
        "11-27T02:00 no longer in the settings",
        "schedule None UTC",
    ]


def test_what_could_not_be_written_is_written_later(world: World) -> None:
    world.broken = CannotStore("cannot write: no space left on device")
    world.pass_time(2 * A_DAY)
    unwritten = world.slots()
    troubles = world.board.copy().troubles
    world.broken = None

    world.pass_time(AN_HOUR)

    assert unwritten == ["schedule 0 2 * * * UTC"]
    assert troubles == ["cannot write: cannot write: no space left on device"]
    assert world.slots()[1:3] == ["11-25T02:00 snapshot", "11-26T02:00 snapshot"]
    assert world.board.copy().troubles == []


def test_a_reading_outlasts_a_full_disk(world: World) -> None:
    world.pass_time(AN_HOUR)
    world.broken = CannotStore("cannot write: no space left on device")
    world.pass_time(A_DAY + 12 * AN_HOUR)
    world.broken = None

    world.pass_time(AN_HOUR)

    assert world.slots()[1:] == ["11-25T02:00 snapshot", "11-26T02:00 snapshot"]


def test_a_daemon_that_stops_begins_nothing_more(world: World) -> None:
    world.pass_time(AN_HOUR)

    world.conductor.stop()
    world.conductor.look("prod")
    world.pass_time(A_DAY)

    assert world.slots()[1:] == []
