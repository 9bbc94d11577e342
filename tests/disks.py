"""Small and read-only disks, where this process may mount them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = "TALLYBOOK_REQUIRE_REAL_UNLEASH"


class Disk:
    """A file system in memory of a fixed size."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    @property
    def free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, *, but: int = 0) -> None:
        """Take all space but so many bytes."""
        self.clear()
        self._filler.write_bytes(b"\0" * max(0, self.free - but))

    def clear(self) -> None:
        self._filler.unlink(missing_ok=True)

    def remount(self, mode: str) -> None:
        """Mount it again: `ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{mode}", self.path], check=True)


@contextmanager
def small_disk(path: Path, size: str = "4m") -> Iterator[Disk]:
    """Mount a small disk for a `with` block; skip the test where that is not allowed."""
    path.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path],
            capture_output=True,
            text=True,
            check=False,
        )
        reason = mounted.stderr.strip() if mounted.returncode else ""
    except FileNotFoundError:
        reason = "there is no command mount"
    if reason:
        _skip(f"cannot mount a small disk here: {reason}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", path], check=True)


def _skip(reason: str) -> None:
    if os.environ.get(REQUIRED) == "1" and os.geteuid() == 0:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
