"""Numbers and moments as people read them. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from warehouse.analysis.series import Series

_SEVERAL_DAYS = timedelta(days=2)


def percent(growth: float | None) -> str:
    """Growth with its sign: +4.2 %; nothing where there is none, or nothing to compare with."""
    if growth is None or not round(growth, 1):
        return ""
    digits = 0 if abs(growth) >= 100 else 1
    sign = "+" if growth > 0 else "−"
    return f"{sign}{abs(growth):.{digits}f} %"


def moment_form(moments: Sequence[datetime]) -> str:
    """How to write these moments so that they differ: as days, or to the second."""
    if moments and max(moments) - min(moments) > _SEVERAL_DAYS:
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S"


def utc(moment: datetime) -> str:
    """A moment as JSON has it."""
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def subtitle(series: Sequence[Series]) -> str:
    """From when to when, and what the points are: for the line below a picture's title."""
    moments = [point.taken_at for one in series for point in one.points]
    by = f", the last value of each {series[0].by}" if series[0].by else ""
    days = dict.fromkeys(f"{moment:%Y-%m-%d}" for moment in (min(moments), max(moments)))
    return f"{' to '.join(days)} UTC{by}"
