"""Rows for people: terminal tables, changes, sparklines and progress.

Colour only where a terminal shows it and NO_COLOR is not set.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

_BARS = "▁▂▃▄▅▆▇█"


def console(*, stderr: bool = False) -> Console:
    """A console that keeps a table's width when nobody's terminal bounds it."""
    # Names of flags and applications are printed as they are: no [markup], no :emoji:.
    out = Console(stderr=stderr, highlight=False, soft_wrap=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = 1000
    return out


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, float], None]]:
    """Show a bar with a number that grows, where stderr is a terminal; give what moves it.

    The function takes the number, and the share of the work that is done.
    """
    err = console(stderr=True)
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]:,} {task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=1.0, done=0)
        yield lambda done, share: bar.update(task, completed=share, done=done)


def table(columns: Sequence[str], *, right: Sequence[str] = (), title: str | None = None) -> Table:
    """An open table in the house's manner: no vertical lines, numbers to the right."""
    made = Table(box=None, title=title, title_justify="left", pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def cell(value: Any) -> str:
    """One value as text. Bytes as hex, nothing as nothing, a whole float as a whole number."""
    match value:
        case None:
            return ""
        case bytes():
            return value.hex()
        case bool():
            return str(value).lower()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def signed(change: float | None) -> str:
    """A change with its sign; nothing where there is none."""
    return "" if not change else f"{'+' if change > 0 else '−'}{cell(abs(round(change, 3)))}"


def sparkline(values: Sequence[float]) -> str:
    """One bar per value, the lowest lowest."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[0] * len(values)
    return "".join(_BARS[round((v - low) / (high - low) * (len(_BARS) - 1))] for v in values)
