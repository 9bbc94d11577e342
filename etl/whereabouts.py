"""What the settings and the signer's memory tell a reader of the history."""

from dataclasses import replace
from pathlib import Path

from etl.anchors.tables import Rfc3161Table
from etl.journal import STATE_FILE, read_journal
from etl.memory import Memory
from etl.settings import Settings
from warehouse.door import Whereabouts
from warehouse.errors import LedgerFailure
from warehouse.layout import Layout
from warehouse.note import Checkpoint


def whereabouts(settings: Settings) -> Whereabouts:
    """Find the history of these settings, and how long its signer knows it to be."""
    known = Whereabouts(
        settings.warehouse, settings.public_key, settings.origin, authorities=_authorities(settings)
    )
    try:
        journal = read_journal(settings.state / STATE_FILE)
    except LedgerFailure:
        # A reader may run as another user, or on another machine: it is told nothing.
        return known
    published = Layout(settings.warehouse).holds(settings.origin, journal.before.size)
    memory = journal.memory if published else journal.before
    unfinished = 0 if published else len(journal.batch)
    return replace(known, memory=_heads(memory), unfinished=unfinished)


def _authorities(settings: Settings) -> tuple[Path, ...]:
    tables = settings.anchors.values()
    files = (Path(table.ca) for table in tables if isinstance(table, Rfc3161Table))
    return tuple(file for file in files if file.is_file())


def _heads(memory: Memory) -> tuple[Checkpoint, ...]:
    if not memory.size:
        return ()
    return (Checkpoint(memory.origin, memory.size, memory.tree.root),)
