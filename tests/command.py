"""The installed command, run as a user runs it: a process of its own, its output, its exit code."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TALLYBOOK = Path(sys.executable).with_name("tallybook")


@dataclass(frozen=True)
class Ran:
    """How a command ended: `code` is the exit code, below 0 the signal that ended it."""

    code: int
    out: str
    err: str


def tallybook(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    seconds: float = 60,
    program: str | None = None,
) -> Ran:
    """Run `tallybook` in a folder and wait for its end; `program` is Python to run in its place."""
    command = [TALLYBOOK] if program is None else [sys.executable, "-c", program]
    done = subprocess.run(
        [*command, *words],
        cwd=cwd,
        env=environment(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without what would steer the command or libpq elsewhere."""
    steering = ("PG", "TALLYBOOK_", "COV", "PYTHON")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**ours, "COLUMNS": "160", **more}
