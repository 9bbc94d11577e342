"""What a benchmark says: a number, its rival's in the same run, and the ratio asked for."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One comparison. Times in seconds, memory in MB; `limit` is on `ratio`, or on `ours`;
    None where no number was asked for.
    """

    what: str
    ours: float
    unit: str
    limit: float | None
    rival: str = ""
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the rival's."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def holds(self) -> bool:
        """Whether the number asked for is reached."""
        found = self.ours if self.ratio is None else self.ratio
        return self.limit is None or found <= self.limit

    def row(self) -> str:
        """One row of the table in docs/benchmarks.md."""
        theirs = f"{self.rival}: {_number(self.theirs)} {self.unit}" if self.theirs else ""
        found = f"{self.ratio:.2f} ×" if self.ratio else f"{_number(self.ours)} {self.unit}"
        wanted, verdict = "", ""
        if self.limit is not None:
            wanted = f"≤ {self.limit:.3g} {'×' if self.ratio else self.unit}"
            verdict = "yes" if self.holds else "no"
        ours = f"{_number(self.ours)} {self.unit}"
        return f"| {self.what} | {ours} | {theirs} | {found} | {wanted} | {verdict} |"


HEADER = (
    "| what | ours | rival, same run | measured | asked for | reached |\n|---|---|---|---|---|---|"
)


def median_seconds(do: Callable[[], object], *, times: int, warm: int = 1) -> float:
    """The median wall time of `do`, in seconds, after some runs that do not count."""
    for _ in range(warm):
        do()
    return statistics.median(_seconds(do) for _ in range(times))


def alternating(
    one: Callable[[], object], other: Callable[[], object], *, times: int, warm: int = 2
) -> tuple[float, float]:
    """Medians of two rivals that take turns, so that a busy moment is nobody's."""
    for _ in range(warm):
        one()
        other()
    pairs = [(_seconds(one), _seconds(other)) for _ in range(times)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
