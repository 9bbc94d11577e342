"""Schedules: cron's five fields in a time zone, and the slots they mean. Pure.

One meaning for everybody: the daemon that keeps the slots, the signed record that declares
them and the verifier that looks for those left out.

Where clocks change, a local time that happens twice is one slot, the first of the two, and
one that does not happen at all is one slot, at the moment of the change. A schedule of
every hour follows time as it passes instead: every hour is one of its hours.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from warehouse.errors import BadInput

_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EXPECTED: Final = (
    'Expected five fields of cron, such as "0 2 * * *" for 02:00 each day, or one of '
    f"{', '.join(_NICKNAMES)}."
)
_EVERY_HOUR: Final = set(range(24))
_FIRST_WINDOW: Final = timedelta(hours=1)
_A_SECOND: Final = timedelta(seconds=1)


class Schedule:
    """When snapshots are due. `cron` are its five fields, nicknames written out.

    Raises BadInput for what is no schedule, or no time zone.
    """

    def __init__(self, cron: str, zone: str = "UTC") -> None:
        self.cron = _five_fields(cron)
        self.zone = zone
        self._tzinfo = _time_zone(zone)
        self._is_hourly = _parsed(self.cron, cron).hours == _EVERY_HOUR

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and (self.cron, self.zone) == (other.cron, other.zone)

    def __hash__(self) -> int:
        return hash((self.cron, self.zone))

    def __str__(self) -> str:
        return f"{self.cron} {self.zone}"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every slot after a moment, in UTC and in order, until the calendar ends."""
        newest = moment
        # Somebody may have recorded the last night of the calendar, after which there is none.
        with suppress(OverflowError):
            for slot in self._candidates(moment.astimezone(self._tzinfo)):
                if slot > newest:
                    newest = slot
                    yield slot

    def latest(self, since: datetime, until: datetime) -> datetime | None:
        """The newest slot after `since` and not after `until`; None where there is none.

        Looks back from `until`: decades in between cost nothing.
        """
        window = _FIRST_WINDOW
        while True:
            begin = max(since, until - window) if until - since > window else since
            found = None
            for slot in self.after(begin):
                if slot > until:
                    break
                found = slot
            if found or begin == since:
                return found
            window *= 8

    def _candidates(self, local: datetime) -> Iterator[datetime]:
        if self._is_hourly:
            return (slot.astimezone(UTC) for slot in CronSim(self._every_hour, local))
        naive = CronSim(self.cron, local.replace(tzinfo=None))
        return (_instant(slot, self._tzinfo) for slot in naive)

    @cached_property
    def _every_hour(self) -> str:
        # CronSim goes by the star, not by what it means.
        minute, _, *rest = self.cron.split()
        return " ".join((minute, "*", *rest))


def _five_fields(cron: str) -> str:
    return " ".join(_NICKNAMES.get(cron.strip().lower(), cron).split())


def _parsed(fields: str, said: str) -> CronSim:
    try:
        # It also knows a sixth field, of seconds.
        five = fields if len(fields.split()) == 5 else ""
        return CronSim(five, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise BadInput(f"{said!r} is no schedule: {error}", hint=_EXPECTED) from None


def _time_zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f"{name!r} is no time zone", hint='Expected a name such as "UTC" or "Europe/Berlin".'
        ) from None


def _instant(naive: datetime, zone: tzinfo) -> datetime:
    """The moment of a local time: the first of two, the change where there is none."""
    found = naive.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == naive:
        return found
    return _change(naive.replace(tzinfo=zone, fold=1).astimezone(UTC), found, zone)


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first second between two moments at which the later one's offset holds."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _A_SECOND:
        middle = before + timedelta(seconds=(after - before) // _A_SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
