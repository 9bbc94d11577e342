"""What an attacker does to the catalogue of a sealed history: it names what is not there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq

from tests.attack_sealed_tools import Does, a_part_beside, part_of_ours, put, rewrite
from tests.attack_world import World
from warehouse import catalog
from warehouse.sealed.parts import KINDS, Commit

Read = tuple[list[str], list[int], list[tuple[int, Commit]]]


def a_catalogue_of(change: Callable[[World, Read], Read]) -> Does:
    """Make a catalogue, and its label, of something else than what is there."""

    def attack(world: World) -> None:
        parts, epochs, commits = world.layout.standing()
        named = ([part.name for part in parts], [*epochs], [*commits])
        told = change(world, named)
        with (
            patch("warehouse.stamp.read_now", return_value=told),
            patch("warehouse.catalog.read_now", return_value=told),
        ):
            catalog.build(world.root)

    return attack


def without_our_part(world: World, read: Read) -> Read:
    ours = part_of_ours(world).name
    return [name for name in read[0] if name != ours], *read[1:]


def with_files_that_are_no_part(world: World, read: Read) -> Read:
    """Rows that nobody signed, in files whose names nobody looks for."""
    for kind in KINDS:
        shutil.copy(world.layout.part(part_of_ours(world), kind), strange(world, kind))
    change = put("users", 0, 1.0)
    rewrite(strange(world, "wide"), "wide", change(pq.ParquetFile(strange(world, "wide")).read()))
    return [*read[0], "more.parquet"], *read[1:]


def strange(world: World, kind: str) -> Path:
    return world.layout.sealed / kind / "more.parquet"


def with_an_epoch_of_files_that_are_no_commits(world: World, read: Read) -> Read:
    epoch = world.layout.epoch(77)
    epoch.mkdir()
    shutil.copy(world.layout.part(part_of_ours(world), "ledger"), epoch / "more.parquet")
    return read[0], [77], []


def with_the_part_twice(world: World, read: Read) -> Read:
    a_part_beside(period="2026-04")(world)
    return [*read[0], part_of_ours(world)._replace(period="2026-04").name], *read[1:]
