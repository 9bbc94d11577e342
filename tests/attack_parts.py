"""What an attacker does to parts: which files there are, of which names, and who names them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq

from tests.attack_sealed_tools import Does, part_of_ours, put, rewrite
from tests.attack_world import World
from tests.builders import ORIGIN
from tests.sealed import statistics_change
from warehouse import catalog
from warehouse.layout import log_key
from warehouse.sealed.parts import KINDS, Commit


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def foreign(path: Path) -> None:
    path.write_bytes(b"instance,users\nprod,7\n")


def of_the_other_log(kind: str) -> Does:
    """Give our part the file of the other log's."""

    def attack(world: World) -> None:
        theirs, ours = sorted(
            world.layout.standing().parts, key=lambda part: part.log_key == log_key(ORIGIN)
        )
        shutil.copy(world.layout.part(theirs, kind), world.layout.part(ours, kind))

    return attack


def of_another_kind(kind: str, other: str) -> Does:
    def attack(world: World) -> None:
        part = part_of_ours(world)
        shutil.copy(world.layout.part(part, other), world.layout.part(part, kind))

    return attack


def renamed(**changes: Any) -> Does:
    """Let all files of our part have the name of another part."""

    def attack(world: World) -> None:
        part = part_of_ours(world)
        for kind in KINDS:
            path = world.layout.part(part, kind)
            path.rename(world.layout.part(part._replace(**changes), kind))

    return attack


def a_part_beside(**changes: Any) -> Does:
    """Put one more part beside ours, with the same content."""

    def attack(world: World) -> None:
        part = part_of_ours(world)
        for kind in KINDS:
            path = world.layout.part(part, kind)
            shutil.copy(path, world.layout.part(part._replace(**changes), kind))

    return attack


def a_wider_part_of_nothing(world: World) -> None:
    """A part that hides the true one, and has no rows."""
    part = part_of_ours(world)
    for kind in KINDS:
        path = world.layout.part(part, kind)
        wider = world.layout.part(part._replace(end=part.end + 80), kind)
        shutil.copy(path, wider)
        rewrite(wider, kind, pq.ParquetFile(path).read().slice(0, 0))


def only_of_the_kinds(*kinds: str) -> Does:
    """Delete these files of our part."""

    def attack(world: World) -> None:
        part = part_of_ours(world)
        for kind in kinds:
            world.layout.part(part, kind).unlink()

    return attack


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


def a_commit_brought_back_beside_its_part(world: World) -> None:
    """The views read the epoch that commits go to, whatever is in there."""
    statistics_change(world)
    record = pq.ParquetFile(world.layout.part(part_of_ours(world), "ledger")).read().slice(19, 1)
    path = world.layout.epoch(world.layout.live_epoch()) / world.layout.hot_name(ORIGIN, 19)
    pq.write_table(record, path, store_schema=False, write_statistics=False)
