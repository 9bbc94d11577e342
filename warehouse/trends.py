"""Trends: a statistic over time, with its change from point to point. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from warehouse.errors import BadInput


@dataclass(frozen=True)
class Point:
    """One value at one moment (UTC), and what has changed since the point before."""

    taken_at: datetime
    value: float
    change: float | None


@dataclass(frozen=True)
class Series:
    """One statistic of one instance, oldest point first."""

    instance: str
    statistic: str
    points: tuple[Point, ...]


def series_of(rows: Iterable[tuple[str, str, datetime, float]]) -> list[Series]:
    """Group rows of (instance, statistic, taken_at, value), already in that order."""
    grouped: dict[tuple[str, str], list[Point]] = {}
    for instance, statistic, taken_at, value in rows:
        points = grouped.setdefault((instance, statistic), [])
        points.append(Point(taken_at, value, value - points[-1].value if points else None))
    return [Series(*key, tuple(points)) for key, points in grouped.items()]


def resolve(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Turn what somebody typed into statistics: `activeUsers` means all of `activeUsers.*`.

    Raises BadInput with the nearest right name for one that is not known.
    """
    found: list[str] = []
    for name in wanted:
        matches = [k for k in known if k == name or k.startswith(f"{name}.")]
        if not matches:
            raise BadInput(f"no statistic {name!r} in this history", hint=_nearest(name, known))
        found += [match for match in matches if match not in found]
    return found


def _nearest(name: str, known: Sequence[str]) -> str:
    families = list(dict.fromkeys([*known, *(k.partition(".")[0] for k in known)]))
    lowered = {family.lower(): family for family in families}
    close = get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {', '.join(lowered[match] for match in close)}?"
    return "All names: tallybook statistics"
