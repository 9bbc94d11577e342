"""Storage that fails: full, read-only or shared. Nothing half-written, clear words."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.journal import STATE_FILE
from etl.run import open_log
from etl.settings import load_settings
from tests.builders import a_reading
from tests.disks import Disk, small_disk
from tests.histories import History, a_history
from tests.readers import Reader
from warehouse.errors import CannotStore
from warehouse.files import exclusive_lock

pytestmark = pytest.mark.slow

FREE_SPACE = "Free some space on that disk and run it again; nothing was half-written."
READ_ONLY = "The file system is mounted read-only: mount it writable, or move the folder."


@pytest.fixture
def history(reader: Reader, tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=reader.url)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


def move(history: History, part: str, disk: Disk) -> None:
    """Let the warehouse or the signer's state live on that disk."""
    target = disk.path / part
    shutil.move(history.folder / part, target)
    (history.folder / part).symlink_to(target)


def use_up_room(history: History) -> None:
    """Leave the signer's journal no room for one more batch."""
    journal = history.state / STATE_FILE
    journal.write_bytes(journal.read_bytes().rstrip(b"\n") + b"\n")


def taken(history: History) -> None:
    """Take a snapshot that works."""
    ran = history.run("snapshot")
    assert (ran.code, ran.err) == (0, "")


def test_a_full_disk_under_the_warehouse_delays_a_snapshot(history: History, disk: Disk) -> None:
    move(history, "history", disk)
    disk.fill()

    ran = history.run("snapshot")

    assert (ran.code, len(history.snapshots())) == (1, 0)
    assert ran.err.startswith(f"error: cannot write '{history.warehouse}/_tmp/")
    assert ": no space left on device\nhint: " + FREE_SPACE in ran.err
    assert list((history.warehouse / "_tmp").iterdir()) == []
    assert history.verdict() == (3, "incomplete")
    disk.clear()
    taken(history)
    assert [snapshot.seq for snapshot in history.snapshots()] == [0, 1]
    assert history.verdict() == (0, "intact")


def test_a_full_disk_under_the_state_costs_nothing_while_the_journal_has_room(
    history: History, disk: Disk
) -> None:
    move(history, "state", disk)
    disk.fill()

    taken(history)

    assert len(history.snapshots()) == 1
    assert history.verdict() == (0, "intact")


def test_a_full_disk_under_the_state_costs_a_snapshot(history: History, disk: Disk) -> None:
    move(history, "state", disk)
    use_up_room(history)
    disk.fill()

    ran = history.run("snapshot")

    assert (ran.code, len(history.snapshots())) == (1, 0)
    assert ran.err.startswith(f"error: cannot write '{history.state}/")
    assert history.verdict() == (0, "intact")
    disk.clear()
    taken(history)
    assert [snapshot.seq for snapshot in history.snapshots()] == [0]
    assert history.drafts == []


@pytest.mark.parametrize("part", ["history", "state"])
def test_a_disk_that_fills_up_at_any_byte_leaves_nothing_partial(
    history: History, disk: Disk, part: str
) -> None:
    move(history, part, disk)
    log = open_log(load_settings(history.folder / "tallybook.toml"))
    log.heal()
    kept, failures = 0, list[str]()

    for page in range(48):
        use_up_room(history)
        disk.fill(but=page * 4096)
        try:
            kept += len(log.append([a_reading()]))
        except CannotStore as failure:
            failures.append(str(failure))
        disk.clear()
        waiting = log.heal()
        assert len(list(log.ledger.records())) == waiting
        assert waiting - 1 >= kept

    assert kept >= 1
    assert {failure.rpartition(": ")[2] for failure in failures} == {"no space left on device"}
    assert history.drafts == []


ONE_POINT = "one snapshot only: a trend begins with the second\n"


def test_a_read_only_warehouse_refuses_writers_and_serves_readers(
    history: History, disk: Disk
) -> None:
    taken(history)
    move(history, "history", disk)
    history.run("sql", "SELECT 1")
    disk.remount("ro")

    ran = history.run("snapshot")
    readers = [
        history.run(*words)
        for words in (("show",), ("sql", "FROM snapshots"), ("trend", "users"), ("verify",))
    ]
    disk.remount("rw")

    assert ran.code == 1
    assert ran.err.startswith(f"error: cannot write '{history.warehouse}/")
    assert ran.err.endswith(": read-only file system\nhint: " + READ_ONLY + "\n") or (
        "What was read is not lost" in ran.err
    )
    # What was read waits in the signer's journal, and verify says so.
    assert [reader.code for reader in readers] == [0, 0, 0, 3]
    assert {reader.err for reader in readers} == {"", ONE_POINT}
    taken(history)
    assert history.verdict() == (0, "intact")


def test_a_read_only_state_refuses_writers(history: History, disk: Disk) -> None:
    move(history, "state", disk)
    disk.remount("ro")

    ran = history.run("snapshot")
    disk.remount("rw")

    message = f"error: cannot write '{history.state}/signer.lock': read-only file system\n"
    assert (ran.code, ran.err) == (1, f"{message}hint: {READ_ONLY}\n")
    assert history.snapshots() == []


def test_a_second_writer_waits_its_turn(history: History) -> None:
    lock = history.state / "signer.lock"
    began = time.monotonic()

    def hold() -> None:
        with exclusive_lock(lock, wait_seconds=1):
            held.set()
            time.sleep(2)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    taken(history)
    holder.join()

    assert time.monotonic() - began >= 2
    assert len(history.snapshots()) == 1


def test_a_second_writer_is_refused_when_the_first_does_not_finish(history: History) -> None:
    lock = history.state / "signer.lock"
    history.set(lock_timeout=0.5)

    with exclusive_lock(lock, wait_seconds=1):
        ran = history.run("snapshot")

    message = (
        f"error: {str(lock)!r} is held by process {os.getpid()}, "
        "which did not finish within 0.5 s\n"
        "hint: Let the other tallybook finish, or end it, and run this again.\n"
    )
    assert (ran.code, ran.err) == (11, message)
    assert history.snapshots() == []


def test_writers_at_the_same_time_all_get_their_turn(history: History) -> None:
    ended: list[tuple[int, str]] = []

    def write() -> None:
        ran = history.run("snapshot")
        ended.append((ran.code, ran.err))

    writers = [threading.Thread(target=write) for _ in range(4)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert ended == [(0, "")] * 4
    assert [snapshot.seq for snapshot in history.snapshots()] == [0, 1, 2, 3]
    assert history.verdict() == (0, "intact")
