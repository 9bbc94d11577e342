"""Schedules: cron's usual meaning, in every time zone and over every change of clocks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import BadInput
from warehouse.schedule import Schedule

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(days=1)
ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",
)


def first(schedule: Schedule, after: str, count: int) -> list[str]:
    slots = schedule.after(datetime.fromisoformat(after))
    return [slot.isoformat(timespec="minutes") for slot in islice(slots, count)]


@pytest.mark.parametrize(
    ("cron", "slots"),
    [
        ("0 2 * * *", ["2026-11-25T02:00+00:00", "2026-11-26T02:00+00:00"]),
        ("@daily", ["2026-11-25T00:00+00:00", "2026-11-26T00:00+00:00"]),
        ("@Midnight", ["2026-11-25T00:00+00:00", "2026-11-26T00:00+00:00"]),
        ("@hourly", ["2026-11-24T13:00+00:00", "2026-11-24T14:00+00:00"]),
        ("@weekly", ["2026-11-29T00:00+00:00", "2026-12-06T00:00+00:00"]),
        ("@monthly", ["2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"]),
        ("@yearly", ["2027-01-01T00:00+00:00", "2028-01-01T00:00+00:00"]),
        ("*/20 12 * * *", ["2026-11-24T12:20+00:00", "2026-11-24T12:40+00:00"]),
        ("5 4 * * MON-FRI", ["2026-11-25T04:05+00:00", "2026-11-26T04:05+00:00"]),
        ("5 4 * * sun", ["2026-11-29T04:05+00:00", "2026-12-06T04:05+00:00"]),
        ("5 4 * * 0", ["2026-11-29T04:05+00:00", "2026-12-06T04:05+00:00"]),
        ("5 4 * * 7", ["2026-11-29T04:05+00:00", "2026-12-06T04:05+00:00"]),
        ("5 4 * * 1", ["2026-11-30T04:05+00:00", "2026-12-07T04:05+00:00"]),
        ("0 0 29 FEB *", ["2028-02-29T00:00+00:00", "2032-02-29T00:00+00:00"]),
        ("0 0 13 * FRI", ["2026-11-27T00:00+00:00", "2026-12-04T00:00+00:00"]),
        ("  0   2  * *  * ", ["2026-11-25T02:00+00:00", "2026-11-26T02:00+00:00"]),
    ],
)
def test_cron_means_what_it_usually_means(cron: str, slots: list[str]) -> None:
    assert first(Schedule(cron), "2026-11-24T12:00+00:00", 2) == slots


@pytest.mark.parametrize(
    "cron",
    ["", "0 2 * *", "0 0 2 * * *", "60 2 * * *", "0 24 * * *", "0 2 * * MOON", "@reboot", "@never"],
)
def test_what_is_no_schedule_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(BadInput) as refusal:
        Schedule(cron)

    assert str(refusal.value).startswith(f"{cron!r} is no schedule: ")
    assert '"0 2 * * *" for 02:00 each day' in str(refusal.value.hint)


@pytest.mark.parametrize("zone", ["", "Berlin", "Europe", "../etc/passwd", "/etc/localtime", "\0"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadInput, match="is no time zone"):
        Schedule("0 2 * * *", zone)


def test_a_time_that_does_not_happen_is_one_slot_at_the_change() -> None:
    slots = first(Schedule("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00+00:00", 3)

    assert slots == ["2026-03-28T01:30+00:00", "2026-03-29T01:00+00:00", "2026-03-30T00:30+00:00"]


def test_several_times_that_do_not_happen_are_one_slot() -> None:
    slots = first(Schedule("*/15 2,3 * * *", "Europe/Berlin"), "2026-03-29T00:00+00:00", 4)

    assert slots == [
        "2026-03-29T01:00+00:00",
        "2026-03-29T01:15+00:00",
        "2026-03-29T01:30+00:00",
        "2026-03-29T01:45+00:00",
    ]


def test_a_time_that_happens_twice_is_one_slot() -> None:
    slots = first(Schedule("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00+00:00", 2)

    assert slots == ["2026-10-25T00:30+00:00", "2026-10-26T01:30+00:00"]


@pytest.mark.parametrize("hours", ["*", "0-23", "*/1"])
def test_every_hour_is_every_hour_that_passes(hours: str) -> None:
    slots = first(Schedule(f"0 {hours} * * *", "Europe/Berlin"), "2026-10-24T23:30+00:00", 4)

    assert slots == [f"2026-10-25T0{hour}:00+00:00" for hour in range(4)]


def test_a_day_that_does_not_happen_is_one_slot_at_the_change() -> None:
    slots = first(Schedule("0 12 * * *", "Pacific/Apia"), "2011-12-29T00:00+00:00", 3)

    assert slots == ["2011-12-29T22:00+00:00", "2011-12-30T10:00+00:00", "2011-12-30T22:00+00:00"]


def test_the_calendar_ends_without_an_error() -> None:
    assert first(Schedule("0 2 * * *"), "9999-12-30T12:00+00:00", 9) == ["9999-12-31T02:00+00:00"]


def changes_of(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the first minute after every change of clocks from 2020 to 2040."""
    day = datetime(2020, 1, 1, tzinfo=UTC)
    while day < datetime(2041, 1, 1, tzinfo=UTC):
        if day.astimezone(zone).utcoffset() != (day + A_DAY).astimezone(zone).utcoffset():
            minutes = (day + n * A_MINUTE for n in range(1, 1441))
            before = day.astimezone(zone).utcoffset()
            yield next(m for m in minutes if m.astimezone(zone).utcoffset() != before)
        day += A_DAY


Walk = list[tuple[datetime, datetime, datetime]]


def walk(zone: ZoneInfo, begin: datetime, end: datetime) -> Walk:
    """Take every minute, with the local times that a clock jumped from and to."""
    minutes = [begin + n * A_MINUTE for n in range(round((end - begin) / A_MINUTE))]
    local = [minute.astimezone(zone).replace(tzinfo=None) for minute in minutes]
    return [(m, a + A_MINUTE, b) for m, a, b in zip(minutes[1:], local, local[1:], strict=False)]


def expected(walked: Walk, at: time) -> list[datetime]:
    """List the slots of a local time, having walked over every minute there is."""
    slots: dict[date, datetime] = {}
    for minute, begin, end in walked:
        if begin < end or end.time() == at:
            for day in {begin.date(), end.date()}:
                if begin <= datetime.combine(day, at) <= end:
                    slots.setdefault(day, minute)
    return sorted(set(slots.values()))


@pytest.mark.parametrize("name", ZONES)
def test_over_every_change_of_clocks_each_day_has_its_slot_once(name: str) -> None:
    zone = ZoneInfo(name)
    for change in changes_of(zone):
        begin, end = change - A_DAY, change + A_DAY
        walked = walk(zone, begin, end)
        for at in (time(0, 0), time(0, 30), time(1, 30), time(2, 30), time(23, 15)):
            schedule = Schedule(f"{at.minute} {at.hour} * * *", name)

            slots = list(takewhile(end.__gt__, schedule.after(begin)))

            assert slots == expected(walked, at), (name, change, at)


def test_the_zones_that_change_their_clocks_are_really_looked_at() -> None:
    counts = {name: len(list(changes_of(ZoneInfo(name)))) for name in ZONES}

    assert counts["Europe/Berlin"] == 42
    assert sum(count > 0 for count in counts.values()) >= 17


crons = st.sampled_from(
    [
        "0 2 * * *",
        "30 2 * * *",
        "*/7 * * * *",
        "@hourly",
        "15 0,2,23 * * *",
        "0 3 1 * MON",
        "@weekly",
    ]
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(crons, st.sampled_from(ZONES), moments)
def test_slots_come_in_order_after_the_moment_and_from_any_of_them_as_from_the_first(
    cron: str, zone: str, moment: datetime
) -> None:
    schedule = Schedule(cron, zone)

    slots = list(islice(schedule.after(moment), 6))

    assert moment < slots[0]
    assert all(a < b for a, b in pairwise(slots))
    assert list(islice(schedule.after(slots[1]), 4)) == slots[2:]


@given(crons, st.sampled_from(ZONES), moments, st.timedeltas(timedelta(), timedelta(days=40)))
def test_the_latest_slot_is_the_last_of_all(
    cron: str, zone: str, since: datetime, span: timedelta
) -> None:
    schedule = Schedule(cron, zone)
    until = since + span

    slots = list(takewhile(lambda slot: slot <= until, schedule.after(since)))

    assert schedule.latest(since, until) == (slots[-1] if slots else None)


def test_the_latest_slot_after_centuries_takes_no_time() -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, 12, tzinfo=UTC)

    assert Schedule("* * * * *").latest(since, until) == until
    assert Schedule("0 2 * * *").latest(since, until) == datetime(2200, 1, 1, 2, tzinfo=UTC)
