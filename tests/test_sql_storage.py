"""`tallybook sql` where the catalogue is gone, damaged, held or not ours, or the folder moved."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.builders import History, a_history, a_reading
from tests.command import TALLYBOOK, Ran, environment, tallybook
from tests.disks import small_disk

pytestmark = pytest.mark.slow

# Holds a catalogue open, in one way or the other, until its stdin ends.
HOLDING = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read") as connection:
    found = connection.execute("SELECT count(*) FROM snapshots").fetchall()
    print("held", flush=True)
    sys.stdin.read()
    assert connection.execute("SELECT count(*) FROM snapshots").fetchall() >= found
"""
NOBODY = 65534


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(2)
    return made


def asked(root: Path, question: str = "SELECT count(*) AS n FROM snapshots") -> Ran:
    return tallybook("sql", question, "--json", "--warehouse", root, cwd=root.parent)


def count_in(root: Path) -> int:
    ran = asked(root)
    assert (ran.code, ran.err) == (0, "")
    count: int = json.loads(ran.out)[0]["n"]
    return count


@contextmanager
def held(catalog: Path, how: str) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(catalog), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield
    _, complaints = holder.communicate("")
    assert (holder.returncode, complaints) == (0, "")


def test_a_catalogue_that_was_deleted_is_made_again(history: History) -> None:
    assert count_in(history.root) == 2
    (history.root / "catalog.duckdb").unlink()

    assert count_in(history.root) == 2


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00" * 20_000])
def test_a_catalogue_that_is_damaged_is_made_again(history: History, content: bytes) -> None:
    count_in(history.root)
    (history.root / "catalog.duckdb").unlink()
    (history.root / "catalog.duckdb").write_bytes(content)

    assert count_in(history.root) == 2


def test_a_catalogue_that_others_read_is_no_hindrance(history: History) -> None:
    count_in(history.root)

    with held(history.root / "catalog.duckdb", "read"):
        history.take(a_reading({"brandNew": 1}))

        assert count_in(history.root) == 3


def test_a_catalogue_that_somebody_holds_for_writing_is_replaced(history: History) -> None:
    count_in(history.root)
    catalog = history.root / "catalog.duckdb"
    catalog.chmod(0o644)

    with held(catalog, "write"):
        assert count_in(history.root) == 2

    assert count_in(history.root) == 2
    assert catalog.stat().st_mode & 0o777 == 0o444


def test_views_that_somebody_forged_are_still_read_only(history: History) -> None:
    count_in(history.root)
    catalog = history.root / "catalog.duckdb"
    catalog.chmod(0o644)
    with duckdb.connect(str(catalog)) as connection:
        connection.execute("CREATE VIEW evil AS FROM read_text('/etc/hostname')")

    ran = asked(history.root, "FROM evil")

    assert ran.code == 1
    assert ran.err.startswith("error: Permission Error: ")


def test_a_warehouse_that_was_moved_is_read_where_it_is(history: History, tmp_path: Path) -> None:
    count_in(history.root)
    moved = history.root.rename(tmp_path / "else where'")

    assert count_in(moved) == 2


def test_a_warehouse_that_was_copied_reads_its_own_files(history: History, tmp_path: Path) -> None:
    count_in(history.root)
    copied = Path(shutil.copytree(history.root, tmp_path / "copy"))
    history.take()

    assert (count_in(copied), count_in(history.root)) == (2, 3)


def test_a_folder_without_a_history_is_no_warehouse(tmp_path: Path) -> None:
    ran = asked(tmp_path)

    assert (ran.code, ran.out) == (10, "")
    assert ran.err.startswith(f"error: no warehouse in '{tmp_path}'\nhint: ")


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_of_the_history_that_is_damaged_is_named(history: History, content: bytes) -> None:
    count_in(history.root)
    file = history.files()[-1]
    file.write_bytes(content)

    ran = asked(history.root, "SELECT sum(users) AS n FROM snapshots")

    assert (ran.code, ran.out) == (1, "")
    assert str(file) in ran.err


@pytest.mark.slow
def test_a_warehouse_that_is_mounted_read_only_is_read(history: History, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk:
        there = Path(shutil.copytree(history.root, disk.path / "history"))
        # Its catalogue is made while that can be, for nobody can make one later.
        assert count_in(there) == 2
        disk.remount("ro")

        found = count_in(there)
        then = tallybook(
            "sql", "FROM snapshots", "--as-of", "2020-01-01", "--json", "--warehouse", there,
            cwd=tmp_path,
        )  # fmt: skip
        disk.remount("rw")

    assert found == 2
    assert (then.code, then.out, then.err) == (0, "[]\n", "")


@pytest.mark.slow
def test_a_stale_warehouse_that_is_mounted_read_only_says_why(
    history: History, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk:
        there = Path(shutil.copytree(history.root, disk.path / "history"))
        disk.remount("ro")
        ran = asked(there)
        disk.remount("rw")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"error: cannot write '{there}/_tmp/.catalog.duckdb.{pid_in(ran.err)}': "
        "read-only file system\nhint: The file system is mounted read-only: "
        "mount it writable, or move the folder.\n"
    )


def pid_in(message: str) -> str:
    return message.partition(".catalog.duckdb.")[2].partition("'")[0]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give files away"
)
def test_a_warehouse_of_somebody_else_is_read_and_left_as_it_is(history: History) -> None:
    count_in(history.root)
    everything = [history.root, *history.root.rglob("*")]
    for path in everything:
        os.chown(path, NOBODY, NOBODY)
    before = {path: path.stat() for path in everything}

    # Root without what makes it root: it may read here, and write nothing.
    rights = "-dac_override,-dac_read_search,-fowner,-chown"
    done = subprocess.run(
        [
            *("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", TALLYBOOK, "sql"),
            *("SELECT count(*) AS n FROM snapshots", "--json", "--warehouse", history.root),
        ],
        cwd="/",
        env=environment({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    refused = subprocess.run(
        [
            *("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"),
            *("touch", history.root / "evil"),
        ],
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [{"n": 2}]
    assert refused.returncode == 1
    assert {path: path.stat().st_mtime_ns for path in everything} == {
        path: stat.st_mtime_ns for path, stat in before.items()
    }
