"""When commits are sealed by themselves."""

import os
import time
from pathlib import Path

import pytest

from tests.attack_world import SIZE, World
from tests.builders import (
    ORIGIN,
    a_history,
)
from tests.sealed import (
    commit_files,
    sealed_now,
)
from warehouse.layout import Layout
from warehouse.query import ask
from warehouse.sealed import due
from warehouse.sealed.seal import seal


def with_commits(root: Path, count: int, *, size: int = 1, days_ago: float = 0) -> Layout:
    layout = Layout(root)
    layout.epoch(0).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        file = layout.epoch(0) / layout.hot_name(ORIGIN, index)
        with file.open("wb") as opened:
            opened.truncate(size)
        then = time.time() - days_ago * 24 * 3600
        os.utime(file, (then, then))
    return layout


@pytest.mark.parametrize(
    ("count", "size", "days_ago", "expected"),
    [
        (0, 0, 0, False),
        (due.MOST_COMMITS, 1, 0, False),
        (due.MOST_COMMITS + 1, 1, 0, True),
        (1, due.MOST_BYTES, 0, False),
        (1, due.MOST_BYTES + 1, 0, True),
        (2, 1, due.MOST_DAYS - 1, False),
        (2, 1, due.MOST_DAYS + 1, True),
        (1, 1, due.MOST_DAYS + 1, False),
    ],
)
def test_commits_are_sealed_when_they_are_many_large_or_old(
    tmp_path: Path, count: int, size: int, days_ago: float, expected: bool
) -> None:
    assert due.is_due(with_commits(tmp_path, count, size=size, days_ago=days_ago)) is expected


def test_what_is_sealed_is_not_due(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take_days(due.MOST_COMMITS)
    layout = history.ledger.layout
    assert due.is_due(layout)

    seal(history.root)

    assert not due.is_due(layout)
    assert len(commit_files(history.root)) == due.MOST_COMMITS + 1


def test_one_part_has_its_own_order_in_each_kind_of_file(world: World) -> None:
    sealed_now(world.root)
    shop, ours = Layout(world.root).standing().parts

    values = ask(
        world.root,
        "SELECT statistic, instance, taken_at "
        f"FROM read_parquet('{world.layout.part(ours, 'values')}')",
    ).rows

    assert values == sorted(values)
    assert (shop.size, ours.size) == (4, SIZE)
