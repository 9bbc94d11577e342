"""A statistic over time: its points, what changed between them, and where nothing is known. Pure.

Nothing is filled in. A change is told against the point before, whatever lies between, and what
lies between is told with it: a gap, another provenance, another definition, another release.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from warehouse.analysis.gaps import Gap, MissedSlot, broken_before, find_gaps
from warehouse.analysis.periods import Unit, following, period_name, period_of
from warehouse.payload import Instance

OBSERVED: Final = "observed"
SWITCH: Final = "switch"
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Sighting:
    """What one snapshot says of one statistic; `value` is None where it was unavailable."""

    taken_at: datetime
    value: float | None
    provenance: str = OBSERVED
    release: str = ""
    definition: str | None = None


@dataclass(frozen=True)
class Point:
    """One value at one moment (UTC), and what has changed since the point before.

    `growth` is in percent, None where there is nothing to compare with; `per_day` is the change
    per day. `after_gap` says that a gap lies between the two.
    """

    taken_at: datetime
    value: float
    provenance: str = OBSERVED
    release: str = ""
    definition: str | None = None
    period: str | None = None
    change: float | None = None
    growth: float | None = None
    per_day: float | None = None
    after_gap: bool = False


@dataclass(frozen=True)
class Upgrade:
    """Another release of Unleash than in the snapshot before; downgrades too."""

    at: datetime
    before: str
    after: str


@dataclass(frozen=True)
class Redefinition:
    """From this moment on the statistic is counted by another definition (their hashes)."""

    at: datetime
    before: str
    after: str


@dataclass(frozen=True)
class Statistic:
    """What a series is of: `kind` is count, ratio, switch or bytes."""

    name: str
    unit: str = ""
    kind: str = "count"


@dataclass(frozen=True)
class Series:
    """One statistic of one instance, oldest point first.

    With `by`, a point is the last value of its period: the last observed one, where there is any.
    """

    instance: Instance
    statistic: Statistic
    by: Unit | None
    points: tuple[Point, ...]
    gaps: tuple[Gap, ...] = ()
    upgrades: tuple[Upgrade, ...] = ()
    redefinitions: tuple[Redefinition, ...] = ()

    @property
    def change(self) -> float | None:
        """From the first point to the last."""
        return self.points[-1].value - self.points[0].value if len(self.points) > 1 else None

    @property
    def growth(self) -> float | None:
        """The same in percent."""
        if self.statistic.kind == SWITCH or len(self.points) < 2:
            return None
        return growth(self.points[0].value, self.points[-1].value)

    @property
    def per_day(self) -> float | None:
        """The same per day."""
        if len(self.points) < 2:
            return None
        return _per_day(self.points[0], self.points[-1])


def make_series(
    instance: Instance,
    statistic: Statistic,
    sightings: Sequence[Sighting],
    missed: Sequence[MissedSlot] = (),
    by: Unit | None = None,
) -> Series:
    """Make a series of what the snapshots of an instance say, in order, and what was missed."""
    points = [
        Point(s.taken_at, s.value, s.provenance, s.release, s.definition)
        for s in sightings
        if s.value is not None
    ]
    times = [sighting.taken_at for sighting in sightings]
    gaps = find_gaps(times, [point.taken_at for point in points], missed)
    redefinitions = _redefinitions(points)
    if by:
        gaps = [gap for gap in gaps if _is_a_gap_of_periods(gap, points[0].taken_at, by)]
        points = last_of_each(points, by)
    return Series(
        instance,
        statistic,
        by,
        tuple(_compared(points, gaps, can_grow=statistic.kind != SWITCH)),
        tuple(gaps),
        tuple(upgrades([(s.taken_at, s.release) for s in sightings])),
        tuple(redefinitions),
    )


def last_of_each(points: Sequence[Point], by: Unit) -> list[Point]:
    """The last point of each period; what was observed counts before what was not."""
    return [
        replace(max(group, key=_preference), period=period_name(period, by))
        for period, group in groupby(points, key=lambda point: period_of(point.taken_at, by))
    ]


def _preference(point: Point) -> tuple[bool, datetime]:
    return point.provenance == OBSERVED, point.taken_at


def growth(before: float, after: float) -> float | None:
    """The change in percent; None where it began with nothing or less."""
    return (after - before) / before * 100 if before > 0 else None


def upgrades(releases: Sequence[tuple[datetime, str]]) -> list[Upgrade]:
    """Find where the release changed, out of what each snapshot says.

    A release is known only as exactly as it is certain: 7.4 and then 7.4.1, or 4.18/4.19 and
    then 4.19, is no upgrade.
    """
    found: list[Upgrade] = []
    known = ""
    for at, release in releases:
        if release and known and not _may_be_the_same(known, release):
            found.append(Upgrade(at, known, release))
            known = release
        elif _exactness(release) > _exactness(known):
            known = release
    return found


def _may_be_the_same(one: str, other: str) -> bool:
    return any(
        f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.")
        for a in one.split("/")
        for b in other.split("/")
    )


def _exactness(release: str) -> tuple[int, int]:
    # Fewer candidates are more exact, then more numbers are.
    return (-len(release.split("/")), release.count(".")) if release else (-100, 0)


def _redefinitions(points: Sequence[Point]) -> list[Redefinition]:
    known = [(p.taken_at, p.definition) for p in points if p.definition]
    return [
        Redefinition(at, before, after)
        for (_, before), (at, after) in pairwise(known)
        if before != after
    ]


def _compared(points: Sequence[Point], gaps: Sequence[Gap], *, can_grow: bool) -> list[Point]:
    broken = broken_before(gaps, [point.taken_at for point in points])
    return [
        *points[:1],
        *(
            replace(
                point,
                change=point.value - before.value,
                growth=growth(before.value, point.value) if can_grow else None,
                per_day=_per_day(before, point),
                after_gap=place in broken,
            )
            for place, (before, point) in enumerate(pairwise(points), start=1)
        ),
    ]


def _per_day(before: Point, after: Point) -> float | None:
    days = (after.taken_at - before.taken_at) / _A_DAY
    return (after.value - before.value) / days if days > 0 else None


def _is_a_gap_of_periods(gap: Gap, first: datetime, by: Unit) -> bool:
    """Whether a whole period is without a value because of it; `first` is the first value."""
    begin, end = period_of(gap.begin, by), period_of(gap.end, by)
    if gap.lasting or gap.begin < first:
        return begin < end
    return following(begin, by) < end
