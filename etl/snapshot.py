"""A snapshot as it was read, and its shape as a record. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypedDict, TypeVar
from urllib.parse import quote

import msgspec

from etl.statistic import Probe, Statistic, Unavailable
from warehouse.payload import (
    MAX_INTEGER,
    EnvironmentChanges,
    Instance,
    Missed,
    Names,
    Origin,
    ProjectFlags,
    Release,
    Scheduled,
    Snapshot,
    Value,
)
from warehouse.record import timestamp

Row = Mapping[str, object]
T = TypeVar("T")

MAX_NAMES: Final = 5_000
# A record has 1 MiB; each of the lists in it may take a fifth.
MAX_NAME_BYTES: Final = 200_000
MAX_LABELS: Final = 100
MAX_LABEL_LENGTH: Final = 500
NEVER_STARTED: Final = "unresolved-instance-id"


class Common(TypedDict):
    """The fields of every record."""

    log: str
    index: int
    recorded_at: str
    nonce: str
    tool: str


@dataclass(frozen=True)
class Place:
    """Where a record comes to stand: filled in when it is signed, not before."""

    log: str
    index: int
    seq: int
    prev: str
    recorded_at: str
    nonce: str
    tool: str

    @property
    def common(self) -> Common:
        """The fields that a record has whatever it says."""
        return Common(
            log=self.log,
            index=self.index,
            recorded_at=self.recorded_at,
            nonce=self.nonce,
            tool=self.tool,
        )


@dataclass(frozen=True)
class MissedSlot:
    """A slot of an instance in which no snapshot could be taken, and why."""

    instance: Instance
    due_at: datetime
    reason: str

    def payload(self, place: Place) -> Missed:
        """Shape the record that says so."""
        return Missed(
            **place.common,
            instance=self.instance,
            seq=place.seq,
            prev=place.prev,
            due_at=timestamp(self.due_at),
            reason=self.reason,
        )


@dataclass(frozen=True)
class NewSchedule:
    """The schedule of a source from a moment on; `cron` None for a source that has none."""

    source: str
    cron: str | None
    zone: str
    since: datetime

    @property
    def instance(self) -> None:
        """None: a schedule is no link of an instance's chain."""

    def payload(self, place: Place) -> Scheduled:
        """Shape the record that says so."""
        return Scheduled(
            **place.common,
            source=self.source,
            cron=self.cron,
            zone=self.zone,
            since=timestamp(self.since),
        )


@dataclass(frozen=True)
class Reading:
    """Everything that one consistent moment of a source told us."""

    instance: Instance
    taken_at: datetime
    db_time: datetime
    origin: Origin
    release: Release
    definitions: str
    stats: Mapping[str, Value]
    unavailable: Sequence[Unavailable]
    remarks: Mapping[str, str]
    names: Names
    due_at: datetime | None = None

    @property
    def troubles(self) -> list[Unavailable]:
        """What was unavailable for another reason than the age of the schema."""
        return [missing for missing in self.unavailable if missing.cause != "schema"]

    def payload(self, place: Place) -> Snapshot:
        """Shape the record that says all this."""
        return Snapshot(
            **place.common,
            instance=self.instance,
            seq=place.seq,
            prev=place.prev,
            due_at=timestamp(self.due_at) if self.due_at else None,
            taken_at=timestamp(self.taken_at),
            db_time=timestamp(self.db_time),
            source=self.origin,
            unleash=self.release,
            definitions=self.definitions,
            stats=dict(self.stats),
            unavailable={missing.statistic: missing.reason for missing in self.unavailable},
            remarks=dict(self.remarks),
            names=self.names,
        )


def values_of(
    probe: Probe, statistics: Sequence[Statistic], rows: Sequence[Row]
) -> dict[str, Value]:
    """Turn the rows of a probe into statistics. Raises ValueError for what is no value."""
    if probe.label:
        (statistic,) = statistics
        _require_labels([str(row["label"]) for row in rows])
        return {
            f"{statistic.name}.{label_text(row['label'])}": value_of(
                statistic.kind, row[statistic.name]
            )
            for row in rows
        }
    (row,) = rows
    return {s.name: value_of(s.kind, row[s.name]) for s in statistics}


def _require_labels(labels: Sequence[str]) -> None:
    # A record has 1 MiB for everything, and nobody reads a thousand types of anything.
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{len(labels)} labels, more than {MAX_LABELS}")
    for label in labels:
        if len(label_text(label)) > MAX_LABEL_LENGTH:
            raise ValueError(f"a label of {len(label)} characters, beginning {label[:20]!r}")


def value_of(kind: str, found: object) -> Value:
    """Turn what PostgreSQL gave into what a record may hold: a decimal becomes text."""
    if kind == "switch" and isinstance(found, bool):
        return found
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        exact = Decimal(found)
        if exact.is_finite() and abs(exact) <= MAX_INTEGER:
            if kind == "ratio":
                return f"{exact.normalize():f}"
            if kind != "switch" and exact == int(exact):
                return int(exact)
    raise ValueError(f"expected a {kind}, found {found!r}")


def label_text(label: object) -> str:
    """A label as part of a name: ASCII, what is not percent-encoded as in a URL."""
    printable = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
    return quote(str(label), safe=printable)


def remarks_of(probe: Probe, statistics: Sequence[Statistic], row: Row) -> dict[str, str]:
    """Say which malformed rows the statistics of a probe leave out."""
    count = row.get("odd_rows")
    if probe.odd is None or not count:
        return {}
    rows = "row" if count == 1 else "rows"
    text = f"{count} malformed {rows} left out, {row['odd_example']!r} first: {probe.odd.reason}"
    return {statistic.name: text for statistic in statistics}


def require_recordable(rows: Sequence[Row]) -> None:
    """Raise ValueError for a number that no record can hold."""
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise ValueError(f"{name} {value} is beyond ±(2^53 - 1)")


def names_of(
    apps: Sequence[Row], changes: Sequence[Row], flags: Sequence[Row], *, first_day: date, days: int
) -> Names:
    """Shape the rows kept beside the numbers, bounded; what is left out is counted.

    `apps` has rows of app_name, `changes` of environment, type, day and updates,
    `flags` of project, active and archived.
    """
    kept_apps = _bounded([str(row["app_name"]) for row in apps])
    environments = _by_environment(changes, first_day, days)
    kept_changes = _bounded(environments)
    projects = [
        ProjectFlags(
            project=str(row["project"]),
            active=int(str(row["active"])),
            archived=int(str(row["archived"])),
        )
        for row in flags
    ]
    kept_flags = _bounded(projects)
    omitted = {
        "apps": len(apps) - len(kept_apps),
        "changes": len(environments) - len(kept_changes),
        "flags": len(projects) - len(kept_flags),
    }
    return Names(
        apps=kept_apps,
        changes=kept_changes,
        flags=kept_flags,
        omitted={name: count for name, count in omitted.items() if count},
    )


def _by_environment(rows: Sequence[Row], first_day: date, days: int) -> list[EnvironmentChanges]:
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        updates = found.setdefault((str(row["environment"]), str(row["type"])), [0] * days)
        day = row["day"]
        if isinstance(day, date) and timedelta() <= day - first_day < timedelta(days):
            updates[(day - first_day).days] += int(str(row["updates"]))
    return [
        EnvironmentChanges(
            environment=name, type=kind, first_day=first_day.isoformat(), updates=updates
        )
        for (name, kind), updates in found.items()
    ]


def _bounded(items: Sequence[T]) -> list[T]:
    kept: list[T] = []
    size = 0
    for item in items[:MAX_NAMES]:
        size += len(msgspec.json.encode(item)) + len(",")
        if size > MAX_NAME_BYTES:
            break
        kept.append(item)
    return kept
