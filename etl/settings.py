"""tallybook.toml → frozen types, read once at the door.

Unknown keys are refused with their path and the nearest right one. A path in the file is
relative to the file. No secret has to stand in it: passwords come from a file, the
environment, PGPASSFILE or a libpq service, the key's passphrase from a file or the
environment.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from etl.alert_tables import Alert, AlertsTable, AlertTable, read_alert
from etl.anchors.tables import ANCHOR_KINDS, AnchorTable, is_anchor_name
from etl.daemon_table import DaemonTable, check_daemon, check_schedule
from etl.export_table import ExportTable
from etl.keys.reference import KeyReference, key_reference, secret_reference
from warehouse.errors import BadSettings, CredentialFailure
from warehouse.schedule import Schedule

FILE_NAME: Final = "tallybook.toml"
_A_DAY: Final = 86_400
# As many as `tallybook grants` allows the role.
_MOST_CONNECTIONS: Final = 8
_ANCHOR_NAMES: Final = "Expected letters, digits, '-' and '_', for example: [anchor.offsite]"
S = TypeVar("S", bound=msgspec.Struct)


class SourceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[source.NAME]`: one Unleash database. Times in seconds."""

    url: str
    password_file: str | None = None
    password_env: str | None = None
    server_url: str | None = None
    schema: str = "public"
    parallel: int = 1
    connect_timeout: float = 10
    statement_timeout: float = 60
    lock_timeout: float = 2
    schedule: str | None = None
    timezone: str | None = None


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    origin: str
    warehouse: str = "history"
    state: str = "state"
    signing_key: str = "state/signing-key.pem"
    passphrase_file: str | None = None
    passphrase_env: str | None = None
    public_key: str = "ledger.pub.pem"
    lock_timeout: float = 30
    source: dict[str, dict[str, Any]] = {}
    anchor: dict[str, dict[str, Any]] = {}
    daemon: dict[str, Any] = {}
    alerts: dict[str, Any] = {}
    alert: dict[str, dict[str, Any]] = {}
    export: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class SourceSettings:
    """How one source is reached and read. Times are in seconds."""

    name: str
    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    schema: str = "public"
    server_url: str | None = None
    parallel: int = 1
    connect_timeout: float = 10
    statement_timeout: float = 60
    lock_timeout: float = 2


@dataclass(frozen=True)
class Settings:
    """The settings as the product uses them: absolute paths, checked values."""

    path: Path
    origin: str
    warehouse: Path
    state: Path
    signing_key: KeyReference
    public_key: Path
    lock_timeout: float
    tables: Mapping[str, SourceTable]
    anchors: Mapping[str, AnchorTable] = field(default_factory=dict)
    daemon: DaemonTable = field(default_factory=DaemonTable)
    alerts: Sequence[Alert] = ()
    alert_urls: Path | None = None
    exports: Mapping[str, ExportTable] = field(default_factory=dict)

    def require_source(self, name: str) -> None:
        """Raise BadSettings for what is no source of these settings."""
        if name not in self.tables:
            raise BadSettings(
                f"no source {name!r} in {str(self.path)!r}", hint=_nearest(name, list(self.tables))
            )

    def schedule_of(self, name: str) -> Schedule:
        """When snapshots of a source are due, if a daemon takes them."""
        table = self.tables[name]
        return Schedule(
            table.schedule or self.daemon.schedule, table.timezone or self.daemon.timezone
        )

    def source(self, name: str) -> SourceSettings:
        """One source, its password resolved. Raises BadSettings and CredentialFailure."""
        self.require_source(name)
        return _source(name, self.tables[name], self.path)


def find_settings(given: str | None, environment: Mapping[str, str]) -> Path:
    """Find the file: --config, $TALLYBOOK_CONFIG, ./tallybook.toml, /etc/tallybook/. Raises."""
    named = given or environment.get("TALLYBOOK_CONFIG")
    candidates = [Path(named)] if named else [Path(FILE_NAME), Path("/etc/tallybook") / FILE_NAME]
    for path in candidates:
        if path.is_file():
            return path.absolute()
    if named:
        raise BadSettings(f"no settings file {named!r}", hint="Check --config or TALLYBOOK_CONFIG.")
    raise BadSettings(
        f"no {FILE_NAME} in this folder or /etc/tallybook",
        hint="Name it with --config, or make one: tallybook init DIR --source NAME=URL",
    )


def load_settings(path: Path) -> Settings:
    """Read and check the file. Raises BadSettings naming the key."""
    raw = _parse(path)
    tables = _convert(raw, Tables, "", path)
    sources = {
        name: _convert(table, SourceTable, f"source.{name}.", path)
        for name, table in tables.source.items()
    }
    _check(tables, sources, path)
    daemon = _convert(tables.daemon, DaemonTable, "daemon.", path)
    check_daemon(daemon, f"{str(path)!r}: daemon")
    base = path.parent
    urls_file = _convert(tables.alerts, AlertsTable, "alerts.", path).urls_file
    return Settings(
        path=path,
        origin=tables.origin,
        warehouse=base / tables.warehouse,
        state=base / tables.state,
        signing_key=_signing_key(tables, path),
        public_key=base / tables.public_key,
        lock_timeout=tables.lock_timeout,
        tables=sources,
        anchors={name: _anchor(name, table, path) for name, table in tables.anchor.items()},
        daemon=daemon,
        alerts=[_alert(name, table, list(sources), path) for name, table in tables.alert.items()],
        alert_urls=base / urls_file if urls_file else None,
        exports={name: _export(name, table, path) for name, table in tables.export.items()},
    )


def check_origin(origin: str, *, named: str) -> None:
    """Raise BadSettings unless this can name a log: one line of text, no spaces, no `+`."""
    plain = origin.isprintable() and not any(c.isspace() or c == "+" for c in origin)
    # A payload begins with a brace: it must never pass for a checkpoint.
    if not origin or not plain or origin.startswith("{"):
        raise BadSettings(
            f"{named} {origin!r} cannot name a log",
            hint="Expected something like example.com/tallybook, without spaces or '+'.",
        )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{str(path)!r} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {str(path)!r}: {error}") from None


def _convert(table: Any, kind: type[S], prefix: str, path: Path) -> S:
    known = [field.name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            raise BadSettings(
                f"{str(path)!r}: unknown key {prefix + key!r}", hint=_nearest(key, known)
            )
        if table[key] == "":
            raise BadSettings(f"{str(path)!r}: {prefix + key} is empty")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        key = prefix + where.rstrip("`") if where else prefix.rstrip(".")
        raise BadSettings(
            f"{str(path)!r}: {key}: {what[0].lower()}{what[1:]}"
            if key
            else f"{str(path)!r}: {what}"
        ) from None


def _signing_key(tables: Tables, path: Path) -> KeyReference:
    named, base = repr(str(path)), path.parent
    passphrase = secret_reference(tables.passphrase_file, tables.passphrase_env, base, named=named)
    return key_reference(
        tables.signing_key, base, named=f"{named}: signing_key", passphrase=passphrase
    )


def _anchor(name: str, table: Mapping[str, Any], path: Path) -> AnchorTable:
    where = f"{str(path)!r}: anchor.{name}"
    if not is_anchor_name(name):
        raise BadSettings(f"{str(path)!r}: {name!r} cannot name an anchor", hint=_ANCHOR_NAMES)
    kind = table.get("kind")
    if kind not in [*ANCHOR_KINDS]:
        said = "has no kind" if kind is None else f"has the unknown kind {kind!r}"
        raise BadSettings(f"{where} {said}", hint=_nearest(str(kind or ""), list(ANCHOR_KINDS)))
    others = {key: value for key, value in table.items() if key != "kind"}
    made = _convert(others, ANCHOR_KINDS[kind], f"anchor.{name}.", path)
    _check_range(f"{where}.timeout", made.timeout, 0.1, _A_DAY)
    if complaint := made.complaint():
        raise BadSettings(f"{where}.{complaint}")
    return made.placed(path.parent)


def _alert(name: str, table: dict[str, Any], sources: Sequence[str], path: Path) -> Alert:
    made = _convert(table, AlertTable, f"alert.{name}.", path)
    if made.source is not None and made.source not in sources:
        where = f"{str(path)!r}: alert.{name}.source"
        hint = _nearest(made.source, list(sources))
        raise BadSettings(f"{where}: no source {made.source!r}", hint=hint)
    return read_alert(name, made, f"{str(path)!r}: alert.{name}")


def _export(name: str, table: dict[str, Any], path: Path) -> ExportTable:
    made = _convert(table, ExportTable, f"export.{name}.", path)
    _check_range(f"{str(path)!r}: export.{name}.keep", made.keep, 2, 1000)
    return msgspec.structs.replace(made, to=str(path.parent / made.to))


def _check(tables: Tables, sources: Mapping[str, SourceTable], path: Path) -> None:
    check_origin(tables.origin, named=f"{str(path)!r}: origin")
    _check_range(f"{str(path)!r}: lock_timeout", tables.lock_timeout, 0, _A_DAY)
    for name, source in sources.items():
        where = f"{str(path)!r}: source.{name}"
        _check_range(f"{where}.parallel", source.parallel, 1, _MOST_CONNECTIONS)
        for key in ("connect_timeout", "statement_timeout", "lock_timeout"):
            # PostgreSQL counts milliseconds, and would take 0 for no limit at all.
            _check_range(f"{where}.{key}", getattr(source, key), 0.001, _A_DAY)
        check_schedule(source.schedule or "0 2 * * *", source.timezone or "UTC", where)
        if source.password_file and source.password_env:
            raise BadSettings(f"{where} has password_file and password_env: keep one of them")
        if not (source.server_url or "https://").startswith(("http://", "https://")):
            raise BadSettings(f"{where}.server_url must begin with http:// or https://")


def _check_range(named: str, value: float, least: float, most: float) -> None:
    # Written so that nan, which TOML has, is refused as well.
    if not least <= value <= most:
        raise BadSettings(f"{named} must be from {least:g} to {most:g}, found {value:g}")


def _source(name: str, table: SourceTable, path: Path) -> SourceSettings:
    return SourceSettings(
        name=name,
        url=table.url,
        password=_password(name, table, path.parent),
        schema=table.schema,
        server_url=table.server_url,
        parallel=table.parallel,
        connect_timeout=table.connect_timeout,
        statement_timeout=table.statement_timeout,
        lock_timeout=table.lock_timeout,
    )


def _password(name: str, table: SourceTable, base: Path) -> str | None:
    if table.password_env:
        found = os.environ.get(table.password_env)
        if found is None:
            raise CredentialFailure(
                f"source {name!r}: the environment has no {table.password_env}",
                hint="Set it to the password, or name another in password_env.",
            )
        return found
    if table.password_file is None:
        return None
    file = base / table.password_file
    try:
        return file.read_text().rstrip("\r\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CredentialFailure(
            f"source {name!r}: cannot read password_file {str(file)!r}: {reason}"
        ) from None


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.4)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There is: {', '.join(known) or 'none at all'}"
