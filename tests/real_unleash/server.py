"""One real Unleash server, as a process on a loopback port and a database of its own.

The server migrates its database when it starts. It is stopped by its process id, also when the
test in between fails or dies, and what it printed stays in its log file.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx

from tests.real_unleash import expected
from tests.real_unleash.install import node_for, server_script
from tests.real_unleash.releases import Release

# Only the very first start makes admin tokens; over HTTP nobody may create one any more.
ADMIN_TOKENS = [f"*:*.admin-secret-{number}" for number in range(expected.ADMIN_TOKENS)]
END_WITH_PARENT = Path(__file__).with_name("end_with_parent.cjs")
START_DEADLINE_SECONDS = 120
STOP_DEADLINE_SECONDS = 20
NO_LIMIT = "100000"
RATE_LIMITS = (
    "CREATE_USER_RATE_LIMIT_PER_MINUTE",
    "SIMPLE_LOGIN_LIMIT_PER_MINUTE",
    "PASSWORD_RESET_LIMIT_PER_MINUTE",
    "REGISTER_CLIENT_RATE_LIMIT_PER_MINUTE",
    "CLIENT_METRICS_RATE_LIMIT_PER_MINUTE",
    "REGISTER_FRONTEND_RATE_LIMIT_PER_MINUTE",
    "FRONTEND_METRICS_RATE_LIMIT_PER_MINUTE",
    "SIGNAL_ENDPOINT_RATE_LIMIT_PER_SECOND",
)

Found = TypeVar("Found")


class NotInTime(Exception):
    """Something awaited of a real server did not happen before its deadline."""


def eventually(what: str, probe: Callable[[], Found | None], *, seconds: float) -> Found:
    """Return the first answer of `probe` that is true; ask until `seconds` are over.

    Raises: NotInTime, naming `what` was awaited.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.1)
    raise NotInTime(f"{what}: not within {seconds:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class UnleashServer:
    """A server of `release` over `database_url`; start, stop and restart it at will."""

    release: Release
    database_url: str
    log: Path
    port: int = field(default_factory=_free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and return when it answers its health check."""
        node, script = node_for(self.release), server_script(self.release)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [node, "--require", END_WITH_PARENT, script],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        eventually(
            f"health of Unleash {self.release}", self._healthy, seconds=START_DEADLINE_SECONDS
        )

    def stop(self) -> None:
        """Ask the server to end, which makes it write what it still holds in memory."""
        process, self._process = self._process, None
        if process is None:
            return
        # Leaving the block closes the standard input and waits.
        with process:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def restart(self) -> None:
        """Stop and start again on the same port: every cache of the server is empty after."""
        self.stop()
        self.start()

    def _healthy(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            said = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Unleash {self.release} ended at its start; it said: {said}")
        try:
            return (
                httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code
                == httpx.codes.OK
            )
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DATABASE_URL": self.database_url,
            "DATABASE_SSL": "false",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self.port),
            "INIT_ADMIN_API_TOKENS": ",".join(ADMIN_TOKENS),
            "CHECK_VERSION": "false",
            "SEND_TELEMETRY": "false",
            "ENABLE_OAS": "true",
            "LOG_LEVEL": "warn",
            "TZ": "UTC",
            **dict.fromkeys(RATE_LIMITS, NO_LIMIT),
        }


@contextmanager
def running_server(release: Release, database_url: str, log: Path) -> Iterator[UnleashServer]:
    """Start a server of `release` on an empty (or its own) database; stop it at the end."""
    server = UnleashServer(release, database_url, log)
    try:
        server.start()
        yield server
    finally:
        server.stop()
