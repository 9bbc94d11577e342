"""A change of keys that is killed at every write: `python -m tests.killed_rotation FOLDER TO`.

FOLDER is a history. For each write of a rotation (a file opened to write, a link, a rename, a
removal) it is copied into TO, and a fork of this process rotates there and dies right before
that write. Prints as JSON what each of them was about to do.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

from etl.keys.succession import InPlace, change_key
from etl.run import open_log
from etl.settings import load_settings

KILLED: Final = 77
_CHANGES: Final = {"os.link", "os.rename", "os.remove", "os.truncate"}


def main(history: str, folder: str) -> None:
    """Kill one rotation per write, until one is whole."""
    told: list[str] = []
    while True:
        place = Path(folder) / str(len(told))
        shutil.copytree(history, place)
        code, about = attempt(place, len(told))
        if code != KILLED:
            sys.stdout.write(json.dumps({"whole": code == 0, "killed_before": told}))
            return
        told.append(about)


def attempt(place: Path, writes: int) -> tuple[int, str]:
    """Rotate in a process that survives so many writes; how it ended, and before what."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        rotate_until_killed(place, writes, writable)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        about = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), about


def rotate_until_killed(place: Path, writes: int, tell: int) -> NoReturn:
    """Rotate the keys of the history in `place`, and die before the write after `writes`."""
    left = writes

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if not is_write(event, arguments) or str(place) not in str(arguments):
            return
        if left == 0:
            os.write(tell, f"{event} {Path(arguments[0]).name}".encode())
            os._exit(KILLED)
        left -= 1

    try:
        settings = load_settings(place / "tallybook.toml")
        sys.addaudithook(watch)
        change_key(settings, open_log(settings), InPlace(settings.signing_key))
        os._exit(0)
    finally:
        os._exit(1)


def is_write(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether this is about to change something on the disk."""
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _CHANGES


if __name__ == "__main__":
    main(*sys.argv[1:])
