"""Somebody at a terminal: types into the installed command, and waits for what is to appear."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

from tests.command import TALLYBOOK, environment

_STEERING = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()][0-9A-Za-z]?)|\r")
# Ctrl-C reaches only those whose terminal it is.
_AT_THIS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
ENTER, TAB, CTRL_C, CTRL_D, UP = "\r", "\t", "\x03", "\x04", "\x1b[A"


class Terminal:
    """A command at a terminal of 120 columns, and all that it has shown."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process = process
        self._screen = screen
        self._seen = 0
        self.raw = ""

    @property
    def shown(self) -> str:
        return _STEERING.sub("", self.raw)

    def type(self, *keys: str) -> None:
        os.write(self._screen, "".join(keys).encode())

    def see(self, text: str, *, seconds: float = 30) -> str:
        """Wait until `text` appears, after what was seen before; return all up to its end."""
        end = time.monotonic() + seconds
        while (place := self.shown.find(text, self._seen)) < 0:
            assert time.monotonic() < end, f"no {text!r} in {self.shown[self._seen :]!r}"
            self._read(0.1)
        found = self.shown[self._seen : place + len(text)]
        self._seen = place + len(text)
        return found

    def leave(self) -> int:
        """Wait for the end of the command; return its exit code."""
        while self.process.poll() is None:
            self._read(0.1)
        return self.process.returncode

    def _read(self, seconds: float) -> None:
        if select.select([self._screen], [], [], seconds)[0]:
            # At the end of a terminal reading it fails.
            with suppress(OSError):
                self.raw += os.read(self._screen, 65536).decode(errors="replace")


@contextmanager
def at_a_terminal(*words: str, cwd: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run `tallybook` at a terminal of its own."""
    screen, keyboard = pty.openpty()
    ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    plain = {name: value for name, value in environment(env).items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_THIS_TERMINAL, TALLYBOOK, *words],
        cwd=cwd,
        # Nobody answers here where the cursor is.
        env={"TERM": "xterm", **plain, "PROMPT_TOOLKIT_NO_CPR": "1"},
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        start_new_session=True,
    )
    os.close(keyboard)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
