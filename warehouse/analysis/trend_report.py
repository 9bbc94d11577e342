"""What `tallybook trend` prints: tables, remarks and plots for people, or JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from warehouse.analysis.gaps import Gap
from warehouse.analysis.plots import plot
from warehouse.analysis.reading import Range, asking, read_extents
from warehouse.analysis.series import OBSERVED, SWITCH, Point, Series
from warehouse.analysis.strands import instance_label, panels
from warehouse.analysis.words import moment_form, percent, utc
from warehouse.terminal import cell, console, signed, sparkline, table

_WIDEST_PLOT = 100
_MOST_REMARKS = 6


def trend_json(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Trends as JSON: times in UTC, growth in percent."""
    return [_series_json(one) for one in series]


def print_trend(series: Sequence[Series], *, rate: bool) -> None:
    """Print the tables, what there is to remark, and plots where there is something to see."""
    out = console()
    if series[0].by:
        for one in series:
            out.print(_heading(one, series))
            out.print(_points_table(one, rate=rate))
            out.print()
    else:
        out.print(_summary_table(series, rate=rate))
    for remark in remarks(series):
        out.print(Text(remark, style="yellow"))
    if all(len(one.points) == 1 for one in series):
        told = f"one {series[0].by or 'snapshot'} only: a trend begins with the second"
        console(stderr=True).print(Text(told, style="yellow"))
    _print_plots(series, out, rate=rate)


def print_nothing(root: Path, statistics: Sequence[str], within: Range) -> None:
    """Say, to stderr, why there is nothing to show."""
    with asking(root) as ask:
        extents = read_extents(ask, within.sources)
    err = console(stderr=True)
    is_cut = within.since or within.until
    told = "in that time" if is_cut else "in any snapshot: tallybook show says why"
    err.print(Text(f"no value of {', '.join(statistics)} {told}", style="yellow"))
    for extent in extents:
        first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (extent.first, extent.last))
        err.print(f"{extent.source} has {extent.snapshots} snapshot(s) from {first} to {last} UTC")


def _print_plots(series: Sequence[Series], out: Console, *, rate: bool) -> None:
    drawn = [one for one in series if len(one.points) > (2 if rate else 1)]
    for panel in panels(drawn, rate=rate):
        title = Text(f"\n{panel.title}", style="bold")
        told = ", ".join(part for part in (panel.unit, panel.instance) if part)
        out.print(title.append(f"  {told}" if told else "", style="not bold dim"))
        colour = out.is_terminal and not out.no_color
        click.echo(plot(panel, width=min(out.width, _WIDEST_PLOT), colour=colour))


def _heading(one: Series, series: Sequence[Series]) -> Text:
    heading = Text(f"{instance_label(one.instance, series)}  {one.statistic.name}", style="bold")
    told = f"  {one.statistic.unit}, the last value of each {one.by} (UTC)"
    return heading.append(told, style="not bold dim")


def _summary_table(series: Sequence[Series], *, rate: bool) -> Table:
    per_day = ("per day",) if rate else ()
    columns = ("instance", "statistic", "from", "first", "to", "last", "change", "growth")
    right = ("first", "last", "change", "growth", "per day")
    made = table((*columns, *per_day, "trend"), right=right)
    form = moment_form([point.taken_at for one in series for point in one.points])
    for one in series:
        first, last = one.points[0], one.points[-1]
        made.add_row(
            instance_label(one.instance, series),
            one.statistic.name,
            f"{first.taken_at:{form}}",
            value_text(one, first),
            f"{last.taken_at:{form}}",
            value_text(one, last),
            signed(one.change),
            percent(one.growth),
            *([signed(one.per_day)] if rate else []),
            _bars(one, rate=rate),
        )
    return made


def _bars(one: Series, *, rate: bool, most: int = 40) -> str:
    """The newest values as bars, with a space where a gap is."""
    newest = [point for point in one.points if not rate or point.per_day is not None][-most:]
    if not newest:
        return ""
    bars = sparkline([_height(point, rate=rate) for point in newest])
    gaps = (" " if point.after_gap and place else "" for place, point in enumerate(newest))
    return "".join(f"{gap}{bar}" for gap, bar in zip(gaps, bars, strict=True))


def _height(point: Point, *, rate: bool) -> float:
    return (point.per_day or 0.0) if rate else point.value


def value_text(one: Series, point: Point) -> str:
    """The value as people read it: a switch is on or off."""
    if one.statistic.kind == SWITCH:
        return "on" if point.value else "off"
    return cell(point.value)


def _points_table(one: Series, *, rate: bool) -> Table:
    per_day = ("per day",) if rate else ()
    right = ("value", "change", "growth", "per day")
    made = table((str(one.by), "taken at", "value", "change", "growth", *per_day, ""), right=right)
    gaps = list(one.gaps)
    for place, point in enumerate(one.points):
        while gaps and gaps[0].begin < point.taken_at:
            made.add_row(*_gap_row(gaps.pop(0), rate=rate))
        made.add_row(
            str(point.period),
            f"{point.taken_at:%Y-%m-%d %H:%M}",
            value_text(one, point),
            signed(point.change),
            percent(point.growth),
            *([signed(point.per_day)] if rate else []),
            Text(", ".join(_notes(one, place)), style="yellow"),
        )
    for gap in gaps:
        made.add_row(*_gap_row(gap, rate=rate))
    return made


def _gap_row(gap: Gap, *, rate: bool) -> tuple[str | Text, ...]:
    until = f"–{gap.end:%m-%d}" if gap.end.year == gap.begin.year else f"–{gap.end:%Y-%m-%d}"
    when = Text(f"{gap.begin:%Y-%m-%d}{until}", style="dim")
    return (
        "",
        when,
        Text("–", style="dim"),
        "",
        "",
        *([""] if rate else []),
        Text(gap.cause, "dim"),
    )


def _notes(one: Series, place: int) -> Iterator[str]:
    """What to know of a point: how it came to be, and what happened since the one before."""
    point = one.points[place]
    if point.provenance != OBSERVED:
        yield point.provenance
    # Upgrades and definitions change between points; what came before the first is told with it.
    since = one.points[place - 1].taken_at if place else None
    for upgrade in one.upgrades:
        if _lies_between(upgrade.at, since, point.taken_at):
            yield f"Unleash {upgrade.before} → {upgrade.after}"
    if any(_lies_between(each.at, since, point.taken_at) for each in one.redefinitions):
        yield "definition changed"


def _lies_between(at: datetime, since: datetime | None, until: datetime) -> bool:
    return (since is None or since < at) and at <= until


def remarks(series: Sequence[Series]) -> list[str]:
    """What a reader has to know besides the numbers, the newest of many; one line each."""
    told: dict[tuple[str, str], dict[str, None]] = {}
    for one in series:
        where = instance_label(one.instance, series)
        for kind, fact in _facts(one):
            # Statistics of one instance share most of its gaps and all of its upgrades.
            told.setdefault((where, kind), {})[fact] = None
    return [
        line for (where, kind), facts in told.items() for line in _newest(where, kind, [*facts])
    ]


def _facts(one: Series) -> Iterator[tuple[str, str]]:
    """What is to be told of one series, each with its kind; the rows of periods tell most."""
    if not one.by:
        yield from (("gap", gap_text(gap)) for gap in one.gaps)
        for upgrade in one.upgrades:
            yield "upgrade", f"Unleash {upgrade.before} → {upgrade.after} at {upgrade.at:%Y-%m-%d}"
        for each in one.redefinitions:
            yield "change", f"{one.statistic.name}: definition changed at {each.at:%Y-%m-%d}"
    for provenance in _provenances(one):
        yield "provenance", f"{one.statistic.name}: {provenance}"


def gap_text(gap: Gap) -> str:
    """A gap in words."""
    until = "and lasting" if gap.lasting else f"to {gap.end:%Y-%m-%d %H:%M}"
    return f"gap from {gap.begin:%Y-%m-%d %H:%M} {until}, {gap.cause}"


def _newest(where: str, kind: str, facts: Sequence[str]) -> Iterator[str]:
    if len(facts) > _MOST_REMARKS:
        yield f"{where}: {len(facts) - _MOST_REMARKS} earlier {kind}s; all with --json"
    yield from (f"{where}: {fact}" for fact in facts[-_MOST_REMARKS:])


def _provenances(one: Series) -> Iterator[str]:
    others = [point.provenance for point in one.points if point.provenance != OBSERVED]
    for provenance in dict.fromkeys(others):
        count = others.count(provenance)
        yield f"{count} of {len(one.points)} values are {provenance}, not observed"


def _series_json(one: Series) -> dict[str, Any]:
    return {
        "instance": one.instance.name,
        "instance_id": one.instance.id,
        "statistic": one.statistic.name,
        "unit": one.statistic.unit,
        "kind": one.statistic.kind,
        "by": one.by,
        "change": one.change,
        "growth": one.growth,
        "change_per_day": one.per_day,
        "points": [_point_json(point) for point in one.points],
        "gaps": [
            {
                "begin": utc(gap.begin),
                "end": utc(gap.end),
                "lasting": gap.lasting,
                "cause": gap.cause,
                "missed": [{"due_at": utc(m.due_at), "reason": m.reason} for m in gap.missed],
                "unavailable": gap.unavailable,
            }
            for gap in one.gaps
        ],
        "upgrades": [{**asdict(each), "at": utc(each.at)} for each in one.upgrades],
        "redefinitions": [{**asdict(each), "at": utc(each.at)} for each in one.redefinitions],
    }


def _point_json(point: Point) -> dict[str, Any]:
    return {
        "taken_at": utc(point.taken_at),
        "period": point.period,
        "value": point.value,
        "change": point.change,
        "growth": point.growth,
        "change_per_day": point.per_day,
        "after_gap": point.after_gap,
        "provenance": point.provenance,
        "definition": point.definition,
        "version_oss": point.release,
    }
