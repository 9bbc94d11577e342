"""How a history stands: its log, the newest snapshot of every source, its anchors.

Looks at what is here and asks no source: quick, and safe to run as often as anybody likes.
The doctor looks closer.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from etl.anchors.checkup import check_anchors
from etl.anchors.report import age_text
from etl.doctor import Finding
from etl.journal import STATE_FILE, read_journal
from etl.run import open_log
from etl.settings import Settings
from warehouse.errors import Failure
from warehouse.ledger import Ledger
from warehouse.query import ask

_LATE: Final = timedelta(days=2)
_NEWEST: Final = "SELECT instance, max(taken_at), max_by(index, taken_at) FROM snapshots GROUP BY 1"


def status(settings: Settings) -> list[Finding]:
    """Say how the log, every anchor and every source of the settings stand. Raises Failure."""
    anchors = (Finding("history", *checked) for checked in check_anchors(settings))
    return [_log(settings), *anchors, *_sources(settings)]


def _log(settings: Settings) -> Finding:
    journal = read_journal(settings.state / STATE_FILE)
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


def _sources(settings: Settings) -> Iterator[Finding]:
    newest = {name: found for name, *found in ask(settings.warehouse, _NEWEST).rows}
    for name in settings.tables:
        if name not in newest:
            yield Finding(name, "newest snapshot", "warning", "none yet", "tallybook snapshot")
            continue
        taken_at, index = newest[name]
        age = datetime.now(UTC).replace(tzinfo=None) - taken_at
        found = f"{age_text(age)} ago, {taken_at:%Y-%m-%d %H:%M:%S} UTC, record {index}"
        late = age > _LATE
        advice = "Find out what keeps them: tallybook doctor" if late else None
        yield Finding(name, "newest snapshot", "warning" if late else "ok", found, advice)
