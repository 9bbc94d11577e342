"""One run, told from beginning to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from etl.catalogue import UNLEASH
from etl.log import SigningLog
from etl.reading import definitions_of, read
from etl.release import Untold, ask_release
from etl.settings import Settings, SourceSettings
from etl.signing import load_key
from etl.snapshot import Reading
from etl.source import Source
from warehouse import catalog
from warehouse.errors import Failure
from warehouse.ledger import Ledger
from warehouse.payload import Release
from warehouse.record import Record

TOOL: Final = f"tallybook/{version('tallybook')}"


@dataclass(frozen=True)
class Outcome:
    """What became of one source in a run: a reading with its record, or a failure."""

    source: str
    reading: Reading | None = None
    record: Record | None = None
    failure: Failure | None = None


def take_snapshots(
    settings: Settings,
    names: Sequence[str],
    *,
    tell: Callable[[str, str], None] = lambda _source, _what: None,
) -> list[Outcome]:
    """Read the named sources, sign what was read, and append it in one commit.

    A source that fails costs no other. `tell` hears of every step. Raises
    LedgerFailure and KeyUnusable; then nothing was appended.
    """
    log = open_log(settings)
    log.heal()
    known = set(log.newest_statistics())
    outcomes = [read_source(settings, name, tell) for name in names]
    readings = [outcome.reading for outcome in outcomes if outcome.reading]
    log.ledger.keep_definitions(*definitions_of(UNLEASH))
    records = iter(log.append(readings))
    known.update(statistic for reading in readings for statistic in reading.stats)
    catalog.refresh(settings.warehouse, new_statistics=known)
    return [
        Outcome(o.source, o.reading, next(records) if o.reading else None, o.failure)
        for o in outcomes
    ]


def read_source(settings: Settings, name: str, tell: Callable[[str, str], None]) -> Outcome:
    """Read one source; a failure becomes its outcome."""
    try:
        source = Source(settings.source(name))
        tell(name, f"reading {source.address}")
        reading = read(source, UNLEASH, told=_told(source.settings))
    except Failure as failure:
        tell(name, f"failed: {failure}")
        return Outcome(name, failure=failure)
    tell(name, f"{len(reading.stats)} statistics")
    return Outcome(name, reading)


def open_log(settings: Settings) -> SigningLog:
    """The log of these settings. Raises KeyUnusable."""
    return SigningLog(
        origin=settings.origin,
        ledger=Ledger(settings.warehouse),
        signer=load_key(settings.signing_key),
        state=settings.state,
        tool=TOOL,
        lock_timeout=settings.lock_timeout,
    )


def _told(source: SourceSettings) -> Release | None:
    if source.server_url is None:
        return None
    try:
        return ask_release(source.server_url)
    except Untold:
        # The migrations tell nearly as well; the record keeps which of the two did.
        return None
