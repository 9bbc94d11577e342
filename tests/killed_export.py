"""An exporter that is killed at any moment, again and again: `python -m tests.killed_export`.

Each attempt is a fork of this process, which imports everything once and uses nothing of it.
It appends snapshots and exports what is new until it is killed. Prints how many were killed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from tests.builders import a_reading
from tests.exported import reopened
from warehouse.exports.asked import Asked
from warehouse.exports.export import export


def main(folder: str, to: str, attempts: str, seed: str) -> None:
    """Kill so many exporters of the history in `folder`."""
    chance = random.Random(seed)  # noqa: S311 - the same moments every time, no secret
    killed = 0
    for attempt in range(int(attempts)):
        pid = os.fork()
        if pid == 0:
            append_and_export(Path(folder), Path(to), is_full=attempt % 5 == 0)
        time.sleep(chance.uniform(0.05, 0.6))
        os.kill(pid, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    sys.stdout.write(str(killed))


def append_and_export(folder: Path, to: Path, *, is_full: bool) -> NoReturn:
    """Append and export; whatever fails ends this process by itself, which the parent counts."""
    try:
        history = reopened(folder)
        while True:
            history.take(a_reading())
            export(history.root, to, Asked(keep=2, last=not is_full))
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
