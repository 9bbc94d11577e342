"""What alerts look at: of every source the newest snapshot, and the one before it. Pure.

Kept in the state folder between two snapshots, so that a restart knows what was before it.
"""

from collections.abc import Mapping

import msgspec

from etl.snapshot import Reading


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot said of where it came from."""

    instance_id: str
    system: str | None
    database: str
    role: str
    lsn: str | None
    timeline: int | None
    release: str
    taken_at: str


def facts_of(reading: Reading, taken_at: str) -> Facts:
    """Take down what a reading said."""
    origin = reading.origin
    return Facts(
        instance_id=reading.instance.id,
        system=origin.system,
        database=origin.database,
        role=origin.role,
        lsn=origin.lsn,
        timeline=origin.timeline,
        release=reading.release.enterprise or reading.release.oss,
        taken_at=taken_at,
    )


def cloned_from(source: str, now: Facts, others: Mapping[str, Facts]) -> str | None:
    """Say which other source has the same instance in another database."""
    for name, other in others.items():
        if name != source and other.instance_id == now.instance_id and _differ(now, other):
            return (
                f"instance {now.instance_id} is in two databases: {now.database!r} here, and "
                f"{other.database!r} of {name!r}"
            )
    return None


def moved(now: Facts, before: Facts) -> str | None:
    """Say how the history of an instance went on in another database, or went back."""
    if before.instance_id != now.instance_id:
        return None
    if _differ(now, before):
        return (
            f"instance {now.instance_id} came from another database than before: system "
            f"{before.system}, database {before.database!r}; now {now.system}, {now.database!r}"
        )
    is_same_line = now.role == before.role == "primary" and now.timeline == before.timeline
    if is_same_line and now.lsn and before.lsn and position(now.lsn) < position(before.lsn):
        return f"its history runs backwards: position {now.lsn} after {before.lsn}"
    return None


def position(lsn: str) -> int:
    """A place in the write-ahead log as a number."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _differ(one: Facts, other: Facts) -> bool:
    # Without PostgreSQL's own identifier two databases of one name may be the same.
    known = one.system is not None and other.system is not None
    return (known and one.system != other.system) or (
        one.system == other.system and one.database != other.database
    )
