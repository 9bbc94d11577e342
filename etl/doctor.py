"""The doctor: everything a snapshot needs, looked at before it is needed.

Each finding is ok, a warning (it works, but not as it should) or a failure (it
will not work), with what to do.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from etl.access import Access, access_of, summary
from etl.anchors.checkup import check_anchors
from etl.catalogue import UNLEASH
from etl.journal import STATE_FILE, read_journal
from etl.keys.history import first_key
from etl.keys.opening import is_locked
from etl.keys.reference import KeyReference
from etl.log import LOCK_FILE
from etl.moment import Moment, look
from etl.reading import read
from etl.release import Untold, ask_release
from etl.run import open_log
from etl.settings import Settings
from etl.source import Source, Transaction
from warehouse.errors import Failure
from warehouse.files import exclusive_lock
from warehouse.keys import read_public_key

Level = Literal["ok", "warning", "failure"]

_ENOUGH_DISK = 1 << 30
_SLOW_SECONDS = 2.0
_CLOCK_SECONDS = 2.0
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    subject: str
    check: str
    level: Level
    found: str
    advice: str | None = None


def examine(settings: Settings, only: str | None = None) -> list[Finding]:
    """Look at the history and at every source, or `only` one. Raises BadSettings."""
    names = [only] if only else list(settings.tables)
    findings = list(_history(settings))
    for name in names:
        findings += _source(settings, name)
    return findings


def _history(settings: Settings) -> Iterator[Finding]:
    yield _try("history", "signing key", lambda: _keys(settings))
    yield _try("history", "writer's lock", lambda: _lock(settings))
    yield _try("history", "log", lambda: f"{settings.origin}, {open_log(settings).heal()} records")
    yield _disk(settings.warehouse)
    for checked in check_anchors(settings):
        yield Finding("history", *checked)


def _try(subject: str, check: str, examine: Callable[[], str | Finding]) -> Finding:
    try:
        found = examine()
        return found if isinstance(found, Finding) else Finding(subject, check, "ok", found)
    except Failure as failure:
        return Finding(subject, check, "failure", str(failure), failure.hint)


def _keys(settings: Settings) -> Finding:
    log = open_log(settings)
    memory = read_journal(settings.state / STATE_FILE).memory
    log.require_key(memory)
    key = log.signer.public_key
    trusted = read_public_key(settings.public_key)
    first = first_key(log.ledger, settings.origin) or key
    if trusted.key_id != first.key_id:
        raise Failure(
            f"{str(settings.public_key)!r} is another key ({trusted.key_id[:16]}…) "
            f"than the first one of the log ({first.key_id[:16]}…)",
            hint="Put back the public key that the log began with: auditors follow it from there.",
        )
    found = f"{key.algorithm} {key.key_id[:16]}…, in force, {_kept(settings.signing_key)}"
    if memory.recovery_id:
        found += f"; recovery key {memory.recovery_id[:16]}…"
        return Finding("history", "signing key", "ok", found)
    advice = "Name a key that can revoke this one: tallybook keys recovery --create FILE"
    return Finding("history", "signing key", "ok", f"{found}; no recovery key", advice)


def _kept(reference: KeyReference) -> str:
    where = "closed to others" if reference.file else f"in {reference.place}"
    return f"{where}, {'with a passphrase' if is_locked(reference) else 'no passphrase'}"


def _lock(settings: Settings) -> str:
    with exclusive_lock(settings.state / LOCK_FILE, wait_seconds=1):
        return "free"


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("history", "disk", "failure", f"{str(folder)!r}: {error.strerror}")
    found = f"{free / 1e9:.1f} GB free"
    if free < _ENOUGH_DISK:
        return Finding("history", "disk", "warning", found, "Make room: below 1 GB it gets tight.")
    return Finding("history", "disk", "ok", found)


def _source(settings: Settings, name: str) -> Iterator[Finding]:
    try:
        source = Source(settings.source(name))
        with source.transaction() as transaction:
            transaction.keep()
            yield from _transaction(source, transaction)
    except Failure as failure:
        yield Finding(name, "connection", "failure", str(failure), failure.hint)
        return
    yield from _release_of_server(source)
    yield from _rehearsal(source)


def _transaction(source: Source, transaction: Transaction) -> Iterator[Finding]:
    name = source.settings.name
    yield Finding(name, "connection", "ok", source.address)
    yield _tls(source, transaction)
    in_force = source.in_force(transaction)
    timeouts = f"statement {in_force['statement_timeout']}, lock {in_force['lock_timeout']}"
    yield Finding(name, "timeouts in force", "ok", timeouts)
    # Before looking at the data: without these grants the look itself is refused.
    yield from _access(name, access_of(transaction))
    moment = look(source, transaction, UNLEASH.tables())
    yield _release(name, moment)
    yield _role(name, moment)
    yield _clock(name, moment)


def _tls(source: Source, transaction: Transaction) -> Finding:
    name = source.settings.name
    row = transaction.one(
        "SELECT coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), '') AS tls"
    )
    if row["tls"]:
        return Finding(name, "TLS", "ok", str(row["tls"]))
    host = source.host
    if host is None or host in _LOCAL_HOSTS or host.startswith("/"):
        return Finding(name, "TLS", "ok", "none, on this machine")
    advice = "Add ?sslmode=verify-full to the URL, with sslrootcert where the CA is your own."
    return Finding(name, "TLS", "warning", f"none on the way to {host}", advice)


def _access(name: str, access: Access) -> Iterator[Finding]:
    rerun = "Let an administrator run what this prints: tallybook grants"
    if access.missing:
        yield Finding(name, "grants missing", "failure", summary(access.missing), rerun)
    else:
        yield Finding(name, "grants missing", "ok", "none")
    too_many = []
    if access.powers:
        too_many.append(f"role {access.role} is {', '.join(access.powers)}")
    if access.secrets:
        too_many.append(f"reads secrets: {summary(access.secrets, 3)}")
    if access.writable:
        too_many.append(f"writes {len(access.writable)} tables")
    if access.creates_in:
        # Before PostgreSQL 15 everybody may, in public.
        too_many.append(f"may create tables in schema {summary(access.creates_in, 3)}")
    if access.readable_besides:
        too_many.append(f"reads {len(access.readable_besides)} columns that nobody counts")
    if too_many:
        advice = "Use a role of its own: tallybook grants"
        if access.creates_in == ("public",):
            advice += "; and: REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        yield Finding(name, "grants too many", "warning", "; ".join(too_many), advice)
    else:
        yield Finding(name, "grants too many", "ok", "none")


def _release(name: str, moment: Moment) -> Finding:
    release = moment.release
    if release.oss:
        return Finding(name, "Unleash release", "ok", f"{release.oss}, by {release.evidence}")
    advice = "Set server_url, so that the server itself can tell its release."
    return Finding(name, "Unleash release", "warning", f"unknown: {release.evidence}", advice)


def _role(name: str, moment: Moment) -> Finding:
    origin = moment.origin
    found = f"{origin.role}, PostgreSQL {origin.postgres}, database {origin.database}"
    return Finding(name, "server", "ok", found)


def _clock(name: str, moment: Moment) -> Finding:
    ahead = (moment.db_time - moment.taken_at).total_seconds()
    found = f"the database is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    if abs(ahead) > _CLOCK_SECONDS:
        return Finding(name, "clocks", "warning", found, "Let both machines keep time by NTP.")
    return Finding(name, "clocks", "ok", found)


def _release_of_server(source: Source) -> Iterator[Finding]:
    settings = source.settings
    if settings.server_url is None:
        return
    try:
        release = ask_release(settings.server_url)
    except Untold as reason:
        advice = "Check server_url; the migrations are used until it answers."
        yield Finding(settings.name, "server_url", "warning", str(reason), advice)
    else:
        yield Finding(settings.name, "server_url", "ok", f"Unleash {release.oss}")


def _rehearsal(source: Source) -> Iterator[Finding]:
    name = source.settings.name
    began = time.monotonic()
    try:
        reading = read(source, UNLEASH)
    except Failure as failure:
        yield Finding(name, "a snapshot", "failure", str(failure), failure.hint)
        return
    seconds = time.monotonic() - began
    took = f"takes {seconds:.2f} s, {len(reading.stats)} statistics"
    if seconds > _SLOW_SECONDS:
        advice = "Set parallel = 4 for this source, or read a replica."
        yield Finding(name, "a snapshot", "warning", took, advice)
    else:
        yield Finding(name, "a snapshot", "ok", took)
    for missing in reading.troubles:
        yield Finding(name, missing.statistic, "warning", f"unavailable: {missing.reason}")
