"""A writer that is killed at any moment, again and again: `python -m tests.killed_writer`.

Each attempt is a fork of this process, which imports everything once and uses nothing of it.
It appends until it is killed, and notes in a file when it begins and when it was told that
a record is kept. Prints as JSON how many were killed, and how many of them in mid-append.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from etl.log import SigningLog
from etl.run import open_log
from etl.settings import load_settings
from tests.builders import a_reading

SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def main(folder: str, notes: str, attempts: str, seed: str) -> None:
    """Kill so many writers of the history in `folder`."""
    log = open_log(load_settings(Path(folder) / "tallybook.toml"))
    chance = random.Random(seed)  # noqa: S311 - the same moments every time, no secret
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    killed = inside = 0
    for attempt in range(int(attempts)):
        status = attempt_once(log, descriptor, chance.uniform(0, 0.1), SIGNALS[attempt % 2])
        killed += os.WIFSIGNALED(status)
        inside += last_note(notes).startswith("begin")
    sys.stdout.write(json.dumps({"killed": killed, "inside": inside}))


def attempt_once(log: SigningLog, notes: int, seconds: float, end: signal.Signals) -> int:
    """Let one writer live for so long; return how it ended."""
    pid = os.fork()
    if pid == 0:
        append_until_killed(log, notes)
    time.sleep(seconds)
    os.kill(pid, end)
    return os.waitpid(pid, 0)[1]


def append_until_killed(log: SigningLog, notes: int) -> NoReturn:
    """Append records; whatever fails ends this process by itself, which the parent counts."""
    try:
        while True:
            os.write(notes, b"begin\n")
            (record,) = log.append([a_reading()])
            os.write(notes, f"kept {record.sha256}\n".encode())
    finally:
        os._exit(1)


def last_note(notes: str) -> str:
    """Return the newest line."""
    lines = Path(notes).read_text().splitlines()
    return lines[-1] if lines else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
