"""Trends as pictures for documents: PNG or SVG, by matplotlib, which is the extra `plot`.

The same history gives the same bytes, whatever the user's own matplotlibrc says: no date, no
random ids. A line ends where a gap begins, and the gap is shaded; what was not observed is
dashed; an upgrade of Unleash is a fine line with the release above; a diamond stands where a
definition changed. Colours tell apart under the common forms of colour blindness (Okabe, Ito).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from warehouse.analysis.series import OBSERVED
from warehouse.analysis.strands import Line, Panel
from warehouse.files import storing

SUFFIXES: Final = (".png", ".svg")
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
_FORMS: Final = ("solid", (0, (5, 1.5)), (0, (1, 1.2)))
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # the warehouse keeps UTC without a zone
_INK: Final = "#2b2f36"
_PALE: Final = "#7a828e"
_FAINT: Final = "#e6e8eb"
_SHADE: Final = "#f1f2f4"
_WIDTH, _HEIGHT, _MORE = 8.4, 3.6, 2.6
# Characters of seven points are so wide, in the share of a panel's width; labels need that much.
_CHARACTER: Final = 0.0095
_MOST_NAMED: Final = 12
_MOST_LINES: Final = 12
_MOST_TOLD: Final = 5
# So few are drawn as dots besides, for every value to be seen.
_FEW_DOTS: Final = 40
_DIAMOND: Final[dict[str, Any]] = {
    "linestyle": "none", "markersize": 5, "markerfacecolor": "white", "markeredgewidth": 1.2,
    "zorder": 4,
}  # fmt: skip
_STYLE: Final[dict[Any, Any]] = {
    "date.converter": "concise",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "svg.hashsalt": "tallybook",
    "svg.fonttype": "path",
    # Names are drawn as they are: a $ in one is no formula.
    "text.parse_math": False,
    "text.color": _INK,
    "axes.labelcolor": _PALE,
    "xtick.color": _PALE,
    "ytick.color": _PALE,
    "figure.dpi": 100,
    "savefig.dpi": 200,
}


def write_picture(panels: Sequence[Panel], subtitle: str, to: Path) -> None:
    """Draw the panels below each other and write the picture. Raises CannotStore."""
    content = picture(panels, subtitle, to.suffix.lower().lstrip("."))
    with storing(to):
        to.write_bytes(content)


def picture(panels: Sequence[Panel], subtitle: str, form: str) -> bytes:
    """Return the picture of the panels as `png` or `svg`."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        room = ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09, hspace=0.06)
        height = _HEIGHT + _MORE * (len(panels) - 1)
        figure = Figure(figsize=(_WIDTH, height), layout=room)
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
        for place, (panel, ax) in enumerate(zip(panels, axes[:, 0], strict=True)):
            _draw(panel, ax, subtitle if place == 0 else "")
        axes[-1, 0].xaxis_date()
        out = BytesIO()
        metadata = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
        figure.savefig(out, format=form, metadata=metadata)
        return out.getvalue()


def _draw(panel: Panel, ax: Axes, subtitle: str) -> None:
    for number, line in enumerate(panel.lines):
        _draw_line(line, ax, _COLOURS[number % len(_COLOURS)], _form(number), number)
    _draw_gaps(panel, ax)
    _frame(panel, ax)
    _draw_upgrades(panel, ax)
    _title(panel, ax, subtitle)
    _legend(panel, ax)


def _form(number: int) -> Any:
    return _FORMS[number // len(_COLOURS) % len(_FORMS)]


def _draw_line(line: Line, ax: Axes, colour: str, form: Any, number: int) -> None:
    named, few = False, len(line.dots) <= _FEW_DOTS
    for strand in line.strands:
        x, y = [_x(at) for at, _ in strand.dots], [value for _, value in strand.dots]
        observed = strand.provenance == OBSERVED
        label = _named(line.label) if observed and not named and number < _MOST_NAMED else None
        named = named or observed
        ax.plot(
            x, y,
            color=colour, label=label, solid_capstyle="round", solid_joinstyle="round",
            linewidth=1.5 if observed else 1.1,
            linestyle=form if observed else (0, (2.2, 1.6)),
            alpha=1.0 if observed else 0.75,
            marker="o" if few or len(x) == 1 else None, markersize=2.8,
        )  # fmt: skip
    for provenance in dict.fromkeys(s.provenance for s in line.strands if s.provenance != OBSERVED):
        ax.plot(
            [], [], color=colour, linewidth=1.1, linestyle=(0, (2.2, 1.6)), alpha=0.75,
            label=_named(f"{line.label}, {provenance}"),
        )  # fmt: skip
    _draw_events(line, ax, colour)


def _named(label: str) -> str:
    # Matplotlib leaves out of a legend what begins with an underscore.
    return f" {label}" if label.startswith("_") else label


def _draw_events(line: Line, ax: Axes, colour: str) -> None:
    for at, value in line.redefined:
        ax.plot(_x(at), value, marker="D", markeredgecolor=colour, **_DIAMOND)
    told = len(line.upgraded) <= _MOST_TOLD
    for (at, value), release in line.upgraded:
        ax.plot(_x(at), value, marker="^", markersize=5, color=colour, linestyle="none", zorder=4)
        ax.annotate(
            release if told else "", (_x(at), value), xytext=(0, 6),
            textcoords="offset points", ha="center", fontsize=7, color=_PALE,
        )  # fmt: skip


def _draw_gaps(panel: Panel, ax: Axes) -> None:
    for gap in panel.gaps:
        ax.axvspan(_x(gap.begin), _x(gap.end), color=_SHADE, linewidth=0, zorder=0)


def _frame(panel: Panel, ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color("#b9bec6")
    ax.grid(axis="y", color=_FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, pad=5)
    # Above the lines there is room for the releases.
    ax.margins(x=0.012, y=0.14 if panel.upgrades else 0.1)
    whole = all(float(value).is_integer() for _, value in panel.dots)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=whole))
    ax.yaxis.set_major_formatter(FuncFormatter(_grouped))


def _grouped(value: float, _place: int) -> str:
    # Thousands apart by a thin space, which no country reads as a decimal sign.
    return f"{value:,.10g}".replace(",", "\u2009").replace("-", "−")


def _draw_upgrades(panel: Panel, ax: Axes) -> None:
    low, high = ax.get_xlim()
    free_from = low
    few = len(panel.upgrades) <= _MOST_LINES
    for upgrade in panel.upgrades:
        x = _x(upgrade.at)
        # Many would be a fence before the line: then only their heads are drawn.
        ax.axvline(
            x, ymin=0 if few else 0.975, color="#b9bec6", linewidth=0.7,
            linestyle=(0, (3, 2)) if few else "solid", zorder=1,
        )  # fmt: skip
        told = f"Unleash {upgrade.after}" if free_from == low else upgrade.after
        width = (high - low) * _CHARACTER * (len(told) + 1)
        # At the right end there is room on the left side only.
        at_end = x + width > high
        side, offset = ("right", -3) if at_end else ("left", 3)
        if (x - width if at_end else x) < free_from:
            continue
        ax.annotate(
            told, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(offset, -2 if few else -6),
            textcoords="offset points", fontsize=7, color=_PALE, va="top", ha=side,
        )  # fmt: skip
        free_from = x + width


def _title(panel: Panel, ax: Axes, subtitle: str) -> None:
    ax.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", pad=22)
    told = " · ".join(part for part in (panel.unit, panel.instance, subtitle) if part)
    ax.annotate(
        told, (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
        fontsize=8, color=_PALE,
    )  # fmt: skip


def _legend(panel: Panel, ax: Axes) -> None:
    handles = [*ax.get_legend_handles_labels()[0], *_explained(panel)]
    more = len(panel.lines) - _MOST_NAMED
    made = ax.legend(
        handles=handles, ncols=min(len(handles), 5), loc="lower right", bbox_to_anchor=(1.0, 1.0),
        frameon=False, fontsize=8, handlelength=1.6, columnspacing=1.4, borderaxespad=0.2,
        labelcolor=_INK, title=f"and {more} more" if more > 0 else None, title_fontsize=7,
    )  # fmt: skip
    made.set_in_layout(len(handles) > 5)


def _explained(panel: Panel) -> Iterator[Artist]:
    """What stands in the plot besides lines."""
    if panel.gaps:
        yield Patch(color=_SHADE, label="no value")
    if any(line.redefined for line in panel.lines):
        diamond: dict[str, Any] = {"marker": "D", "markeredgecolor": _PALE, **_DIAMOND}
        yield Line2D([], [], label="definition changed", **diamond)
    if any(line.upgraded for line in panel.lines):
        yield Line2D(
            [], [], marker="^", markersize=5, color=_PALE, linestyle="none",
            label="upgrade of Unleash",
        )  # fmt: skip


def _x(moment: datetime) -> float:
    """The moment as matplotlib counts: days since 1970."""
    return (moment - _EPOCH) / timedelta(days=1)
