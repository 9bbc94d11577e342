"""How long a trend over ten years of nightly snapshots of one instance takes.

The ninety statistics of the catalogue, signed as real commits, a year to a file: what folding
small files leaves. Inside DuckDB, and as the whole command.
"""

import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from etl.catalogue import UNLEASH
from etl.snapshot import Reading
from tests.benchmarks.report import Result, median_seconds
from tests.builders import A_MONDAY, a_history, a_reading
from warehouse.analysis import reading
from warehouse.analysis.reading import Ask, Range, read_trends

YEARS = 10
_COMMAND = str(Path(sys.executable).with_name("tallybook"))
_LABELS = ("first", "second", "third", "fourth", "fifth")


def run() -> list[Result]:
    """Measure one statistic and a family of four, then whole commands."""
    with tempfile.TemporaryDirectory() as name:
        root = ten_years(Path(name))
        return [
            Result(
                "trend of one statistic, ten years, in DuckDB", _inside(root, "users"), "s", 0.06
            ),
            Result("trend of a family of four, in DuckDB", _inside(root, "activeUsers"), "s", 0.06),
            *(
                Result(f"tallybook {words}", _whole(root, words), "s", limit)
                for words, limit in (
                    ("trend users", 0.6),
                    ("trend activeUsers --by month", 0.6),
                    ("seats --granted 250 --contract-start 2020-01-31", 0.6),
                    ("show", 0.5),
                )
            ),
        ]


def ten_years(folder: Path) -> Path:
    """Make the history; return its warehouse."""
    history = a_history(folder)
    definitions = UNLEASH.definitions()
    for year in range(YEARS):
        nights = range(year * 365, (year + 1) * 365)
        history.take(*(_night(night) for night in nights), definitions=definitions)
    return history.root


def _night(night: int) -> Reading:
    chance = random.Random(night)  # noqa: S311  # no secret is made of it
    stats: dict[str, int | bool | str] = {}
    for place, each in enumerate(UNLEASH.definitions()):
        wave = 50 + place * 3 + night * (0.02 + place / 200) + 20 * math.sin(night / 29)
        value = int(wave) + chance.randint(0, 8)
        kinds: dict[str, bool | str] = {"switch": True, "ratio": f"{value}.25"}
        for label in [f".{label}" for label in _LABELS] if each.labelled else [""]:
            stats[f"{each.name}{label}"] = kinds.get(each.kind, value)
    taken_at = A_MONDAY - timedelta(days=YEARS * 365 - night)
    release = f"{4 + night // 600}.{night % 600 // 100}.0"
    return a_reading(stats, taken_at=taken_at, definitions=UNLEASH.definitions(), oss=release)


def _inside(root: Path, statistic: str, times: int = 15) -> float:
    """The median over runs of all that a trend asks of DuckDB, connecting left out."""
    spent: list[float] = []
    asking = reading.asking

    @contextmanager
    def timed(at: Path) -> Iterator[Ask]:
        with asking(at) as ask:

            def clocked(sql: str) -> list[tuple[Any, ...]]:
                began = time.perf_counter()
                rows = ask(sql)
                spent[-1] += time.perf_counter() - began
                return rows

            yield clocked

    with patch.object(reading, "asking", timed):
        for _ in range(times):
            spent.append(0.0)
            read_trends(root, [statistic], Range())
    return statistics.median(spent)


def _whole(root: Path, words: str) -> float:
    command = [_COMMAND, *words.split(), "--warehouse", str(root)]
    return median_seconds(
        lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), times=9
    )
