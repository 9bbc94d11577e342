"""Files that appear whole or not at all, and the lock of the single writer."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from warehouse.errors import CannotStore, Locked
from warehouse.files import adopt, exclusive_lock, publish_new, replace, storing

HOLD = """
import sys, time
from pathlib import Path
from warehouse.files import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), wait_seconds=0):
    print("mine", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder_of(lock: Path, seconds: float) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "mine\n"
    return holder


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_new_file_is_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    publish_new(tmp_path / "file", tmp_path / "draft", b"content")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_new_file_never_replaces_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"first")

    with pytest.raises(FileExistsError):
        publish_new(tmp_path / "file", tmp_path / "draft", b"second")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"first"


def test_a_replaced_file_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"first")

    replace(tmp_path / "file", tmp_path / "draft", b"second", mode=0o600)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"second"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_finished_file_is_adopted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"first")
    (tmp_path / "draft").write_bytes(b"second")

    adopt(tmp_path / "file", tmp_path / "draft")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"second"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    draft = tmp_path / "nowhere" / "draft"

    with pytest.raises(CannotStore) as refusal:
        publish_new(tmp_path / "file", draft, b"content")

    assert str(refusal.value) == f"cannot write '{draft}': no such file or directory"
    assert not (tmp_path / "file").exists()


def test_a_target_that_cannot_be_made_leaves_no_draft(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "file"

    with pytest.raises(CannotStore) as refusal:
        publish_new(target, tmp_path / "draft", b"content")

    assert str(refusal.value) == f"cannot write '{target}': no such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(CannotStore, match="is a directory"):
        replace(tmp_path / "file", tmp_path / "draft", b"content")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "reason", "hint"),
    [
        (
            errno.ENOSPC,
            "no space left on device",
            "Free some space on that disk and run it again; nothing was half-written.",
        ),
        (
            errno.EROFS,
            "read-only file system",
            "The file system is mounted read-only: mount it writable, or move the folder.",
        ),
        (
            errno.EACCES,
            "permission denied",
            "Run as the user who owns the folder, or give this user write access.",
        ),
        (errno.ENAMETOOLONG, "file name too long", None),
    ],
)
def test_an_error_of_the_system_says_what_to_do(number: int, reason: str, hint: str | None) -> None:
    with pytest.raises(CannotStore) as refusal, storing(Path("history")):
        raise OSError(number, os.strerror(number))

    assert str(refusal.value) == f"cannot write 'history': {reason}"
    assert refusal.value.hint == hint


def test_a_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive_lock(tmp_path / "lock", wait_seconds=0):
            assert (tmp_path / "lock").read_text().strip() == str(os.getpid())


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    holder = holder_of(tmp_path / "lock", 60)

    try:
        with (
            pytest.raises(Locked) as refusal,
            exclusive_lock(tmp_path / "lock", wait_seconds=0.1),
        ):
            pytest.fail("two hold the lock")
    finally:
        end(holder)

    assert str(refusal.value) == (
        f"'{tmp_path / 'lock'}' is held by process {holder.pid}, which did not finish within 0.1 s"
    )
    assert refusal.value.hint == "Let the other tallybook finish, or end it, and run this again."


def test_a_second_holder_waits_its_turn(tmp_path: Path) -> None:
    holder = holder_of(tmp_path / "lock", 0.3)
    began = time.monotonic()

    with exclusive_lock(tmp_path / "lock", wait_seconds=30):
        waited = time.monotonic() - began

    end(holder)
    assert 0.1 < waited < 20


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    end(holder_of(tmp_path / "lock", 60))

    with exclusive_lock(tmp_path / "lock", wait_seconds=0):
        pass


def test_a_lock_is_not_inherited_by_other_programs(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "lock", wait_seconds=0):
        sleeper = subprocess.Popen(["sleep", "60"], close_fds=False)

    try:
        with exclusive_lock(tmp_path / "lock", wait_seconds=0):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()
