"""The parent of an embedded PostgreSQL: ends the server, and its folder, when we end.

Run as a script of its own, so that it outlives us by a moment even when we are
killed with SIGKILL. Its standard input is a pipe whose other end only we hold:
the end of that pipe means stop, on Linux and macOS alike. It uses the standard
library alone and imports nothing of ours.

    python watchdog.py DIRECTORY UID GID PROGRAM ARGUMENT…        (UID, GID: "-" for our own)
"""

import os
import shutil
import signal
import subprocess
import sys
import threading


def main(directory: str, uid: str, gid: str, *command: str) -> int:
    """Run `command` until it ends by itself or our input ends; return its exit code."""
    server = subprocess.Popen(  # noqa: S603 - the command line is our launcher's
        command,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        user=None if uid == "-" else int(uid),
        group=None if gid == "-" else int(gid),
        extra_groups=None if uid == "-" else [],
    )
    abandoned = threading.Event()
    threading.Thread(target=_quit_at_end_of_input, args=(server, abandoned), daemon=True).start()
    code = server.wait()
    if abandoned.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    return code


def _quit_at_end_of_input(server: subprocess.Popen[bytes], abandoned: threading.Event) -> None:
    # os.read(), not sys.stdin: a thread waiting inside sys.stdin breaks the interpreter's exit.
    os.read(0, 1)
    abandoned.set()
    # Immediate shutdown: the data is about to be removed, nothing is worth a checkpoint.
    server.send_signal(signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
