"""One daemon for a history: a lock that the operating system frees, however its holder ends.

The writers' lock is another one, held for the length of a commit: a snapshot by hand works
while the daemon runs.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from warehouse.errors import Locked
from warehouse.files import exclusive_lock

DAEMON_LOCK: Final = "daemon.lock"


@contextmanager
def only_daemon(state: Path) -> Iterator[None]:
    """Be the only daemon of this history, or raise Locked with the other's process id."""
    try:
        with exclusive_lock(state / DAEMON_LOCK, wait_seconds=0):
            yield
    except Locked:
        holder = holder_of(state)
        raise Locked(
            f"another daemon keeps this history: process {holder or 'unknown'}",
            hint="One is enough. How it stands: tallybook status",
        ) from None


def holder_of(state: Path) -> int | None:
    """The process id of the daemon that runs; None where none does."""
    try:
        descriptor = os.open(state / DAEMON_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared: two who look at the same time must not take each other for a daemon.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        found = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        return int(found) if found.isdigit() else None
    finally:
        os.close(descriptor)
    return None
