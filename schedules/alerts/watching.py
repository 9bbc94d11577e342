"""Looking: which rules hold for what is newest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from etl.alert_tables import Ahead, Alert, Change, Event, Threshold
from schedules.alerts.facts import Facts, cloned_from, moved
from schedules.alerts.incidents import Incident
from warehouse.analysis.forecast import WINDOW_DAYS, forecast
from warehouse.analysis.names import resolve
from warehouse.analysis.reading import Range, read_trends
from warehouse.errors import BadInput, Failure
from warehouse.payload import Value
from warehouse.rows import number

# Nights are not exactly a day apart.
_SLACK: Final = 1.1
_WELL: Final = ("intact", "incomplete")


@dataclass(frozen=True)
class News:
    """What is new of one source: its newest slot or snapshot. None where there is none."""

    source: str
    missed: str | None = None
    stats: Mapping[str, Value] | None = None
    now: Facts | None = None
    before: Facts | None = None


Points = Sequence[tuple[datetime, float]]


class Trends(Protocol):
    """Moments (UTC, without a zone) and values since then, oldest first, by statistic."""

    def __call__(self, source: str, statistic: str, since: datetime, /) -> Mapping[str, Points]: ...


@dataclass(frozen=True)
class Look:
    """A look at something: the key of an incident, and the incident if it is one."""

    alert: Alert
    source: str
    what: str | None
    lasts: bool = True

    def incident(self, at: str) -> Incident:
        """The incident, once it is known to be one."""
        return Incident(
            alert=self.alert.name, source=self.source, what=str(self.what), since=at,
            lasts=self.lasts,
        )  # fmt: skip


def look_at_source(
    alert: Alert, news: News, others: Mapping[str, Facts], trends: Trends
) -> Iterator[Look]:
    """Look whether an alert has something to say of a source."""
    if alert.source not in (None, news.source):
        return
    match alert.rule:
        case Threshold() as rule if news.stats is not None:
            yield Look(alert, news.source, _beyond(rule, news.stats))
        case Change() as rule if news.stats is not None and news.now is not None:
            yield Look(alert, news.source, _changed(rule, news, news.now, trends))
        case Ahead() as rule if news.stats is not None and news.now is not None:
            yield Look(alert, news.source, _foreseen(rule, news, news.now, trends))
        case Event(kind="missed"):
            yield Look(alert, news.source, news.missed)
        case Event(kind="release changed") if news.now and news.before:
            if news.now.release != news.before.release:
                what = f"release {news.before.release or 'unknown'} became {news.now.release}"
                yield Look(alert, news.source, what, lasts=False)
        case Event(kind="instance cloned") if news.now:
            yield Look(alert, news.source, cloned_from(news.source, news.now, others))
            went = moved(news.now, news.before) if news.before else None
            if went:
                yield Look(alert, news.source, went, lasts=False)


def look_at_history(alert: Alert, verified: str | None) -> Iterator[Look]:
    """Look whether an alert has something to say of the history as a whole."""
    if isinstance(alert.rule, Event) and alert.rule.kind == "verification failed" and verified:
        what = None if verified in _WELL else f"verification: {verified}"
        yield Look(alert, "", what)


def trends_of(root: Path) -> Trends:
    """Trends of the warehouse in `root`."""

    def ask(source: str, statistic: str, since: datetime) -> Mapping[str, Points]:
        try:
            found = read_trends(root, [statistic], Range((source,), since))
        except Failure:
            # A statistic that this history never had does not change.
            return {}
        points: dict[str, list[tuple[datetime, float]]] = {}
        for series in found:
            # A rebuilt database goes on with the numbers of its source.
            named = points.setdefault(series.statistic.name, [])
            named += [(point.taken_at, point.value) for point in series.points]
        return {name: sorted(found) for name, found in points.items()}

    return ask


def _beyond(rule: Threshold, stats: Mapping[str, Value]) -> str | None:
    values = {name: number(stats[name]) for name in _named(rule.statistic, stats)}
    beyond = [f"{name} is {_text(value)}" for name, value in values.items() if rule.holds(value)]
    limit = f"{rule.sign} {_text(rule.limit)}"
    return f"{', '.join(beyond)} ({limit})" if beyond else None


def _changed(rule: Change, news: News, now: Facts, trends: Trends) -> str | None:
    since = _naive(now) - timedelta(seconds=rule.seconds * _SLACK)
    found = [
        what
        for name, points in trends(news.source, rule.statistic, since).items()
        if (what := _change_of(rule, name, points))
    ]
    return "; ".join(found) or None


def _foreseen(rule: Ahead, news: News, now: Facts, trends: Trends) -> str | None:
    since = _naive(now) - timedelta(days=WINDOW_DAYS)
    found = []
    for name, points in trends(news.source, rule.statistic, since).items():
        daily: dict[date, float] = {}
        for at, value in points:
            daily[at.date()] = max(value, daily.get(at.date(), value))
        told = forecast(list(daily.items()), rule.limit)
        limit = _text(rule.limit)
        if told.verdict == "reached":
            found.append(f"{name} has reached {limit}")
        elif told.on and told.on - _naive(now).date() <= timedelta(days=rule.days):
            band = f"between {told.earliest} and {told.latest}"
            found.append(f"{name} is expected to reach {limit} on {told.on} ({band})")
    return "; ".join(found) or None


def _naive(facts: Facts) -> datetime:
    """When a snapshot was taken, as the views have it."""
    return datetime.fromisoformat(facts.taken_at).replace(tzinfo=None)


def _change_of(rule: Change, name: str, points: Points) -> str | None:
    if len(points) < 2:
        return None
    *earlier, newest = points
    # The most that it ever was, or the least: a fall in steps is a fall.
    pick = max if rule.by < 0 else min
    at, begin = pick(earlier, key=lambda point: point[1])
    if not rule.holds(newest[1], begin):
        return None
    return f"{name} went from {_text(begin)} to {_text(newest[1])} since {at:%Y-%m-%d %H:%M} UTC"


def _named(statistic: str, stats: Mapping[str, Value]) -> Sequence[str]:
    try:
        return resolve([statistic], list(stats))
    except BadInput:
        return ()


def _text(value: float) -> str:
    return f"{value:g}" if abs(value) >= 1e15 or value != int(value) else str(int(value))
