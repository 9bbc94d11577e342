"""What the settings and the signer's memory tell a reader of the history."""

from etl.journal import STATE_FILE, read_journal
from etl.settings import Settings
from warehouse.door import Whereabouts
from warehouse.errors import LedgerFailure
from warehouse.layout import Layout


def whereabouts(settings: Settings) -> Whereabouts:
    """Find the history of these settings, and how long its signer knows it to be."""
    try:
        journal = read_journal(settings.state / STATE_FILE)
    except LedgerFailure:
        # A reader may run as another user, or on another machine: it is told nothing.
        return Whereabouts(settings.warehouse, settings.public_key)
    published = Layout(settings.warehouse).holds(settings.origin, journal.before.size)
    return Whereabouts(
        warehouse=settings.warehouse,
        public_key=settings.public_key,
        expected_sizes={settings.origin: journal.memory.size if published else journal.before.size},
        unfinished=0 if published else len(journal.batch),
    )
