"""Slots in the log: each once for ever, none left out, and the verifier can tell."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.slots import Declared, News, Told, drafts_of
from etl.snapshot import MissedSlot, NewSchedule
from etl.timetable import Timetable
from tests.builders import (
    DAY,
    PROD,
    SOME_DEFINITIONS,
    Clock,
    History,
    a_history,
    a_reading,
    definitions_json,
)
from warehouse.errors import LedgerFailure
from warehouse.payload import Heads, Instance, Missed, Scheduled, Snapshot
from warehouse.record import decode, sha256_hex, timestamp
from warehouse.schedule import Schedule

A_MONDAY = datetime(2024, 11, 25, 2, tzinfo=UTC)
NIGHTLY = Schedule("0 2 * * *")
A_SUNDAY = A_MONDAY - timedelta(hours=14)


@pytest.fixture
def clock() -> Clock:
    return Clock(A_SUNDAY)


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> History:
    made = a_history(tmp_path, clock=clock)
    content = definitions_json(SOME_DEFINITIONS)
    made.ledger.keep_definitions(content, sha256_hex(content))
    return made


def why(_slot: datetime) -> str:
    return "down"


def declared(since: datetime = A_SUNDAY, schedule: Schedule | None = NIGHTLY) -> Declared:
    return Declared("prod", schedule, since, why)


def told(day: float, reason: str | None = None, instance: Instance = PROD) -> Told:
    due_at = A_MONDAY + day * DAY
    return Told("prod", due_at, reason or a_reading(instance=instance, taken_at=due_at), why)


def keep(history: History, *news: News) -> None:
    assert isinstance(history.log.clock, Clock)
    moments = [one.due_at if isinstance(one, Told) else one.since for one in news]
    history.log.clock.now = max(*moments, history.log.clock.now) + timedelta(minutes=1)
    history.log.append_decided(lambda memory: list(drafts_of(memory, news)))


def slots_in(history: History) -> list[str]:
    lines = []
    for record in history.ledger.records():
        match decode(record.payload):
            case Snapshot(due_at=due_at, instance=instance):
                lines.append(f"{due_at} snapshot of {instance.name}")
            case Missed(due_at=due_at, reason=reason, instance=instance):
                lines.append(f"{due_at} missed by {instance.id[:10]}: {reason}")
            case Scheduled(cron=cron, zone=zone, since=since):
                lines.append(f"{since} schedule {cron} {zone}")
    return lines


def names(history: History) -> list[str]:
    return [finding.name for finding in history.verify().findings]


def test_a_slot_is_told_of_once_whatever_is_told_again(history: History) -> None:
    keep(history, declared(), told(0))
    keep(history, told(0), told(0, "too late"))
    keep(history, told(0), told(1))

    assert slots_in(history) == [
        "2024-11-24T12:00:00.000Z schedule 0 2 * * * UTC",
        "2024-11-25T02:00:00.000Z snapshot of prod",
        "2024-11-26T02:00:00.000Z snapshot of prod",
    ]
    assert names(history) == []


def test_slots_in_between_become_missed_with_a_reason(history: History) -> None:
    keep(history, declared(), told(0), told(3))

    assert slots_in(history)[2:] == [
        "2024-11-26T02:00:00.000Z missed by 4c1b6b6e-0: down",
        "2024-11-27T02:00:00.000Z missed by 4c1b6b6e-0: down",
        "2024-11-28T02:00:00.000Z snapshot of prod",
    ]
    assert names(history) == []


def test_a_source_that_was_never_read_is_missed_as_well(history: History) -> None:
    keep(history, declared(), told(0, "source unreachable"), told(1))

    assert slots_in(history)[1:] == [
        "2024-11-25T02:00:00.000Z missed by unresolved: source unreachable",
        "2024-11-26T02:00:00.000Z snapshot of prod",
    ]
    assert names(history) == []


def test_a_schedule_is_declared_once_and_changed_without_a_hole(history: History) -> None:
    keep(history, declared(), told(0))
    keep(history, declared())
    noon = Schedule("0 12 * * *", "Europe/Berlin")
    keep(history, declared(A_MONDAY + 2.5 * DAY, noon))
    keep(history, told(3 + 9 / 24))

    assert slots_in(history) == [
        "2024-11-24T12:00:00.000Z schedule 0 2 * * * UTC",
        "2024-11-25T02:00:00.000Z snapshot of prod",
        "2024-11-26T02:00:00.000Z missed by 4c1b6b6e-0: down",
        "2024-11-27T02:00:00.000Z missed by 4c1b6b6e-0: down",
        "2024-11-27T14:00:00.000Z schedule 0 12 * * * Europe/Berlin",
        "2024-11-28T11:00:00.000Z snapshot of prod",
    ]
    assert names(history) == []


def test_a_source_that_is_scheduled_no_more_has_no_slots(history: History) -> None:
    keep(history, declared(), told(0), declared(A_MONDAY + DAY / 2, None))
    keep(history, told(3))

    assert slots_in(history)[1:] == [
        "2024-11-25T02:00:00.000Z snapshot of prod",
        "2024-11-25T14:00:00.000Z schedule None UTC",
    ]
    assert names(history) == []


def test_a_schedule_that_begins_before_the_newest_slot_makes_none_due_twice(
    history: History,
) -> None:
    keep(history, declared(), told(3))
    hourly = Schedule("@hourly")
    keep(history, declared(A_MONDAY, hourly))

    memory = read_journal(history.log.state / STATE_FILE).memory
    assert memory.timetables["prod"] == Timetable(
        "prod", "0 * * * *", "UTC", "2024-11-28T02:00:00.000Z", PROD.id
    )
    assert names(history) == []


def test_a_rebuilt_database_goes_on_with_the_slots_of_its_source(history: History) -> None:
    rebuilt = Instance("99999999-0000-4000-8000-000000000001", "prod")
    keep(history, declared(), told(0), told(1, instance=rebuilt), told(2, "timeout"))

    assert slots_in(history)[3] == "2024-11-27T02:00:00.000Z missed by 99999999-0: timeout"
    assert names(history) == []


def test_a_slot_that_is_recorded_already_is_never_appended(history: History) -> None:
    keep(history, declared(), told(0))

    with pytest.raises(LedgerFailure) as refusal:
        history.log.append([a_reading(due_at=A_MONDAY)])

    assert str(refusal.value) == (
        "the slot 2024-11-25T02:00:00.000Z of 'prod' is recorded already: "
        "the newest is 2024-11-25T02:00:00.000Z"
    )
    assert history.size == 3


def test_a_snapshot_by_hand_takes_no_slot(history: History) -> None:
    keep(history, declared(), told(0))
    history.take(a_reading(taken_at=A_MONDAY))
    keep(history, told(1))

    assert len(slots_in(history)) == 4
    assert names(history) == []


def test_very_long_downtime_is_told_in_parts_and_whole(history: History) -> None:
    keep(history, Declared("prod", Schedule("* * * * *"), A_MONDAY, why))
    end = A_MONDAY + timedelta(minutes=2500)
    news = [Told("prod", end, a_reading(taken_at=end), why)]
    assert isinstance(history.log.clock, Clock)
    history.log.clock.now = end
    for _ in range(4):
        history.log.append_decided(lambda memory: list(drafts_of(memory, news))[:1000])

    assert len(slots_in(history)) == 2501
    assert names(history) == []


def test_the_journal_remembers_slots_over_a_restart(history: History) -> None:
    keep(history, declared(), told(0, "paused"))

    memory = read_journal(history.log.state / STATE_FILE).memory
    due_at = "2024-11-25T02:00:00.000Z"
    assert memory.timetables == {"prod": Timetable("prod", "0 2 * * *", "UTC", due_at, None)}


def test_heads_are_said_once_at_the_end_of_the_day(history: History, clock: Clock) -> None:
    history.log.append_heads()
    assert history.size == 1
    keep(history, declared(), told(0))

    history.log.append_heads()
    history.log.append_heads()

    kinds = [type(decode(record.payload)) for record in history.ledger.records()]
    assert kinds.count(Heads) == 1
    assert kinds[-1] is Heads
    assert names(history) == []


# What follows are histories that no daemon of ours writes.


def append(history: History, *drafts: MissedSlot | NewSchedule, at: datetime = A_SUNDAY) -> None:
    assert isinstance(history.log.clock, Clock)
    history.log.clock.now = at
    history.log.append(drafts)


def gaps(history: History) -> list[tuple[str, str]]:
    return [(f.name, f.expected) for f in history.verify().findings]


SCHEDULE = NewSchedule("prod", "0 2 * * *", "UTC", A_SUNDAY)


def missed(day: float, instance: Instance = PROD) -> MissedSlot:
    return MissedSlot(instance, A_MONDAY + day * DAY, "down")


def test_the_first_slot_after_a_schedule_may_not_be_left_out(history: History) -> None:
    append(history, SCHEDULE, missed(1))

    assert gaps(history) == [
        ("GAP", "a snapshot or a reason for the slot of 2024-11-25T02:00:00.000Z")
    ]


def test_a_night_between_two_databases_of_a_source_may_not_be_left_out(history: History) -> None:
    append(history, SCHEDULE, missed(0), missed(2, Instance("another", "prod")))

    assert gaps(history) == [
        ("GAP", "a snapshot or a reason for the slot of 2024-11-26T02:00:00.000Z")
    ]


def test_a_change_of_schedule_hides_no_slot_before_it(history: History) -> None:
    change = NewSchedule("prod", None, "UTC", A_MONDAY + 2 * DAY)
    append(history, SCHEDULE, missed(0), change)

    assert gaps(history) == [
        ("GAP", "a snapshot or a reason for the 2 slots, the first of 2024-11-26T02:00:00.000Z")
    ]


def test_a_source_may_not_fall_silent_while_the_log_goes_on(history: History) -> None:
    append(history, SCHEDULE, missed(0))
    append(history, missed(1, Instance("other", "other")), at=A_MONDAY + 4 * DAY)

    assert gaps(history) == [
        (
            "GAP",
            "a snapshot or a reason for the 2 slots, the first of 2024-11-26T02:00:00.000Z "
            "of 'prod'",
        )
    ]


def test_slots_are_those_of_the_zone_that_was_declared(history: History) -> None:
    berlin = NewSchedule("prod", "0 2 * * *", "Europe/Berlin", A_SUNDAY)
    append(history, berlin, missed(0 - 1 / 24), missed(2 - 1 / 24))

    assert gaps(history) == [
        ("GAP", "a snapshot or a reason for the slot of 2024-11-26T01:00:00.000Z")
    ]


@pytest.mark.parametrize(
    ("changes", "expected", "found"),
    [
        ({"cron": "often"}, "a schedule of 'prod'", "'often' is no schedule: Bad hour"),
        ({"zone": "Mars"}, "a schedule of 'prod'", "'Mars' is no time zone"),
    ],
)
def test_a_schedule_that_is_none_is_told(
    history: History, changes: dict[str, str], expected: str, found: str
) -> None:
    fields = {"source": "prod", "cron": "0 2 * * *", "zone": "UTC", **changes}
    append(history, NewSchedule(**fields, since=A_SUNDAY))

    (finding,) = history.verify().findings
    assert (finding.name, finding.expected) == ("GAP", expected)
    assert finding.found.startswith(found[:20])


def test_many_sources_are_told_apart(history: History) -> None:
    instances: Sequence[Instance] = [Instance(f"id{n}", f"s{n}") for n in range(20)]
    for one in instances:
        append(history, NewSchedule(one.name, "0 2 * * *", "UTC", A_SUNDAY), missed(0, one))
    append(history, *(missed(1, one) for one in instances if one.name != "s7"))
    append(history, *(missed(2, one) for one in instances), at=A_MONDAY + 2 * DAY)

    (finding,) = history.verify().findings
    assert (finding.name, finding.place.instance) == ("GAP", "s7")
    assert timestamp(A_MONDAY + DAY) in finding.expected
