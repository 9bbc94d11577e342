"""`[alerts]` and `[alert.NAME]`: what to cry about, and to whom. Pure.

What to cry about is one line, such as `licensedUsers > 240`, the same with `within 30d` behind
it, `featureToggles -30% in 1d`, or `missed`. Where to is an address of apprise's, a secret, and
stands in a file of its own.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from warehouse.errors import BadSettings

EventKind = Literal["missed", "verification failed", "release changed", "instance cloned"]
EVENTS: Final[tuple[EventKind, ...]] = (
    "missed",
    "verification failed",
    "release changed",
    "instance cloned",
)
_NAME: Final = r"([A-Za-z][A-Za-z0-9._-]*)"
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_THRESHOLD: Final = re.compile(rf"{_NAME}\s*(<=|>=|<|>|==|!=)\s*(-?{_NUMBER})")
_AHEAD: Final = re.compile(rf"{_NAME}\s*>=?\s*{_NUMBER}\s+within\s+([0-9]+)d")
_CHANGE: Final = re.compile(rf"{_NAME}\s+([+−-]){_NUMBER}(%?)\s+in\s+{_NUMBER}([hd])")
_SECONDS: Final = {"h": 3600, "d": 86_400}
_EXPECTED: Final = (
    "Expected a limit, such as 'licensedUsers > 240', or when it will be reached: 'licensedUsers > "
    f"240 within 30d'; a change: 'featureToggles -30% in 1d'; or one of: {', '.join(EVENTS)}."
)


class AlertsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alerts]`: a file with apprise's addresses, one a line."""

    urls_file: str | None = None


class AlertTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[alert.NAME]`: a rule, of one source or of all."""

    when: str
    source: str | None = None


@dataclass(frozen=True)
class Threshold:
    """A statistic is beyond a limit."""

    statistic: str
    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether it is."""
        match self.sign:
            case "<":
                return value < self.limit
            case "<=":
                return value <= self.limit
            case ">":
                return value > self.limit
            case ">=":
                return value >= self.limit
            case "==":
                return value == self.limit
        return value != self.limit


@dataclass(frozen=True)
class Ahead:
    """A statistic is expected to reach a limit within so many days."""

    statistic: str
    limit: float
    days: int


@dataclass(frozen=True)
class Change:
    """A statistic fell or rose by so much within so many seconds.

    `by` is below 0 for a fall; `relative` counts it in percent of where it began.
    """

    statistic: str
    by: float
    relative: bool
    seconds: float

    def holds(self, value: float, before: float) -> bool:
        """Whether it did, from `before` to `value`."""
        change = value - before
        if self.relative:
            if before == 0:
                return self.by > 0 and change > 0
            change = change / abs(before) * 100
        return change <= self.by if self.by < 0 else change >= self.by


@dataclass(frozen=True)
class Event:
    """Something happened that is no number."""

    kind: EventKind


Rule = Threshold | Ahead | Change | Event


@dataclass(frozen=True)
class Alert:
    """A rule under its name; `source` None for every source."""

    name: str
    when: str
    rule: Rule
    source: str | None = None


def read_alert(name: str, table: AlertTable, where: str) -> Alert:
    """Read a table. Raises BadSettings for a rule that cannot be meant."""
    when = " ".join(table.when.split())
    if found := _THRESHOLD.fullmatch(when):
        rule: Rule = Threshold(found[1], found[2], float(found[3]))
    elif found := _AHEAD.fullmatch(when):
        rule = Ahead(found[1], float(found[2]), int(found[3]))
    elif found := _CHANGE.fullmatch(when):
        by = float(found[3]) * (1 if found[2] == "+" else -1)
        seconds = float(found[5]) * _SECONDS[found[6]]
        rule = Change(found[1], by, found[4] == "%", seconds)
        if not by or not seconds:
            raise BadSettings(f"{where}.when: a change of nothing, or in no time", hint=_EXPECTED)
    elif when in EVENTS:
        rule = Event(next(kind for kind in EVENTS if kind == when))
    else:
        raise BadSettings(f"{where}.when: {table.when!r} is no rule", hint=_EXPECTED)
    return Alert(name, when, rule, table.source)
