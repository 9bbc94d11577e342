"""What `tallybook diff` prints: a table per comparison for people, or JSON."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from warehouse.analysis.comparison import Comparison, Difference, Side
from warehouse.analysis.snapshots import Compared
from warehouse.analysis.words import percent
from warehouse.answer import plain
from warehouse.payload import Snapshot
from warehouse.terminal import cell, console, signed, table


def diff_json(found: Compared, *, everything: bool) -> list[dict[str, Any]]:
    """Comparisons as JSON: times in UTC, growth in percent."""
    return [
        {
            "before": _snapshot_json(each.before),
            "after": _snapshot_json(each.after),
            "statistics": [
                _difference_json(difference, found.units)
                for difference in each.differences
                if everything or difference.differs
            ],
        }
        for each in found.comparisons
    ]


def print_diff(found: Compared, *, everything: bool) -> None:
    """Print which snapshots were taken, what has to be known of them, and what differs."""
    out, err = console(), console(stderr=True)
    for failure in found.failures:
        err.print(Text(f"left out: {failure}", style="yellow"))
    for place, each in enumerate(found.comparisons):
        if place:
            out.print()
        out.print(_headline(each))
        for remark in _remarks(each):
            out.print(Text(remark, style="yellow"))
        shown = [d for d in each.differences if everything or d.differs]
        if shown:
            out.print(_table(each, shown, found.units))
        if not everything:
            same = len(each.differences) - len(shown)
            out.print(Text(f"{same} of {len(each.differences)} do not differ", style="dim"))


def _headline(each: Comparison) -> Text:
    made = Text()
    made.append(each.before.instance.name, style="bold")
    made.append(f"  {_told(each.before)}  →  ")
    if each.after.instance.name != each.before.instance.name:
        made.append(f"{each.after.instance.name}  ", style="bold")
    return made.append(_told(each.after))


def _told(snapshot: Snapshot) -> str:
    when = snapshot.taken_at[:16].replace("T", " ")
    release = snapshot.unleash.oss or "of an unknown release"
    return f"{when} UTC, Unleash {release}, record {snapshot.index}"


def _remarks(each: Comparison) -> Iterator[str]:
    before, after = each.before, each.after
    if each.same_snapshot:
        yield "Both times have the same snapshot: none was taken in between."
    if before.unleash.oss != after.unleash.oss:
        yield f"Unleash {before.unleash.oss or 'unknown'} → {after.unleash.oss or 'unknown'}"
    if before.instance.name == after.instance.name and before.instance.id != after.instance.id:
        yield f"another database: instance {before.instance.id} → {after.instance.id}"
    redefined = [difference.statistic for difference in each.differences if difference.redefined]
    if redefined:
        yield f"counted by another definition: {', '.join(redefined)}"


def _table(each: Comparison, shown: list[Difference], units: dict[str, str]) -> Table:
    titles = [each.before.taken_at[:10], each.after.taken_at[:10]]
    if each.before.instance.name != each.after.instance.name:
        titles = [each.before.instance.name, each.after.instance.name]
    elif titles[0] == titles[1]:
        titles = ["before", "after"]
    right = (*titles, "change", "growth")
    made = table(("statistic", *titles, "change", "growth", "remarks"), right=right)
    for difference in shown:
        made.add_row(
            difference.statistic,
            _value(difference.before),
            _value(difference.after),
            _change(difference),
            percent(difference.growth),
            Text(", ".join(_notes(difference, units)), style="dim"),
        )
    return made


def _value(side: Side) -> str | Text:
    if side.value is None:
        return Text("–", style="dim")
    if isinstance(side.value, bool):
        return "on" if side.value else "off"
    return cell(plain(side.value))


def _change(difference: Difference) -> str:
    if isinstance(difference.before.value, bool) and isinstance(difference.after.value, bool):
        return "changed" if difference.before.value != difference.after.value else ""
    return signed(difference.change)


def _notes(difference: Difference, units: dict[str, str]) -> Iterator[str]:
    if unit := units.get(difference.statistic):
        yield unit
    for side, when in ((difference.before, "before"), (difference.after, "after")):
        if side.unavailable:
            yield f"unavailable {when}: {side.unavailable}"
        elif side.value is None:
            yield f"not known {when}"
    if difference.redefined:
        yield "another definition"


def _snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "instance": snapshot.instance.name,
        "instance_id": snapshot.instance.id,
        "taken_at": snapshot.taken_at,
        "version_oss": snapshot.unleash.oss,
        "definitions": snapshot.definitions,
        "log": snapshot.log,
        "index": snapshot.index,
    }


def _difference_json(difference: Difference, units: dict[str, str]) -> dict[str, Any]:
    before, after = difference.before, difference.after
    return {
        "statistic": difference.statistic,
        "unit": units.get(difference.statistic, ""),
        "before": None if before.value is None else plain(before.value),
        "after": None if after.value is None else plain(after.value),
        "change": difference.change,
        "growth": difference.growth,
        "unavailable_before": before.unavailable,
        "unavailable_after": after.unavailable,
        "definition_changed": difference.redefined,
    }
