"""When a limit will be reached, told by a straight line through daily values. Pure.

Least squares, and a prediction interval around the line. Daily values resemble the day before
them: of licensedUsers, thirty days share most of their people. So the interval is computed for
as many points as there would be if they were independent (an AR(1) correction), which makes it
wider, and honest. Where nothing can be said, the verdict says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from math import sqrt
from statistics import NormalDist, fmean, linear_regression
from typing import Final, Literal

Verdict = Literal[
    "reached",
    "expected",
    "too few values",
    "not growing",
    "not within the horizon",
    "too uncertain",
]
Daily = Sequence[tuple[date, float]]

CONFIDENCE: Final = 0.95
HORIZON_DAYS: Final = 3 * 365
# What is older says little about how it goes on.
WINDOW_DAYS: Final = 180
FEWEST_VALUES: Final = 14
# With fewer independent points a line has hardly any freedom left to be wrong.
_FEWEST_INDEPENDENT: Final = 5.0


@dataclass(frozen=True)
class Forecast:
    """What can be said: the day that the line reaches the limit, and the interval around it.

    `earliest` and `latest` bound it with the confidence given; None where the interval has no
    such end. `per_day` is the slope of the line, `values` how many days it was drawn through.
    """

    verdict: Verdict
    values: int
    per_day: float | None = None
    on: date | None = None
    earliest: date | None = None
    latest: date | None = None


@dataclass(frozen=True)
class Line:
    """A least-squares line through values, x counted from the last of them.

    `scatter` is the standard deviation around it; `independent` the points it would take if
    none resembled the one before.
    """

    slope: float
    level: float
    mean_x: float
    spread: float
    scatter: float
    independent: float


def forecast(daily: Daily, limit: float) -> Forecast:
    """Tell when daily values, in order and at most one a day, will reach `limit`."""
    if daily and daily[-1][1] >= limit:
        return Forecast("reached", len(daily), on=_reached_since(daily, limit))
    last = daily[-1][0] if daily else date.min
    recent = [(day, value) for day, value in daily if (last - day).days < WINDOW_DAYS]
    if len(recent) < FEWEST_VALUES:
        return Forecast("too few values", len(recent))
    line = fit([(day - last).days for day, _ in recent], [value for _, value in recent])
    told = Forecast("not growing", len(recent), per_day=line.slope)
    if line.slope <= 0:
        return told
    return _bounded(told, line, limit, last, (limit - line.level) / line.slope)


def fit(x: Sequence[float], y: Sequence[float]) -> Line:
    """Draw the line through at least three points with different x."""
    slope, level = linear_regression(x, y)
    rest = [value - (level + slope * at) for at, value in zip(x, y, strict=True)]
    squares = sum(each * each for each in rest)
    # Residues of rounding, of values that lie on a line, must not look like a pattern.
    alike = sum(a * b for a, b in pairwise(rest)) / squares if squares > 1e-9 else 0.0
    alike = min(max(alike, 0.0), 0.99)
    independent = len(x) * (1 - alike) / (1 + alike)
    freedom = max(independent - 2, 1.0)
    mean_x = fmean(x)
    spread = sum((at - mean_x) ** 2 for at in x) * independent / len(x)
    scatter = sqrt(squares * independent / len(x) / freedom)
    return Line(slope, level, mean_x, spread, scatter, independent)


def student_t(freedom: float, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t, by the Cornish-Fisher expansion.

    Right to three digits from 3 degrees of freedom on (Abramowitz and Stegun, 26.7.5).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def crossing(line: Line, limit: float) -> tuple[float, float] | None:
    """Where the prediction band meets the limit, first its upper and then its lower edge.

    In days from the last value; None where the slope is too uncertain for the band to pass the
    limit for good (Fieller's theorem).
    """
    t2s2 = (student_t(line.independent - 2) * line.scatter) ** 2
    needed = limit - (line.level + line.slope * line.mean_x)
    steepness = line.slope**2 - t2s2 / line.spread
    if steepness <= 0:
        return None
    # (needed - slope·u)² = t²s²·(1 + 1/n + u²/spread), solved for u = x - mean_x.
    half = needed * line.slope
    rest = needed**2 - t2s2 * (1 + 1 / line.independent)
    root = sqrt(max(half**2 - steepness * rest, 0.0))
    first, second = (half - root) / steepness, (half + root) / steepness
    return line.mean_x + first, line.mean_x + second


def _bounded(told: Forecast, line: Line, limit: float, last: date, ahead: float) -> Forecast:
    band = crossing(line, limit) if line.independent >= _FEWEST_INDEPENDENT else None
    if band is None:
        return replace(told, verdict="too uncertain")
    earliest = _day(last, band[0]) if band[0] <= HORIZON_DAYS else None
    if ahead > HORIZON_DAYS:
        return replace(told, verdict="not within the horizon", earliest=earliest)
    if band[1] > HORIZON_DAYS:
        return replace(told, verdict="too uncertain", earliest=earliest)
    latest = _day(last, band[1])
    return replace(told, verdict="expected", on=_day(last, ahead), earliest=earliest, latest=latest)


def _day(last: date, ahead: float) -> date:
    # The last value is below the limit: tomorrow is the first day on which it can be reached.
    return last + timedelta(days=max(round(ahead), 1))


def _reached_since(daily: Daily, limit: float) -> date:
    """The first day of the last stretch on which the limit was reached."""
    since = daily[-1][0]
    for day, value in reversed(daily):
        if value < limit:
            break
        since = day
    return since
