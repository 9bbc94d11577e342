"""What is due: which slot is read for, which are missed, and when to look again. Pure.

A slot is a due time of a source, and is told of once, in order. So all there is to know of the
past is the newest slot that was told of: what lies between it and now is what a daemon that was
down, or a machine that slept, has left.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from warehouse.schedule import Schedule

CatchUp = Literal["latest", "skip"]

# A slot that somebody looks at no later than this was not missed.
ON_TIME: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Due:
    """The newest slot that is due, and whether it is to be read for, or told as missed."""

    slot: datetime
    read: bool


def due_slot(
    schedule: Schedule, told: datetime, now: datetime, offset: timedelta, catch_up: CatchUp
) -> Due | None:
    """The newest slot after `told` whose time has come; None where there is none.

    Runs begin `offset` after their slot. Slots between it and `told` are missed either way.
    """
    slot = schedule.latest(told, now - offset)
    if slot is None:
        return None
    return Due(slot, read=catch_up == "latest" or now - slot - offset <= ON_TIME)


def next_look(
    schedule: Schedule, told: datetime, now: datetime, offset: timedelta
) -> datetime | None:
    """When the next slot's run begins; None where the calendar ends before."""
    slot = next(schedule.after(max(told, now - offset)), None)
    try:
        return slot + offset if slot else None
    except OverflowError:
        return None


def offset_of(source: str, origin: str, spread: float) -> timedelta:
    """When in a window of `spread` seconds the runs of a source begin: always at the same time.

    Decided by a hash of its name: neither a restart nor another source changes it.
    """
    number = int.from_bytes(sha256(f"{origin}\n{source}".encode()).digest()[:8])
    return timedelta(milliseconds=int(spread * 1000) * number >> 64)
