"""How a history stands: its log, its daemon, the slots of every source, its anchors.

Looks at what is here and asks no source: quick, and safe to run as often as anybody likes.
The doctor looks closer.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from etl.anchors.checkup import check_anchors
from etl.anchors.report import age_text
from etl.doctor import Finding
from etl.journal import STATE_FILE, Journal, read_journal
from etl.report import findings_json
from etl.run import open_log
from etl.settings import Settings
from etl.timetable import Timetable
from schedules.daemon.board import Board, read_board
from schedules.daemon.pauses import read_pauses
from schedules.slots import next_look, offset_of
from warehouse.errors import Failure
from warehouse.ledger import Ledger
from warehouse.query import ask
from warehouse.record import moment, timestamp
from warehouse.schedule import Schedule

_LATE: Final = timedelta(days=2)
_BEAT: Final = timedelta(minutes=1)
_RECENTLY: Final = timedelta(days=30)
_NEWEST: Final = "SELECT instance, max(taken_at), max_by(index, taken_at) FROM snapshots GROUP BY 1"
_GAPS: Final = """
    SELECT instance, count(*) FILTER (WHERE due_at > $since), max(due_at), max_by(reason, due_at)
    FROM gaps GROUP BY 1
"""


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one source stands. Moments are text as records have it, None where there is none.

    `last_slot` is the newest slot told of, `outcome` what became of it: `snapshot`, or the reason
    why there is none; `overdue` one that is due for longer than it may be. `gaps` counts the slots
    of the last 30 days that have no snapshot.
    """

    source: str
    newest_snapshot: str | None = None
    index: int | None = None
    age_seconds: float | None = None
    schedule: str | None = None
    timezone: str | None = None
    last_slot: str | None = None
    outcome: str | None = None
    next_run: str | None = None
    overdue: str | None = None
    paused_since: str | None = None
    gaps: int = 0


class Status:
    """How a history stands, for people and as JSON. Raises Failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._now = datetime.now(UTC)
        self._journal = read_journal(settings.state / STATE_FILE)
        self.board = read_board(settings.state)
        self.sources = list(_sources(settings, self._journal, self._now))

    def findings(self) -> list[Finding]:
        """A line for everything that was looked at."""
        anchors = (Finding("history", *checked) for checked in check_anchors(self._settings))
        found = [_log(self._settings, self._journal), *self._daemon(), *anchors]
        for source in self.sources:
            found += _of_source(source, self._now)
        return found

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        memory = self._journal.memory
        return {
            "log": {"origin": memory.origin, "records": memory.size},
            "daemon": msgspec.to_builtins(self.board),
            "sources": msgspec.to_builtins(self.sources),
            "findings": findings_json(self.findings()),
        }

    def _daemon(self) -> Iterator[Finding]:
        board = self.board
        if board is None:
            scheduled = sum(bool(source.schedule) for source in self.sources)
            if scheduled:
                found = f"none is running, and {scheduled} source(s) are scheduled"
                yield Finding("history", "daemon", "warning", found, "Start it: tallybook daemon")
            return
        silence = self._now - moment(board.beat)
        found = f"process {board.pid}, since {_short(board.started)}"
        troubles = board.troubles
        if silence > _BEAT:
            troubles = [f"silent for {age_text(silence)}", *troubles]
        if troubles:
            advice = "Its log says more; a daemon that hangs can be started anew at any time."
            found = f"{found}: {'; '.join(troubles)}"
            yield Finding("history", "daemon", "failure", found, advice)
        else:
            yield Finding("history", "daemon", "ok", found)
        yield from _verified(board)


def _verified(board: Board) -> Iterator[Finding]:
    if board.verified and board.verified_at:
        is_well = board.verified in ("intact", "incomplete")
        found = f"{board.verified}, {_short(board.verified_at)}"
        advice = None if is_well else "See what it found: tallybook verify"
        yield Finding("history", "verified", "ok" if is_well else "failure", found, advice)


def _log(settings: Settings, journal: Journal) -> Finding:
    remembered, stored = journal.memory.size, Ledger(settings.warehouse).end_of(settings.origin)
    try:
        open_log(settings).require_key(journal.memory)
    except Failure as failure:
        return Finding("history", "log", "failure", str(failure), failure.hint)
    found = f"{settings.origin}, {stored} records"
    if stored == remembered:
        return Finding("history", "log", "ok", found)
    if stored == journal.before.size:
        waiting = f"{found}; {len(journal.batch)} more are signed and not stored yet"
        return Finding("history", "log", "warning", waiting, "Store them: tallybook snapshot")
    contradiction = f"{found}, but the signer remembers {remembered}"
    return Finding("history", "log", "failure", contradiction, "Find out why: tallybook doctor")


def _sources(settings: Settings, journal: Journal, now: datetime) -> Iterator[SourceStatus]:
    newest = {name: found for name, *found in ask(settings.warehouse, _NEWEST).rows}
    since = {"since": (now - _RECENTLY).replace(tzinfo=None)}
    gaps = {name: found for name, *found in ask(settings.warehouse, _GAPS, since).rows}
    pauses, timetables = read_pauses(settings.state), journal.memory.timetables
    for name in settings.tables:
        taken_at, index = newest.get(name, (None, None))
        count, newest_gap, reason = gaps.get(name, (0, None, None))
        known = timetables.get(name)
        status = SourceStatus(
            source=name,
            newest_snapshot=timestamp(taken_at.replace(tzinfo=UTC)) if taken_at else None,
            index=index,
            age_seconds=(now.replace(tzinfo=None) - taken_at).total_seconds() if taken_at else None,
            paused_since=timestamp(pauses[name]) if name in pauses else None,
            gaps=count,
        )
        if known is None or known.cron is None:
            yield status
            continue
        gap = None if newest_gap is None else timestamp(newest_gap.replace(tzinfo=UTC))
        yield msgspec.structs.replace(
            status, **_slots(settings, known, gap, str(reason), now), **_schedule(known)
        )


def _schedule(known: Timetable) -> Mapping[str, str | None]:
    return {"schedule": known.cron, "timezone": known.zone}


def _slots(
    settings: Settings, known: Timetable, gap: str | None, reason: str, now: datetime
) -> Mapping[str, str | None]:
    """What is known of the newest slot, the next one, and one that is due for too long."""
    schedule = Schedule(str(known.cron), known.zone)
    offset = offset_of(known.source, settings.origin, settings.daemon.spread)
    told = moment(known.due_at)
    patience = timedelta(seconds=settings.daemon.retry_for + settings.daemon.deadline)
    overdue = schedule.latest(told, now - offset - patience)
    coming = next_look(schedule, told, now, offset)
    is_slot = schedule.latest(told - timedelta(milliseconds=1), told) is not None
    return {
        # Before the first slot it is the moment from which on the schedule counts.
        "last_slot": known.due_at if is_slot else None,
        "outcome": (reason if gap == known.due_at else "snapshot") if is_slot else None,
        "next_run": timestamp(coming) if coming else None,
        "overdue": timestamp(overdue) if overdue else None,
    }


def _of_source(source: SourceStatus, now: datetime) -> Sequence[Finding]:
    found = [_snapshot(source, now)]
    if source.schedule:
        found.append(_slot(source))
        if source.gaps:
            line = f"{source.gaps} slot(s) without a snapshot in 30 days"
            found.append(Finding(source.source, "gaps", "ok", line))
    return found


def _snapshot(source: SourceStatus, now: datetime) -> Finding:
    name, check = source.source, "newest snapshot"
    if source.newest_snapshot is None:
        return Finding(name, check, "warning", "none yet", "tallybook snapshot")
    taken_at = moment(source.newest_snapshot)
    age = now - taken_at
    found = f"{age_text(age)} ago, {taken_at:%Y-%m-%d %H:%M:%S} UTC, record {source.index}"
    # Where there is a schedule, its slots tell better what is late.
    if age > _LATE and not source.schedule:
        return Finding(name, check, "warning", found, "Find out what keeps them: tallybook doctor")
    return Finding(name, check, "ok", found)


def _slot(source: SourceStatus) -> Finding:
    name, check = source.source, "slots"
    coming = f"next {_short(source.next_run)}" if source.next_run else "none to come"
    rule = f"{source.schedule} {source.timezone}, {coming}"
    if source.paused_since:
        return Finding(name, check, "ok", f"{rule}; paused since {_short(source.paused_since)}")
    if source.overdue:
        found = f"{rule}; due since {_short(source.overdue)}, and nothing is known of it"
        return Finding(name, check, "warning", found, "Is the daemon running? tallybook daemon")
    if source.last_slot is None:
        return Finding(name, check, "ok", f"{rule}; none yet")
    found = f"{rule}; last {_short(source.last_slot)}: {source.outcome}"
    if source.outcome == "snapshot":
        return Finding(name, check, "ok", found)
    return Finding(name, check, "warning", found, "Find out what keeps them: tallybook doctor")


def _short(text: str) -> str:
    return f"{moment(text):%Y-%m-%d %H:%M} UTC"
