"""What commands print: snapshots and trends, for people and as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from warehouse.answer import endpoint_checksum, plain
from warehouse.catalog import definitions_in_use
from warehouse.contract import newest_definitions
from warehouse.definitions import Definition, definition_of
from warehouse.history import Pair
from warehouse.layout import Layout
from warehouse.payload import Snapshot, Value
from warehouse.terminal import cell, console, plot, signed, sparkline, table
from warehouse.trends import Series


def snapshot_tables(root: Path, pairs: Sequence[Pair]) -> Iterator[RenderableType]:
    """One table per instance, grouped by subject, with the change since the snapshot before."""
    known = newest_definitions(definitions_in_use(Layout(root)))
    for pair in pairs:
        yield _headline(pair)
        yield _snapshot_table(pair, known)


def trend_json(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Trends as JSON: times in UTC."""
    return [
        {
            "instance": line.instance,
            "statistic": line.statistic,
            "points": [
                {
                    "taken_at": f"{point.taken_at.isoformat(timespec='milliseconds')}Z",
                    "value": point.value,
                    "change": point.change,
                }
                for point in line.points
            ],
        }
        for line in series
    ]


def print_trend(series: Sequence[Series]) -> None:
    """Print a table and, where there is something to see, a plot."""
    out = console()
    columns = ("instance", "statistic", "from", "first", "to", "last", "change", "trend")
    made = table(columns, right=("first", "last", "change"))
    for line in series:
        values = [point.value for point in line.points]
        first, last = line.points[0], line.points[-1]
        made.add_row(
            line.instance,
            line.statistic,
            f"{first.taken_at:%Y-%m-%d %H:%M:%S}",
            cell(first.value),
            f"{last.taken_at:%Y-%m-%d %H:%M:%S}",
            cell(last.value),
            signed(last.value - first.value),
            sparkline(values[-40:]),
        )
    out.print(made)
    if any(len(line.points) > 1 for line in series):
        width = min(out.width, 100)
        click.echo(plot(series, width=width, colour=out.is_terminal and not out.no_color))


def _headline(pair: Pair) -> Text:
    snapshot = pair.snapshot
    release = snapshot.unleash.oss or "of an unknown release"
    made = Text()
    made.append(snapshot.instance.name, style="bold")
    made.append(
        f"  Unleash {release}  {_when(snapshot)}  record {snapshot.index} of {snapshot.log}\n"
        f"instance {snapshot.instance.id}, PostgreSQL {snapshot.source.postgres} "
        f"({snapshot.source.role})"
    )
    if pair.before:
        made.append(f", changes since {_when(pair.before)}")
    return made


def _when(snapshot: Snapshot) -> str:
    return snapshot.taken_at[:16].replace("T", " ") + " UTC"


def _snapshot_table(pair: Pair, known: dict[str, Definition]) -> Table:
    made = table(("statistic", "value", "change", "unit"), right=("value", "change"))
    before = pair.before.stats if pair.before else {}
    for subject, names in _by_subject(pair.snapshot, known):
        made.add_row(Text(f"\n{subject}", style="bold cyan"))
        for name in names:
            made.add_row(*_line(name, pair.snapshot, before, known))
    if checksum := endpoint_checksum(pair.snapshot):
        made.add_row("")
        made.add_row("sum", f"{checksum[:16]}…", "", "checksum")
    return made


def _line(
    name: str, snapshot: Snapshot, before: dict[str, Value], known: dict[str, Definition]
) -> tuple[str | Text, ...]:
    definition = definition_of(name, known)
    unit = definition.unit if definition else ""
    if name in snapshot.unavailable:
        return (
            f"  {name}",
            Text("–", style="dim"),
            "",
            Text(snapshot.unavailable[name], style="dim"),
        )
    value = snapshot.stats[name]
    remark = snapshot.remarks.get(name)
    note = Text(f"{unit}  ({remark})" if remark else unit, style="yellow" if remark else "dim")
    if isinstance(value, bool):
        changed = "changed" if name in before and before[name] != value else ""
        return f"  {name}", "on" if value else "off", changed, ""
    change = float(value) - float(before[name]) if name in before else None
    return f"  {name}", cell(plain(value)), signed(change), note


def _by_subject(
    snapshot: Snapshot, known: dict[str, Definition]
) -> Iterator[tuple[str, list[str]]]:
    order = {name: place for place, name in enumerate(known)}
    groups: dict[str, list[tuple[int, str]]] = {}
    for name in (*snapshot.stats, *snapshot.unavailable):
        definition = definition_of(name, known)
        subject = definition.subject if definition else "kept beside the numbers"
        place = order[definition.name] if definition else len(order)
        groups.setdefault(subject, []).append((place, name))
    for subject, members in sorted(groups.items(), key=lambda group: min(group[1])):
        # Shorter names first, so that last7 comes before last30.
        yield subject, [name for _, name in sorted(members, key=lambda m: (m[0], len(m[1]), m[1]))]
