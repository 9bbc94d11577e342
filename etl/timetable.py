"""What a log remembers of the slots of its sources: schedule, and newest slot told of. Pure."""

from collections.abc import Iterable

import msgspec

from warehouse.payload import Instance, Missed, Scheduled, Snapshot


class Timetable(msgspec.Struct, frozen=True):
    """What is known of the slots of a source: its schedule, and the newest slot told of.

    Slots after `due_at`, a moment as records write it, are still to come. `cron` is None for a
    source that is scheduled no more; `instance_id` is of its newest snapshot.
    """

    source: str
    cron: str | None
    zone: str
    due_at: str
    instance_id: str | None = None


def with_slot(known: Timetable, content: Snapshot | Missed) -> Timetable:
    """The timetable once this record is the newest of its source."""
    is_later = content.due_at is not None and content.due_at > known.due_at
    return Timetable(
        known.source,
        known.cron,
        known.zone,
        str(content.due_at) if is_later else known.due_at,
        content.instance.id if isinstance(content, Snapshot) else known.instance_id,
    )


def with_schedule(
    known: Timetable | None, content: Scheduled, instances: Iterable[Instance]
) -> Timetable:
    """The timetable once its source has this schedule; `instances` are those of the log."""
    if known:
        newest = known.instance_id
    else:
        ids = [instance.id for instance in instances if instance.name == content.source]
        newest = ids[-1] if ids else None
    return Timetable(content.source, content.cron, content.zone, content.since, newest)
