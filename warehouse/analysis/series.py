"""A statistic over time: its points, what changed between them, and where nothing is known. Pure.

Nothing is filled in. A change is told against the point before, whatever lies between, and what
lies between is told with it: a gap, another provenance, another definition, another release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
        if self.change is None:
            return None
        return per_day(self.change, self.points[0].taken_at, self.points[-1].taken_at)


def make_series(
    instance: Instance,
    statistic: Statistic,
    sightings: Sequence[Sighting],
    missed: Sequence[MissedSlot] = (),
    by: Unit | None = None,
) -> Series:
    """Make a series of what the snapshots of an instance say, in order, and what was missed."""
    valued = [sighting for sighting in sightings if sighting.value is not None]
    times = [sighting.taken_at for sighting in sightings]
    gaps = find_gaps(times, [sighting.taken_at for sighting in valued], missed)
    if by:
        gaps = [gap for gap in gaps if _is_a_gap_of_periods(gap, valued[0].taken_at, by)]
    return Series(
        instance,
        statistic,
        by,
        tuple(_points(valued, gaps, by, can_grow=statistic.kind != SWITCH)),
        tuple(gaps),
        tuple(upgrades([(s.taken_at, s.release) for s in sightings])),
        tuple(_redefinitions(valued)),
    )


def last_of_each(sightings: Sequence[Sighting], by: Unit) -> list[Sighting]:
    """The last sighting of each period; what was observed counts before what was not."""
    periods = groupby(sightings, key=lambda sighting: period_of(sighting.taken_at, by))
    return [
        max(group, key=lambda sighting: (sighting.provenance == OBSERVED, sighting.taken_at))
        for _, group in periods
    ]


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
    for release, group in groupby(releases, key=lambda pair: pair[1]):
        if release and known and not _may_be_the_same(known, release):
            found.append(Upgrade(next(group)[0], known, release))
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


def _redefinitions(sightings: Sequence[Sighting]) -> list[Redefinition]:
    known = [(s.taken_at, s.definition) for s in sightings if s.definition]
    return [
        Redefinition(at, before, after)
        for (_, before), (at, after) in pairwise(known)
        if before != after
    ]


def _points(
    valued: Sequence[Sighting], gaps: Sequence[Gap], by: Unit | None, *, can_grow: bool
) -> Iterator[Point]:
    kept = last_of_each(valued, by) if by else valued
    broken = broken_before(gaps, [sighting.taken_at for sighting in kept])
    before: Sighting | None = None
    for place, sighting in enumerate(kept):
        yield Point(
            sighting.taken_at,
            sighting.value or 0.0,
            sighting.provenance,
            sighting.release,
            sighting.definition,
            period_name(period_of(sighting.taken_at, by), by) if by else None,
            *_since(before, sighting, can_grow=can_grow),
            after_gap=place in broken,
        )
        before = sighting


def _since(
    before: Sighting | None, now: Sighting, *, can_grow: bool
) -> tuple[float | None, float | None, float | None]:
    """Change, growth in percent, and change per day."""
    if before is None or before.value is None or now.value is None:
        return None, None, None
    change = now.value - before.value
    grown = growth(before.value, now.value) if can_grow else None
    return change, grown, per_day(change, before.taken_at, now.taken_at)


def per_day(change: float, since: datetime, until: datetime) -> float | None:
    """The change per day; None where no time lies between."""
    days = (until - since) / _A_DAY
    return change / days if days > 0 else None


def _is_a_gap_of_periods(gap: Gap, first: datetime, by: Unit) -> bool:
    """Whether a whole period is without a value because of it; `first` is the first value."""
    begin, end = period_of(gap.begin, by), period_of(gap.end, by)
    if gap.lasting or gap.begin < first:
        return begin < end
    return following(begin, by) < end
