"""A part of verification says that it is one; and however it is shared out, it finds the same."""

from pathlib import Path

import pytest

from tests.attack_world import STAGING, World
from tests.attacks import TABLE
from tests.builders import (
    A_MONDAY,
    DAY,
    ORIGIN,
    Clock,
    History,
    a_history,
    a_reading,
    tamper,
)
from warehouse.checks import pool
from warehouse.checks.examine import Scope
from warehouse.checks.findings import Report
from warehouse.ledger import read_rows
from warehouse.payload import Instance

MEMORY = "the signer's memory"


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Genesis, three days of prod, one of staging; a file for each of the five records."""
    history = a_history(tmp_path)
    history.take_days(3)
    history.take(a_reading(instance=STAGING))
    return history


def test_the_fast_look_says_how_little_it_has_looked_at(history: History) -> None:
    report = history.verify(scope=Scope(fast=True))

    assert report == Report(
        fast=True,
        records=5,
        signatures=5,
        signatures_checked=1,
        signatures_valid=1,
        checkpoints=5,
        checkpoints_checked=1,
        checkpoints_valid=1,
        logs={ORIGIN: 5},
        vouched_by=[MEMORY],
    )
    assert (report.status, report.exit_code) == ("intact", 0)


def test_one_instance_alone_has_its_signatures_and_columns_checked(history: History) -> None:
    prod, *_, staging = history.files()[1:]
    for file in (prod, staging):
        tamper(file, lambda rows: rows[0].update(version_oss="9.9.9", signature=bytes(64)))

    report = history.verify(scope=Scope(instance="staging"))

    assert [(f.name, f.place.index) for f in report.findings] == [
        ("PAYLOAD_SIG_INVALID", 4),
        ("ROW_MISMATCH", 4),
    ]
    assert (report.signatures, report.signatures_checked, report.signatures_valid) == (5, 2, 1)


def test_only_the_newest_records_have_their_signatures_checked(tmp_path: Path) -> None:
    clock = Clock(A_MONDAY - 30 * DAY)
    history = a_history(tmp_path, clock=clock)
    for _ in range(3):
        clock.now += DAY
        history.take(a_reading(taken_at=clock.now))
    forged = {"signature": bytes(64), "version_oss": "9.9.9"}
    for file in history.files()[1:]:
        tamper(file, lambda rows: rows[-1].update(forged))

    report = history.verify(scope=Scope(since="2026-10-27T02:00:00.000Z"))

    assert [(f.name, f.place.index) for f in report.findings] == [
        ("PAYLOAD_SIG_INVALID", 5),
        ("ROW_MISMATCH", 5),
    ]
    assert (report.signatures, report.signatures_checked, report.signatures_valid) == (6, 2, 1)


def test_what_is_left_out_is_still_hashed_and_chained(history: History) -> None:
    first = history.files()[1]
    (row,) = read_rows(first)
    payload = row["payload"].replace(b'"users":120', b'"users":101')
    tamper(first, lambda rows: rows[0].update(payload=payload))

    report = history.verify(scope=Scope(instance="staging"))

    assert {"ROOT_MISMATCH", "PREV_MISMATCH"} <= set(report.counts)


STORIES = (
    "a byte of a payload is changed",
    "a stranger begins it anew",
    "two files change names",
    "a revoked key signs a record",
    "a file's statistics hide its rows",
    "cut off, and gone on",
)


@pytest.mark.slow
@pytest.mark.parametrize("story", ["none", *STORIES])
@pytest.mark.parametrize("fast", [False, True])
def test_many_processes_find_what_one_finds(
    world: World, monkeypatch: pytest.MonkeyPatch, story: str, fast: bool
) -> None:
    for attack in TABLE:
        if attack.story == story:
            attack.does(world)
    by_one = world.verify(fast=fast)
    monkeypatch.setattr(pool, "WORTH_A_POOL", 0)

    by_many = world.verify(fast=fast)

    assert by_many == by_one


def test_the_stories_told_to_many_are_in_the_table() -> None:
    assert set(STORIES) <= {attack.story for attack in TABLE}


@pytest.mark.slow
def test_a_large_file_is_examined_group_by_group_with_the_same_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = a_history(tmp_path)
    history.take(*(a_reading(instance=instance_number(n)) for n in range(2_500)))
    at_once = history.verify()
    monkeypatch.setattr("warehouse.verify._SMALL_FILE", 0)

    in_groups = history.verify()
    last = history.files()[-1]
    tamper(last, lambda rows: rows[2_400].update(version_oss="9.9.9"))
    attacked = history.verify()

    assert (at_once.status, at_once.records, at_once.instances) == ("intact", 2_501, 2_500)
    assert in_groups == at_once
    assert [(f.name, f.place.index) for f in attacked.findings] == [("ROW_MISMATCH", 2_401)]


def instance_number(number: int) -> Instance:
    return Instance(f"4c1b6b6e-0000-4000-8000-{number:012d}", f"instance-{number}")
