"""What `tallybook show` prints: a snapshot, grouped by subject, and how each number got there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from warehouse.analysis.reading import asking, read_last_days
from warehouse.answer import endpoint_checksum, plain
from warehouse.definitions import Definition, definition_of, read_definitions
from warehouse.history import Pair
from warehouse.layout import Layout
from warehouse.payload import Snapshot, Value
from warehouse.terminal import cell, signed, sparkline, table

_DAYS: Final = 30


def snapshot_tables(root: Path, pairs: Sequence[Pair]) -> Iterator[RenderableType]:
    """One table per instance, grouped by subject.

    With the change since the snapshot before, and the last days of each statistic as bars.
    """
    for pair in pairs:
        yield _headline(pair)
        yield _snapshot_table(pair, _known(root, pair.snapshot), _bars(root, pair.snapshot))


def _known(root: Path, snapshot: Snapshot) -> dict[str, Definition]:
    """The definitions that the snapshot was counted by, by name, in their order."""
    sets = read_definitions(Layout(root).definitions, [snapshot.definitions])
    return {each.name: each for found in sets.values() for each in found.statistics}


def _bars(root: Path, snapshot: Snapshot) -> dict[str, str]:
    """The last days of each statistic as bars; none where there is a single day."""
    until = datetime.fromisoformat(snapshot.taken_at).replace(tzinfo=None)
    with asking(root) as ask:
        days = read_last_days(ask, snapshot.instance, until, _DAYS)
    several = {name: values for name, values in days.items() if len(values) > 1}
    return {name: day_bars(values, until.date()) for name, values in several.items()}


def day_bars(values: Mapping[date, float], until: date) -> str:
    """One bar per day from the first of them on, a space for a day that has no value."""
    bars = dict(zip(values, sparkline(list(values.values())), strict=True))
    first = min(values)
    every = (first + timedelta(days=number) for number in range((until - first).days + 1))
    return "".join(bars.get(day, " ") for day in every)


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


def _snapshot_table(pair: Pair, known: dict[str, Definition], bars: dict[str, str]) -> Table:
    trend = f"last {_DAYS} days" if bars else ""
    made = table(("statistic", "value", "change", trend, "unit"), right=("value", "change", trend))
    before = pair.before.stats if pair.before else {}
    for subject, names in _by_subject(pair.snapshot, known):
        made.add_row(Text(f"\n{subject}", style="bold cyan"))
        for name in names:
            made.add_row(*_line(name, pair.snapshot, before, known, bars.get(name, "")))
    if checksum := endpoint_checksum(pair.snapshot):
        made.add_row("")
        made.add_row("sum", f"{checksum[:16]}…", "", "", "checksum")
    return made


def _line(
    name: str,
    snapshot: Snapshot,
    before: dict[str, Value],
    known: dict[str, Definition],
    bars: str,
) -> tuple[str | Text, ...]:
    definition = definition_of(name, known)
    unit = definition.unit if definition else ""
    if name in snapshot.unavailable:
        return (
            f"  {name}",
            Text("–", style="dim"),
            "",
            bars,
            Text(snapshot.unavailable[name], style="dim"),
        )
    value = snapshot.stats[name]
    remark = snapshot.remarks.get(name)
    note = Text(f"{unit}  ({remark})" if remark else unit, style="yellow" if remark else "dim")
    if isinstance(value, bool):
        changed = "changed" if name in before and before[name] != value else ""
        return f"  {name}", "on" if value else "off", changed, bars, ""
    change = float(value) - float(before[name]) if name in before else None
    return f"  {name}", cell(plain(value)), signed(change), bars, note


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
