"""One run, told from beginning to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from etl.anchors.handing import anchored, hand_over_newest, warnings_of
from etl.catalogue import UNLEASH
from etl.keys.succession import signer_in_force
from etl.log import SigningLog
from etl.patience import Deadline
from etl.reading import definitions_of, read
from etl.release import Untold, ask_release
from etl.settings import Settings, SourceSettings
from etl.signing import Signer
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
    warn: Callable[[str], None] = lambda _what: None,
) -> list[Outcome]:
    """Read the named sources, sign what was read, and append it in one commit.

    A source that fails costs no other, an anchor that fails nothing at all. `tell` hears of
    every step, `warn` of every such anchor. Raises LedgerFailure and KeyUnusable; then nothing
    was appended.
    """
    log = open_log(settings)
    log.heal()
    known = set(log.newest_statistics())
    outcomes = [read_source(settings, name, tell) for name in names]
    readings = [outcome.reading for outcome in outcomes if outcome.reading]
    log.ledger.keep_definitions(*definitions_of(UNLEASH))
    # Opened again: reading takes its time, and the keys may have changed meanwhile.
    records = iter(open_log(settings).append(readings))
    known.update(statistic for reading in readings for statistic in reading.stats)
    named = {reading.definitions for reading in readings}
    catalog.refresh(settings.warehouse, new_statistics=known, new_definitions=named)
    for warning in warnings_of(hand_over_newest(settings, log.ledger)):
        warn(warning)
    return [
        Outcome(o.source, o.reading, next(records) if o.reading else None, o.failure)
        for o in outcomes
    ]


def read_source(
    settings: Settings,
    name: str,
    tell: Callable[[str, str], None] = lambda _source, _what: None,
    deadline: Deadline | None = None,
) -> Outcome:
    """Read one source, in time where there is a deadline; a failure becomes its outcome."""
    try:
        source = Source(settings.source(name), deadline)
        tell(name, f"reading {source.address}")
        reading = read(source, UNLEASH, told=_told(source.settings))
    except Failure as failure:
        tell(name, f"failed: {failure}")
        return Outcome(name, failure=failure)
    tell(name, f"{len(reading.stats)} statistics")
    return Outcome(name, reading)


def open_log(settings: Settings, signer: Signer | None = None) -> SigningLog:
    """The log of these settings, with the key in force or another signer. Raises KeyUnusable."""
    return SigningLog(
        origin=settings.origin,
        ledger=Ledger(settings.warehouse),
        signer=signer or signer_in_force(settings),
        state=settings.state,
        tool=TOOL,
        lock_timeout=settings.lock_timeout,
        anchored=lambda: anchored(settings),
    )


def _told(source: SourceSettings) -> Release | None:
    if source.server_url is None:
        return None
    try:
        return ask_release(source.server_url)
    except Untold:
        # The migrations tell nearly as well; the record keeps which of the two did.
        return None
