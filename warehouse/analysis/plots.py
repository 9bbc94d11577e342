"""Trends drawn in the terminal, by plotext.

A line ends where a gap begins; what was not observed is dotted; an upgrade of Unleash is a
vertical line with the release at its head, or a ▲ on the line where a plot has several
instances, and a ◆ stands where a definition changed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import plotext

from warehouse.analysis.series import OBSERVED
from warehouse.analysis.strands import Line, Panel

_COLOURS: Final = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+", "yellow", "white")
_TICKS: Final = 5
# Beside each other, releases need room to be read.
_ROOM: Final = 9
_HEADROOM: Final = 0.12
# More would be a fence before the line.
_MOST_LINES: Final = 8


def plot(panel: Panel, *, width: int, height: int = 16, colour: bool = True) -> str:
    """Draw one panel as text, its title above it."""
    plotext.clear_figure()
    plotext.plot_size(width, height)
    plotext.theme("pro" if colour else "clear")
    times = [at for at, _ in panel.dots]
    span = (min(times), max(times))
    _axis(*span)
    _upgrades(panel, span, width)
    for number, line in enumerate(panel.lines):
        _draw(line, _COLOURS[number % len(_COLOURS)], named=len(panel.lines) > 1)
    drawn = str(plotext.build()).rstrip("\n")
    plotext.clear_figure()
    # Its plain theme still ends every line with a sign to stop colouring.
    return drawn if colour else str(plotext.uncolorize(drawn))


def _draw(line: Line, colour: str, *, named: bool) -> None:
    for strand, label in zip(line.strands, _labels(line, named=named), strict=True):
        marker = "braille" if strand.provenance == OBSERVED else "dot"
        dots = thinned(strand.dots)
        x, y = [_x(at) for at, _ in dots], [value for _, value in dots]
        plotext.plot(x, y, label=label, marker=marker, color=colour)
    for dots, marker in ((list(line.redefined), "◆"), ([dot for dot, _ in line.upgraded], "▲")):
        if dots:
            x, y = [_x(at) for at, _ in dots], [value for _, value in dots]
            plotext.scatter(x, y, marker=marker, color=colour)


def _labels(line: Line, *, named: bool) -> Iterator[str | None]:
    """The label of each strand: a provenance is named once, and the line itself once."""
    told: set[str] = set()
    for strand in line.strands:
        is_new = strand.provenance not in told
        told.add(strand.provenance)
        if strand.provenance != OBSERVED:
            yield f"{line.label}, {strand.provenance}" if is_new else None
        else:
            yield line.label if is_new and named else None


def thinned(
    dots: Sequence[tuple[datetime, float]], most: int = 800
) -> list[tuple[datetime, float]]:
    """Keep of each of so many stretches the first, the lowest, the highest and the last dot."""
    size = -(-len(dots) // (most // 4))
    if size <= 4:
        return list(dots)
    kept: list[tuple[datetime, float]] = []
    for begin in range(0, len(dots), size):
        stretch = dots[begin : begin + size]
        ends = {stretch[0], stretch[-1]}
        ends |= {min(stretch, key=lambda dot: dot[1]), max(stretch, key=lambda dot: dot[1])}
        kept += sorted(ends)
    return kept


def _axis(first: datetime, last: datetime) -> None:
    by_day = last - first > timedelta(days=2)
    # No day is named twice.
    count = min(_TICKS, (last - first).days + 1) if by_day else _TICKS
    step = (last - first) / (count - 1)
    ticks = [first + step * number for number in range(count)] if step else [first]
    form = "%Y-%m-%d" if by_day else "%H:%M:%S"
    plotext.xticks([_x(tick) for tick in ticks], [f"{tick:{form}}" for tick in ticks])


def _upgrades(panel: Panel, span: tuple[datetime, datetime], width: int) -> None:
    if not panel.upgrades:
        return
    values = [value for _, value in panel.dots]
    low, high = min(values), max(values)
    # Releases stand above the lines, not on them.
    head = high + ((high - low) or 1.0) * _HEADROOM
    plotext.ylim(low, head)
    room = (span[1] - span[0]) / max(width // _ROOM, 1)
    free_from = span[0]
    for upgrade in panel.upgrades:
        if len(panel.upgrades) <= _MOST_LINES:
            plotext.vline(_x(upgrade.at), color="gray")
        if upgrade.at >= free_from:
            plotext.text(upgrade.after, _x(upgrade.at), head, color="gray", alignment="left")
            free_from = upgrade.at + room


def _x(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
