"""The daemon as a process: started, watched, told to stop; and a history in which a slot is due."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etl.run import open_log
from etl.settings import load_settings
from etl.snapshot import NewSchedule
from tests.command import TALLYBOOK, environment
from tests.histories import History, a_history
from warehouse.payload import Missed, Snapshot

# Once a year, an hour ago: due once, and not again while a test lasts.
AN_HOUR_AGO = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
ONCE = f"{AN_HOUR_AGO.minute} {AN_HOUR_AGO.hour} {AN_HOUR_AGO.day} {AN_HOUR_AGO.month} *"
PATIENCE = 30


def due_history(folder: Path, *, daemon: Mapping[str, Any] | None = None, **urls: str) -> History:
    """A history whose sources have one slot due, an hour ago; `daemon` are keys of the table."""
    history = a_history(folder, **urls)
    keys = {"schedule": ONCE, "listen": f"127.0.0.1:{free_port()}", **(daemon or {})}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    file = folder / "tallybook.toml"
    file.write_text(f"{file.read_text()}\n[daemon]\n{lines}")
    declare(history, *urls)
    return history


def declare(history: History, *sources: str) -> None:
    """Declare the schedule since yesterday, as a daemon would have that began then."""
    yesterday = AN_HOUR_AGO - timedelta(days=1)
    log = open_log(load_settings(history.folder / "tallybook.toml"))
    log.append([NewSchedule(source, ONCE, "UTC", yesterday) for source in sources])


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def slots(history: History, source: str = "prod") -> list[str]:
    """What became of the slots of a source."""
    found = []
    for payload in history.payloads():
        if isinstance(payload, Missed) and payload.instance.name == source:
            found.append(f"missed: {payload.reason}")
        if isinstance(payload, Snapshot) and payload.instance.name == source and payload.due_at:
            found.append("snapshot")
    return found


@dataclass
class Daemon:
    """A running daemon; `lines` are what it said so far."""

    history: History
    process: subprocess.Popen[str]
    log: Path
    address: tuple[str, int] | None

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until it has said this."""
        wait_until(lambda: any(text in line for line in self.lines), f"{text!r} in the log", self)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """End it by a signal; return its exit code and how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE), time.monotonic() - began

    def get(self, address: str) -> tuple[int, str]:
        """Ask over HTTP."""
        assert self.address
        host, port = self.address
        try:
            with urllib.request.urlopen(f"http://{host}:{port}{address}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def wait_until(holds: Callable[[], object], what: str, daemon: Daemon | None = None) -> None:
    """Wait until something holds, or fail with what the daemon said."""
    end = time.monotonic() + PATIENCE
    while not holds():
        ended = daemon and daemon.process.poll() is not None and not holds()
        if time.monotonic() > end or ended:
            said = "\n".join(daemon.lines) if daemon else ""
            raise AssertionError(f"expected {what} within {PATIENCE} s\n{said}")
        time.sleep(0.05)


@contextmanager
def running(history: History, env: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """Run a daemon of this history for as long as a `with` block lasts."""
    log = history.folder / f"daemon-{time.monotonic_ns()}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [TALLYBOOK, "daemon"],
            cwd=history.folder,
            env=environment(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            text=True,
        )
    try:
        settings = load_settings(history.folder / "tallybook.toml")
        yield Daemon(history, process, log, settings.daemon.address)
    finally:
        process.kill()
        process.wait()


@contextmanager
def listening(folder: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Be a systemd that listens: the address of its socket, and what came so far."""
    path = folder / "notify"
    came: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        end.setblocking(False)

        def lines() -> list[str]:
            while True:
                try:
                    came.extend(end.recv(4096).decode().splitlines())
                except BlockingIOError:
                    return came

        yield str(path), lines
    path.unlink()
