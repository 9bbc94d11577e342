"""Sealed histories for tests: what their views say, and which files they consist of."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from etl.log import SigningLog
from tests.attack_world import SATURDAY, World, the_night
from tests.builders import (
    DAY,
    SOME_DEFINITIONS,
    SOME_STATS,
    History,
    a_definition,
    a_reading,
    definitions_json,
)
from warehouse import catalog
from warehouse.checks.findings import Report
from warehouse.contract import VIEWS
from warehouse.layout import Layout
from warehouse.query import ask
from warehouse.record import sha256_hex
from warehouse.sealed.seal import Sealed, seal

Answers = dict[str, tuple[Any, ...]]


def answers(root: Path) -> Answers:
    """Everything that every view says, with the names and types of its columns."""
    found = {view: ask(root, f"SELECT * FROM {view} ORDER BY ALL") for view in VIEWS}
    return {view: (a.columns, a.types, a.rows) for view, a in found.items()}


def answers_as_it_stands(root: Path) -> Answers:
    """The same by plain DuckDB, from the catalogue as it lies there."""
    found: Answers = {}
    with duckdb.connect(str(root / "catalog.duckdb"), read_only=True) as connection:
        for view in VIEWS:
            answer = connection.execute(f"SELECT * FROM {view} ORDER BY ALL")
            found[view] = (answer.description, answer.fetchall())
    return found


def sealed_now(history: History | Path) -> Sealed:
    """Seal, and take away what it replaces at once."""
    root = history if isinstance(history, Path) else history.root
    return seal(root, grace_seconds=0)


def commit_files(root: Path) -> list[Path]:
    """The files of commits, whether they are read or not."""
    return sorted((root / "hot").rglob("*.parquet"))


def part_files(root: Path) -> list[str]:
    """The sealed files, whether they count or not, by kind and name."""
    return sorted(str(f.relative_to(root / "sealed")) for f in (root / "sealed").rglob("*.parquet"))


def only_part(root: Path, kind: str) -> Path:
    """The file of the only part that counts."""
    (found,) = Layout(root).part_files(kind)
    return found


NEWER = (
    *(d for d in SOME_DEFINITIONS if d.name != "segments"),
    a_definition("flagsOfToday"),
)
A_DAY_AND_MORE = 25 * 3600


def keep(log: SigningLog) -> None:
    for definitions in (SOME_DEFINITIONS, NEWER):
        content = definitions_json(definitions)
        log.ledger.keep_definitions(content, sha256_hex(content))


def statistics_change(world: World, night: int = 1) -> None:
    """Let the next night bring a new statistic and labels, and let others be gone."""
    keep(log := world.log())
    slot = SATURDAY + night * DAY
    world.clock.now = slot + timedelta(seconds=1)
    stats = {**SOME_STATS, "flagsOfToday": night, "apiTokens.Admin": 3, "averageFlags": "2.50"}
    del stats["segments"], stats["SAMLenabled"]
    prod, staging = the_night(slot)
    changed = a_reading(stats, taken_at=slot, due_at=slot, definitions=NEWER, oss="8.3.0")
    log.append([changed, staging])
    assert prod.instance == changed.instance
    catalog.refresh(world.root, new_statistics=stats)


def is_whole(report: Report) -> bool:
    """Whether all is as it was signed, the newest perhaps known to nobody, or of tomorrow."""
    return report.counts.keys() <= {"UNANCHORED", "TIME_SKEW"} and not report.stale_catalogue


def a_day_passes(root: Path) -> None:
    """Let every file of records be older than its time of grace."""
    then = time.time() - A_DAY_AND_MORE
    for file in root.rglob("*.parquet"):
        os.utime(file, (then, then))
