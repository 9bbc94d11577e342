"""Writing: news of slots into the log, and what follows a commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from etl.journal import STATE_FILE, read_journal
from etl.memory import Memory
from etl.run import open_log
from etl.settings import Settings
from etl.slots import News, keep_slots
from etl.timetable import Timetable
from warehouse.record import Record


@dataclass(frozen=True)
class Kept:
    """A commit: the record that each news made, if it did, and the log as it is then."""

    records: Sequence[Record | None]
    memory: Memory

    @property
    def timetables(self) -> Mapping[str, Timetable]:
        return self.memory.timetables


def keep(
    settings: Settings, news: Sequence[News], *, clock: Callable[[], datetime] | None = None
) -> Kept:
    """Append news to the log. Raises LedgerFailure and KeyUnusable; see `keep_slots`."""
    log = open_log(settings)
    records = keep_slots(replace(log, clock=clock) if clock else log, news)
    return Kept(records, read_journal(settings.state / STATE_FILE).memory)
