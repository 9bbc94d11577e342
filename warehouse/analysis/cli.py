"""The commands that analyse: trend, seats, diff."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warehouse.analysis.periods import UNITS, Unit
from warehouse.cli import Moment, json_option, pass_door, warehouse_option
from warehouse.door import Door
from warehouse.errors import Failure, NoWarehouse

if TYPE_CHECKING:
    from warehouse.analysis.series import Series


def statistic_names(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete a statistic of the history, or the name of a family of them."""
    from warehouse.analysis.names import with_families
    from warehouse.analysis.reading import asking, read_statistics

    # Whoever presses Tab is not to read an error over his line.
    with suppress(Failure, OSError), asking(_warehouse_of(context)) as ask:
        return [name for name in with_families(list(read_statistics(ask))) if _begins(name, begun)]
    return []


def source_names(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Complete a source of the history."""
    from warehouse.analysis.reading import asking, read_extents

    with suppress(Failure, OSError), asking(_warehouse_of(context)) as ask:
        return [known.source for known in read_extents(ask, ()) if _begins(known.source, begun)]
    return []


def _begins(name: str, begun: str) -> bool:
    return name.lower().startswith(begun.lower())


def _warehouse_of(context: click.Context) -> Path:
    # While a shell completes, no command has run: the front door has not said its --config yet.
    door = context.find_object(Door)
    config = context.find_root().params.get("config")
    if door is None:
        raise NoWarehouse("nobody has said where the history is")
    return replace(door, config=config).warehouse(context.params.get("warehouse"))


source_option = click.option(
    "--source", metavar="NAME", shell_complete=source_names, help="One source; default: all."
)


@click.command(
    epilog="Example: tallybook trend activeUsers productionChanges.last30 --since 2y --by month"
)
@click.argument(
    "statistics", nargs=-1, required=True, metavar="STATISTIC...", shell_complete=statistic_names
)
@source_option
@click.option(
    "--since", type=Moment(end_of_day=False), help="Not before, UTC; 90d, 2y: so long ago."
)
@click.option("--until", type=Moment(end_of_day=True), help="Not after, UTC.")
@click.option(
    "--by", type=click.Choice(UNITS), help="The last value of each period, UTC; ISO weeks."
)
@click.option("--rate", is_flag=True, help="The change per day too, and plotted.")
@click.option("--plot", metavar="FILE", help="Draw it into a .png or .svg file instead.")
@json_option
@warehouse_option
@pass_door
def trend(
    door: Door,
    statistics: tuple[str, ...],
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    by: Unit | None,
    rate: bool,
    plot: str | None,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Show statistics over time.

    As a table and a plot: value, change, growth. A family's name, such as activeUsers, means
    all of it. Nights without a snapshot stay gaps, and what was not observed, upgrades of
    Unleash and changed definitions are marked.
    """
    from warehouse.analysis.reading import Range, read_trends
    from warehouse.analysis.trend_report import print_nothing, print_trend, trend_json

    if since and until and since > until:
        raise click.UsageError("--since is after --until: nothing is in between")
    picture = _picture_file(plot)
    root = door.warehouse(warehouse)
    within = Range((source,) if source else (), since, until)
    series = read_trends(root, statistics, within, by)
    if picture and series:
        _draw(series, picture, rate=rate)
    if as_json:
        click.echo(json.dumps(trend_json(series), indent=2))
    elif not series:
        print_nothing(root, statistics, within)
    elif picture:
        click.echo(picture)
    else:
        print_trend(series, rate=rate)


@click.command(epilog="Example: tallybook seats --granted 250 --contract-start 2026-03-01")
@click.option(
    "--granted", type=click.IntRange(min=1), required=True, metavar="SEATS",
    help="How many licensed users the contract grants.",
)  # fmt: skip
@click.option(
    "--contract-start", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DATE",
    help="Its first day; contract months begin on this day of the month.",
)  # fmt: skip
@click.option(
    "--months", type=click.IntRange(1, 120), default=12, show_default=True, metavar="N",
    help="How many months a contract period has.",
)  # fmt: skip
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", shell_complete=source_names,
    help="This source, several times for several; default: all.",
)  # fmt: skip
@json_option
@warehouse_option
@pass_door
def seats(
    door: Door,
    granted: int,
    contract_start: datetime,
    months: int,
    sources: tuple[str, ...],
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Hold licensed users against a contract.

    Licensed users now, the peak of every contract month and period, days over the limit, and
    when the limit will be reached: by a straight line through the last 180 days, with its
    interval of 95 %. Where that cannot be said, it says why.
    """
    from warehouse.analysis.reading import read_seats
    from warehouse.analysis.seats import Contract, usages
    from warehouse.analysis.seats_report import print_seats, seats_json

    contract = Contract(granted, contract_start.date(), months)
    found = usages(read_seats(door.warehouse(warehouse), sources), contract)
    if as_json:
        click.echo(json.dumps(seats_json(found, contract), indent=2))
    else:
        print_seats(found, contract)


@click.command(epilog="Example: tallybook diff 2026-03-01 now --source prod")
@click.argument("times", nargs=-1, type=Moment(end_of_day=True), metavar="[TIME TIME]")
@click.option(
    "--between", nargs=2, metavar="SOURCE SOURCE", shell_complete=source_names,
    help="Two sources at one time instead.",
)  # fmt: skip
@click.option(
    "--at", type=Moment(end_of_day=True), help="With --between: as they were then; default: now."
)
@source_option
@click.option("--all", "everything", is_flag=True, help="What does not differ as well.")
@json_option
@warehouse_option
@pass_door
def diff(
    door: Door,
    times: tuple[datetime, ...],
    between: tuple[str, str] | None,
    at: datetime | None,
    source: str | None,
    everything: bool,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Compare two times, or two instances.

    Of each, the newest snapshot up to that time is taken; a day alone means its end.
    """
    from warehouse.analysis.diff_report import diff_json, print_diff
    from warehouse.analysis.snapshots import compare_sources, compare_times

    if between and (times or source):
        raise click.UsageError("--between takes two sources and --at: no TIME, no --source")
    if not between and (at or len(times) != 2):
        raise click.UsageError("say two times, as in 2026-03-01 now, or --between SOURCE SOURCE")
    root = door.warehouse(warehouse)
    if between:
        found = compare_sources(root, *between, at)
    else:
        found = compare_times(root, times[0], times[1], source)
    if as_json:
        click.echo(json.dumps(diff_json(found, everything=everything), indent=2))
    else:
        print_diff(found, everything=everything)


COMMANDS: tuple[click.Command, ...] = (trend, seats, diff)


def _picture_file(plot: str | None) -> Path | None:
    """Find out before anything is read whether there can be a picture."""
    if plot is None:
        return None
    from importlib.util import find_spec

    if Path(plot).suffix.lower() not in (".png", ".svg"):
        raise click.BadParameter(
            f"expected FILE.png or FILE.svg, found {plot!r}", param_hint="--plot"
        )
    if find_spec("matplotlib") is None:
        raise Failure(
            "pictures are drawn by matplotlib, which is not installed",
            hint="Install the extra: pip install 'tallybook[plot]'",
        )
    return Path(plot)


def _draw(series: "list[Series]", to: Path, *, rate: bool) -> None:
    from warehouse.analysis.pictures import write_picture
    from warehouse.analysis.strands import panels
    from warehouse.analysis.words import subtitle

    drawn = panels(series, rate=rate)
    if not drawn:
        raise Failure(
            "there is no change per day to draw: each series has one value only",
            hint="Leave out --rate, or take a longer time or shorter periods.",
        )
    write_picture(drawn, subtitle(series), to)
