"""From a source to a `Reading`: one look, then every probe, all of one moment."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache, partial
from queue import Empty, SimpleQueue
from typing import Final

import msgspec
import psycopg
from sqlalchemy.exc import DBAPIError

from etl.catalogue.listings import APPS, CHANGES, FLAGS, LISTINGS, Listing
from etl.moment import Moment, look
from etl.snapshot import Reading, Row, names_of, remarks_of, require_recordable, values_of
from etl.source import CONFLICTS, Source, Transaction, first_line
from etl.statistic import (
    Catalogue,
    Probe,
    Statistic,
    Unavailable,
    fit,
    query,
    why_unavailable,
    why_unlisted,
)
from warehouse.errors import SourceFailure
from warehouse.payload import Instance, Names, Release, Value
from warehouse.record import canonical, sha256_hex

_TIMEOUTS: Final = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
_DAYS_OF_CHANGES: Final = 90

Work = Probe | Listing


@dataclass
class Findings:
    """What the probes of one transaction gave so far."""

    stats: dict[str, Value] = field(default_factory=dict)
    unavailable: dict[str, Unavailable] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    listed: dict[str, list[Row]] = field(default_factory=dict)


def read(source: Source, catalogue: Catalogue, *, told: Release | None = None) -> Reading:
    """Read every statistic of a source in one consistent moment.

    `told` is the release as the server itself said it; without it the migrations have
    to tell. Raises SourceFailure when there is nothing to read; a single statistic
    that cannot be read is in the reading's `unavailable`.
    """
    findings = Findings()
    with source.transaction() as transaction:
        # Before the savepoint: PostgreSQL exports no snapshot from inside one.
        exported = _export(transaction) if source.settings.parallel > 1 else None
        transaction.keep()
        moment = look(source, transaction, catalogue.tables())
        work = _work(catalogue, moment, findings)
        _ask_all(source, transaction, work, exported, _Asker(moment, findings))
    return _reading(source, catalogue, moment, findings, told)


# A fleet of a thousand asks for the same one every time.
@lru_cache(maxsize=4)
def definitions_of(catalogue: Catalogue) -> tuple[bytes, str]:
    """The dictionary's canonical bytes, and the hash that snapshots name it by."""
    content = canonical({"statistics": msgspec.to_builtins(catalogue.definitions())})
    return content, sha256_hex(content)


def _export(transaction: Transaction) -> str:
    return str(transaction.one("SELECT pg_export_snapshot() AS name")["name"])


def _work(catalogue: Catalogue, moment: Moment, findings: Findings) -> list[Work]:
    """What this database can be asked, heaviest first; the rest is unavailable at once."""
    work: list[Work] = []
    for probe in sorted(catalogue.probes, key=lambda probe: -probe.cost):
        askable = []
        for statistic in probe.statistics:
            if refusal := why_unavailable(probe, statistic, moment.schema):
                findings.unavailable[statistic.name] = refusal
            else:
                askable.append(statistic)
        if askable:
            work.append(replace(probe, statistics=tuple(askable)))
    for listing in LISTINGS:
        if refusal := why_unlisted(listing.name, listing.needs, listing.since, moment.schema):
            findings.unavailable[listing.name] = refusal
        else:
            work.append(listing)
    return work


def _ask_all(
    source: Source,
    transaction: Transaction,
    work: Sequence[Work],
    exported: str | None,
    asker: "_Asker",
) -> None:
    queue: SimpleQueue[Work] = SimpleQueue()
    for item in work:
        queue.put(item)
    if exported is None:
        asker.drain(queue, transaction)
        return

    def help_out() -> None:
        # A helper that gets no connection, or loses it, costs time and nothing else.
        with suppress(SourceFailure), source.transaction(snapshot=exported) as helper:
            helper.keep()
            asker.drain(queue, helper)

    with ThreadPoolExecutor(source.settings.parallel - 1) as pool:
        helpers = [pool.submit(help_out) for _ in range(source.settings.parallel - 1)]
        asker.drain(queue, transaction)
        for helper in helpers:
            helper.result()
    # What a helper had to give back.
    asker.drain(queue, transaction)


class _Asker:
    """Asks one thing after the other and notes what comes back.

    Several transactions of one moment may share it: each thing is asked by one of them,
    and noting is a single dictionary update.
    """

    def __init__(self, moment: Moment, findings: Findings) -> None:
        self._moment = moment
        self._findings = findings

    def drain(self, queue: "SimpleQueue[Work]", transaction: Transaction) -> None:
        while True:
            try:
                item = queue.get_nowait()
            except Empty:
                return
            try:
                self._ask(item, transaction)
            except BaseException:
                queue.put(item)
                raise

    def _ask(self, item: Work, transaction: Transaction) -> None:
        if isinstance(item, Listing):
            self._list(item, transaction)
        else:
            self._probe(item, transaction)

    def _list(self, listing: Listing, transaction: Transaction) -> None:
        def note() -> None:
            rows = transaction.rows(self._fit(listing.sql))
            require_recordable(rows)
            self._findings.listed[listing.name] = rows

        self._attempt(transaction, note, (listing.name,))

    def _probe(self, probe: Probe, transaction: Transaction) -> None:
        if self._attempt(transaction, partial(self._count, probe, probe.statistics, transaction)):
            return
        # Together they failed: each for itself, so that only the guilty one is missing.
        for statistic in probe.statistics:
            count = partial(self._count, probe, (statistic,), transaction)
            self._attempt(transaction, count, (statistic.name,))

    def _count(
        self, probe: Probe, statistics: tuple[Statistic, ...], transaction: Transaction
    ) -> None:
        rows = transaction.rows(self._fit(query(probe, statistics)))
        self._findings.stats.update(values_of(probe, statistics, rows))
        if not probe.label:
            self._findings.remarks.update(remarks_of(probe, statistics, rows[0]))

    def _fit(self, sql: str) -> str:
        return fit(sql, self._moment.schema, self._moment.windows)

    def _attempt(
        self, transaction: Transaction, do: Callable[[], None], named: Sequence[str] = ()
    ) -> bool:
        """Do it; on failure mend the transaction, and note `named` as unavailable."""
        try:
            do()
        except DBAPIError as error:
            # What a standby takes back is the whole moment, not one answer of it.
            if error.connection_invalidated or _sqlstate(error) in CONFLICTS:
                raise
            transaction.restore()
            self._note(named, _cause(error.orig), first_line(error.orig or error))
            return False
        except ValueError as error:
            self._note(named, "error", str(error))
            return False
        return True

    def _note(self, named: Sequence[str], cause: str, reason: str) -> None:
        for name in named:
            self._findings.unavailable[name] = Unavailable(name, cause, reason)


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _cause(error: BaseException | None) -> str:
    if isinstance(error, _TIMEOUTS):
        return "timeout"
    return "permission" if isinstance(error, psycopg.errors.InsufficientPrivilege) else "error"


def _reading(
    source: Source,
    catalogue: Catalogue,
    moment: Moment,
    findings: Findings,
    told: Release | None,
) -> Reading:
    return Reading(
        instance=Instance(moment.instance_id, source.settings.name),
        taken_at=moment.taken_at,
        db_time=moment.db_time,
        origin=moment.origin,
        release=told or moment.release,
        definitions=definitions_of(catalogue)[1],
        stats=dict(sorted(findings.stats.items())),
        unavailable=sorted(findings.unavailable.values(), key=lambda missing: missing.statistic),
        remarks=findings.remarks,
        names=_names(moment, findings),
    )


def _names(moment: Moment, findings: Findings) -> Names:
    listed = findings.listed
    # Yesterday's changes are whole and today's still grow; the window ends today.
    today = moment.db_time.date()
    first_day: date = today - timedelta(days=_DAYS_OF_CHANGES - 1)
    return names_of(
        listed.get(APPS.name, ()),
        listed.get(CHANGES.name, ()),
        listed.get(FLAGS.name, ()),
        first_day=first_day,
        days=_DAYS_OF_CHANGES,
    )
