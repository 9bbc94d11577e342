"""Commands under strace: which calls they make that change a disk, and what if they die at one."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.command import environment

ROOT = Path(__file__).resolve().parent.parent
# Every call that can change what a disk holds, by the names that different machines use.
CHANGING = (
    *("write", "pwrite64", "writev", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "flock"),
    *("link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir"),
    *("mkdir", "mkdirat", "chmod", "fchmod", "fchmodat"),
)


def trace(folder: Path, command: Sequence[str], *options: str) -> tuple[str, str]:
    """Run a command under strace in a folder; return its output and the trace."""
    written = folder.parent / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(written), *options, *command],
        cwd=folder,
        env=environment({"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout, written.read_text()


def counted_calls(folder: Path, command: Sequence[str]) -> dict[str, int]:
    """How often a command makes each of the calls, in the order of their first."""
    out, written = trace(folder, command, "-e", f"trace=?{',?'.join(CHANGING)}")
    assert out
    counts: dict[str, int] = {}
    for name in re.findall(r"^\d+ +(\w+)\(", written, re.MULTILINE):
        counts[name] = counts.get(name, 0) + 1
    return counts
