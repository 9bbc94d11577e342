"""What a plot draws: panels of lines, and lines in strands that end where a gap begins. Pure.

A strand is of one provenance. Where an observed value follows one that was not observed, the
link between them is drawn as the latter is: it is no more certain.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from warehouse.analysis.gaps import Gap
from warehouse.analysis.names import family
from warehouse.analysis.series import OBSERVED, Point, Series, Upgrade
from warehouse.payload import Instance

Dot = tuple[datetime, float]


@dataclass(frozen=True)
class Strand:
    """Dots to be joined, all of one provenance."""

    provenance: str
    dots: list[Dot] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One series as it is drawn: its name, its strands, where it was redefined, and upgrades.

    Those are on the line only where the panel has lines of several instances.
    """

    label: str
    strands: tuple[Strand, ...]
    redefined: tuple[Dot, ...] = ()
    upgraded: tuple[tuple[Dot, str], ...] = ()

    @property
    def dots(self) -> list[Dot]:
        return [dot for strand in self.strands for dot in strand.dots]


@dataclass(frozen=True)
class Panel:
    """Lines that share an axis: those of one family of statistics, with one unit.

    `instance` is whose they are, where no line says it.
    """

    title: str
    unit: str
    instance: str
    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    upgrades: tuple[Upgrade, ...]

    @property
    def dots(self) -> list[Dot]:
        return [dot for line in self.lines for dot in line.dots]


def panels(series: Sequence[Series], *, rate: bool = False) -> list[Panel]:
    """Arrange series in panels. With `rate`, what is drawn is the change per day.

    Gaps and upgrades are the panel's where all its lines are of one instance. Told of several,
    gaps would be a muddle: there a line just ends.
    """
    return [
        panel
        for title, group in groupby(_by_family(series), key=lambda one: family(one.statistic.name))
        if (panel := _panel(title, list(group), series, rate=rate))
    ]


def _panel(
    title: str, members: Sequence[Series], everything: Sequence[Series], *, rate: bool
) -> Panel | None:
    alone = len({one.instance for one in members}) == 1
    lines = [
        _line(one, _label(one, members, everything), rate=rate, alone=alone) for one in members
    ]
    drawn = tuple(line for line in lines if line)
    if not drawn:
        return None
    return Panel(
        members[0].statistic.name if _is_one(members) else title,
        f"{members[0].statistic.unit} per day" if rate else members[0].statistic.unit,
        instance_label(members[0].instance, everything) if alone and not _is_one(members) else "",
        drawn,
        members[0].gaps if alone else (),
        members[0].upgrades if alone else (),
    )


def _by_family(series: Sequence[Series]) -> list[Series]:
    names = [family(one.statistic.name) for one in series]
    places = {name: names.index(name) for name in names}
    return sorted(series, key=lambda one: places[family(one.statistic.name)])


def _is_one(members: Sequence[Series]) -> bool:
    return len({each.statistic.name for each in members}) == 1


def instance_label(instance: Instance, all_of: Sequence[Series]) -> str:
    """The instance's name, and the beginning of its id where two share the name."""
    names = Counter(each.name for each in {series.instance for series in all_of})
    return instance.name if names[instance.name] < 2 else f"{instance.name} ({instance.id[:8]})"


def _label(one: Series, members: Sequence[Series], everything: Sequence[Series]) -> str:
    instance = instance_label(one.instance, everything)
    member = one.statistic.name.removeprefix(family(one.statistic.name)).lstrip(".")
    if _is_one(members) or not member:
        return instance
    several = len({each.instance for each in everything}) > 1
    return f"{instance} {member}" if several else member


def _line(series: Series, label: str, *, rate: bool, alone: bool) -> Line | None:
    points = [point for point in series.points if not rate or point.per_day is not None]
    if not points:
        return None
    dots = [_dot(point, rate=rate) for point in points]
    redefined = {event.at: "" for event in series.redefinitions}
    upgraded = {} if alone else {event.at: event.after for event in series.upgrades}
    return Line(
        label,
        tuple(_strands(points, rate=rate)),
        tuple(dot for dot, _ in _placed(redefined, dots)),
        tuple(_placed(upgraded, dots)),
    )


def _placed(events: Mapping[datetime, str], dots: Sequence[Dot]) -> Iterator[tuple[Dot, str]]:
    """The first dot at or after each event: with periods, the event itself may have none."""
    times = [at for at, _ in dots]
    for at, told in events.items():
        if (place := bisect_left(times, at)) < len(dots):
            yield dots[place], told


def _strands(points: Sequence[Point], *, rate: bool) -> list[Strand]:
    made: list[Strand] = []
    for point in points:
        dot = _dot(point, rate=rate)
        if not made or point.after_gap:
            made.append(Strand(point.provenance, [dot]))
        elif point.provenance == made[-1].provenance:
            made[-1].dots.append(dot)
        elif point.provenance == OBSERVED:
            made[-1].dots.append(dot)
            made.append(Strand(OBSERVED, [dot]))
        else:
            made.append(Strand(point.provenance, [made[-1].dots[-1], dot]))
    return made


def _dot(point: Point, *, rate: bool) -> Dot:
    return point.taken_at, (point.per_day or 0.0) if rate else point.value
