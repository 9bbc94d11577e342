"""Telling systemd how the service is: sd_notify's protocol, a line to a datagram socket."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Supervisor:
    """Whoever started us and wants to hear; `address` is None where nobody does."""

    address: str | None = None
    watchdog: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Supervisor":
        """Find it as systemd announces it."""
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(environment.get("NOTIFY_SOCKET"), ours and "WATCHDOG_USEC" in environment)

    def ready(self) -> None:
        """Say that everything works."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Say how it goes, in a line for people."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Say that the work goes on; without it we are taken for dead."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the settings are read again; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if not self.address:
            return
        # A name that begins with @ is in Linux's abstract space.
        name = self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(line.encode(), name)
