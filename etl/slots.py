"""What became of slots, kept in the log: each slot once for ever, and none left out.

What to record is decided under the writers' lock, by what the log itself remembers then:
a slot that another one has told of is told of no more, and those before it that nobody has
become `missed` records with a reason.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from etl.catalogue import UNLEASH
from etl.log import Draft, SigningLog
from etl.memory import Memory
from etl.reading import definitions_of
from etl.snapshot import NEVER_STARTED, MissedSlot, NewSchedule, Reading
from etl.timetable import Timetable
from warehouse import catalog
from warehouse.payload import Instance, Missed, Scheduled, Snapshot
from warehouse.record import Record, moment, parse, timestamp
from warehouse.schedule import Schedule

Why = Callable[[datetime], str]

# After weeks of downtime a schedule of every minute has ten thousands.
_MOST_AT_ONCE: Final = 1_000
_LONGEST_REASON: Final = 500


@dataclass(frozen=True)
class Told:
    """What became of a slot: a reading, or the reason why there is none.

    `before` gives the reason for slots before it that nothing is known of.
    """

    source: str
    due_at: datetime
    became: Reading | str
    before: Why


@dataclass(frozen=True)
class Declared:
    """Another schedule of a source, from `since` on; None where nothing is due any more.

    `before` gives the reason for slots of the old schedule that nothing is known of.
    """

    source: str
    schedule: Schedule | None
    since: datetime
    before: Why


News = Told | Declared


def keep_slots(log: SigningLog, news: Sequence[News]) -> list[Record | None]:
    """Append all that is new, in few commits; return its record for each news that made one.

    Raises LedgerFailure and KeyUnusable. Then some of it may have been kept: telling all of it
    again appends the rest.
    """
    log.ledger.keep_definitions(*definitions_of(UNLEASH))
    found: dict[tuple[str, str], Record] = {}
    while records := _append_some(log, news):
        found |= {_key_of(record): record for record in records}
        if len(records) < _MOST_AT_ONCE:
            break
    readings = [one.became for one in news if isinstance(one, Told)]
    read = [reading for reading in readings if isinstance(reading, Reading)]
    catalog.refresh(
        log.ledger.layout.root,
        new_statistics={statistic for reading in read for statistic in reading.stats},
        new_definitions={reading.definitions for reading in read},
    )
    return [found.get((one.source, timestamp(moment_of(one)))) for one in news]


def drafts_of(memory: Memory, news: Sequence[News]) -> Iterator[Draft]:
    """What the log lacks of all this, in order. Pure."""
    timetables = dict(memory.timetables)
    for one in news:
        known = timetables.get(one.source)
        instance = _instance(memory, one.source, known)
        if isinstance(one, Declared):
            drafts = _declaration(one, known, instance)
        else:
            drafts = _slot(one, known, instance)
        for draft in drafts:
            yield draft
            known = _after(known, draft)
        if known:
            timetables[one.source] = known


def _append_some(log: SigningLog, news: Sequence[News]) -> list[Record]:
    return log.append_decided(lambda memory: list(islice(drafts_of(memory, news), _MOST_AT_ONCE)))


def _slot(told: Told, known: Timetable | None, instance: Instance) -> Iterator[Draft]:
    if known is None or known.cron is None or timestamp(told.due_at) <= known.due_at:
        return
    schedule = Schedule(known.cron, known.zone)
    for slot in schedule.after(moment(known.due_at)):
        if slot >= told.due_at:
            break
        yield MissedSlot(instance, slot, told.before(slot))
    if isinstance(told.became, Reading):
        yield replace(told.became, due_at=told.due_at)
    else:
        yield MissedSlot(instance, told.due_at, plain(told.became))


def _declaration(
    declared: Declared, known: Timetable | None, instance: Instance
) -> Iterator[Draft]:
    wanted = declared.schedule
    since = declared.since
    if known is not None:
        in_force = Schedule(known.cron, known.zone) if known.cron is not None else None
        if wanted == in_force:
            return
        # After a clock was set back: no slot may become due a second time.
        since = max(since, moment(known.due_at))
        for slot in in_force.after(moment(known.due_at)) if in_force else ():
            if slot > since:
                break
            yield MissedSlot(instance, slot, declared.before(slot))
    elif wanted is None:
        return
    zone = wanted.zone if wanted else "UTC"
    yield NewSchedule(declared.source, wanted.cron if wanted else None, zone, since)


def _after(known: Timetable | None, draft: Draft) -> Timetable | None:
    match draft:
        case NewSchedule():
            instance_id = known.instance_id if known else None
            since = timestamp(draft.since)
            return Timetable(draft.source, draft.cron, draft.zone, since, instance_id)
        case Reading() | MissedSlot() if known and draft.due_at:
            due_at, newest = timestamp(draft.due_at), known.instance_id
            newest = draft.instance.id if isinstance(draft, Reading) else newest
            return msgspec.structs.replace(known, due_at=due_at, instance_id=newest)
    return known


def _instance(memory: Memory, source: str, known: Timetable | None) -> Instance:
    ids = [instance.id for instance in memory.heads if instance.name == source]
    newest = known.instance_id if known else None
    return Instance(newest or (ids or [NEVER_STARTED])[-1], source)


def moment_of(news: News) -> datetime:
    """The slot, or since when a schedule is declared."""
    return news.due_at if isinstance(news, Told) else news.since


def _key_of(record: Record) -> tuple[str, str]:
    content = parse(record.payload)
    if isinstance(content, Snapshot | Missed):
        return content.instance.name, content.due_at or ""
    return (content.source, content.since) if isinstance(content, Scheduled) else ("", "")


def plain(reason: str) -> str:
    """One line of what can be printed, of bounded length: servers may say anything."""
    shown = "".join(sign if sign.isprintable() else " " for sign in reason)
    return shown[:_LONGEST_REASON]
