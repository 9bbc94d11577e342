"""The life of one instance, day by day: numbers that move slowly, as those of a company do.

Every statistic of the catalogue has a value, labelled ones one for each of the labels that a
real server has. Stocks grow by a few, flows follow the working week, switches hardly ever
change. The same instance has the same life in every run.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from etl.catalogue import UNLEASH
from etl.reading import definitions_of
from etl.snapshot import Reading
from warehouse.payload import (
    EnvironmentChanges,
    Instance,
    Names,
    Origin,
    ProjectFlags,
    Release,
    Schema,
    Value,
)

_LABELS: Final = {
    "featureTogglesByType": ("release", "experiment", "operational", "kill-switch", "permission"),
    "featureLifecycles": ("initial", "pre-live", "live", "completed", "archived"),
    "projectsByMode": ("open", "protected", "private"),
    "apiTokens": ("admin", "client", "frontend"),
    "apiTokensV2": ("admin", "client", "frontend"),
    "changeRequests": ("Draft", "In review", "Approved", "Applied", "Rejected"),
}
_MONTHLY: Final = "edgeInstanceUsage"
# Each of these has a value in proportion to the people who are there, on a working day.
_FLOWS: Final = {
    "activeUsers.last7": 0.45,
    "activeUsers.last30": 0.6,
    "activeUsers.last60": 0.68,
    "activeUsers.last90": 0.74,
    "clientApps.7d": 0.15,
    "clientApps.30d": 0.18,
    "previousDayMetricsBucketsCount.enabledCount": 90.0,
    "previousDayMetricsBucketsCount.variantCount": 12.0,
    "unknownFlags": 0.05,
}
_DEFINITIONS: Final = definitions_of(UNLEASH)
_WINDOWS: Final = {"productionChanges.last30": 30, "productionChanges.last60": 60}
_CHANGES_DAYS: Final = 90
_SCHEMA: Final = Schema("20260902120000-sample", 397, "0123456789abcdef")


def the_definitions() -> tuple[bytes, str]:
    """The dictionary that all these lives are counted by, and its hash."""
    return _DEFINITIONS


class Life:
    """One instance, from the day before its first."""

    def __init__(self, number: int, first_day: datetime) -> None:
        self.instance = Instance(f"4c1b6b6e-0000-4000-8000-{number:012d}", f"unleash-{number:05d}")
        self._chance = random.Random(number)  # noqa: S311 - the same life every time, no secret
        self._people = 10 + int(self._chance.paretovariate(1.1) * 25) % 4000
        self._stats: dict[str, Value] = {}
        self._stocks: list[str] = []
        for definition in UNLEASH.definitions():
            for name in _names(definition.name, first_day, labelled=definition.labelled):
                self._begin(name, definition.kind)
        self._production = [self._changes(first_day) for _ in range(_CHANGES_DAYS)]
        self._staging = [self._changes(first_day) for _ in range(_CHANGES_DAYS)]
        self._apps = [f"service-{number % 97}-{n}" for n in range(2 + number % 9)]
        self._projects = [f"project-{number % 89}-{n}" for n in range(1 + number % 6)]

    def day(self, at: datetime) -> Reading:
        """Live until this night, and be read."""
        self._grow()
        self._flow(at)
        self._month(at)
        return Reading(
            instance=self.instance,
            taken_at=at,
            db_time=at + timedelta(milliseconds=self._chance.randrange(40)),
            origin=_origin(at),
            release=Release(oss="8.2.0", enterprise="", evidence="migrations"),
            definitions=_DEFINITIONS[1],
            stats=dict(self._stats),
            unavailable=(),
            remarks={},
            names=self._names(at),
            due_at=at.replace(second=0, microsecond=0),
        )

    def _begin(self, name: str, kind: str) -> None:
        if kind == "switch":
            self._stats[name] = self._chance.random() < 0.4
        elif kind == "ratio":
            self._stats[name] = f"{self._chance.random():.3f}"
        else:
            self._stats[name] = int(self._people * self._chance.uniform(0.02, 2.5))
            if name not in _FLOWS:
                self._stocks.append(name)

    def _grow(self) -> None:
        for name in self._chance.choices(self._stocks, k=6):
            self._stats[name] = max(0, int(self._stats[name]) + self._chance.randrange(-1, 4))

    def _flow(self, at: datetime) -> None:
        busy = 0.35 if at.weekday() in (6, 0) else 1.0
        for name, share in _FLOWS.items():
            self._stats[name] = int(self._people * share * busy * self._chance.uniform(0.96, 1.04))
        for changes in (self._production, self._staging):
            changes.append(self._changes(at))
            del changes[0]
        for name, days in _WINDOWS.items():
            self._stats[name] = sum(self._production[-days:])
        self._stats["productionChanges.last90"] = sum(self._production)

    def _month(self, at: datetime) -> None:
        if at.day != 1:
            return
        months = [name for name in self._stats if name.startswith(f"{_MONTHLY}.")]
        if len(months) == 12:
            del self._stats[min(months)]
        self._stats[f"{_MONTHLY}.{at:%Y-%m}"] = f"{self._chance.random():.3f}"

    def _changes(self, at: datetime) -> int:
        return 0 if at.weekday() in (6, 0) else self._chance.randrange(1 + self._people // 40)

    def _names(self, at: datetime) -> Names:
        first = (at - timedelta(days=_CHANGES_DAYS - 1)).date().isoformat()
        flags = int(self._stats["featureToggles"]) // len(self._projects)
        return Names(
            apps=self._apps,
            changes=[
                _environment("production", first, self._production),
                _environment("development", first, self._staging),
            ],
            flags=[
                ProjectFlags(project=project, active=flags, archived=flags // 3)
                for project in self._projects
            ],
            omitted={},
        )


def _names(name: str, at: datetime, *, labelled: bool) -> list[str]:
    if name == _MONTHLY:
        months = [at.year * 12 + at.month - 1 - back for back in range(12)]
        return [f"{name}.{month // 12}-{month % 12 + 1:02d}" for month in months]
    if labelled:
        return [f"{name}.{label}" for label in _LABELS[name]]
    return [name]


def _environment(name: str, first_day: str, updates: Sequence[int]) -> EnvironmentChanges:
    return EnvironmentChanges(
        environment=name, type=name, first_day=first_day, updates=list(updates)
    )


def _origin(at: datetime) -> Origin:
    return Origin(
        postgres="16.14",
        database="unleash",
        system="7400000000000000001",
        lsn=f"0/{int(at.timestamp()):X}",
        timeline=1,
        role="primary",
        schema=_SCHEMA,
    )
