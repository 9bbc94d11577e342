"""A PostgreSQL of our own for as long as a `with` block lasts, on loopback only.

    with running_postgres(major=18) as server:
        url = server.create_database("unleash")

The server lives in one new folder of the temporary directory and nowhere else.
When the block ends, and also when this process is killed, the server stops and
the folder is removed (watchdog.py). It is made to be fast and thrown away:
nothing is flushed to disk unless `settings` says so.
"""

import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from etl.demo import watchdog
from etl.demo.binaries import (
    EmbeddedPostgresFailure,
    ServerUser,
    environment,
    runnable_installation,
    server_user,
)

HOST = "127.0.0.1"
SUPERUSER = "postgres"

FAST_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # /dev/shm is 64 MB in a container: too small for parallel queries, and outside our folder.
    "dynamic_shared_memory_type": "mmap",
}

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_PORT_ATTEMPTS = 5
# The path of a socket has 104 bytes on macOS and 108 on Linux, its final NUL included.
_LONGEST_SOCKET_PATH = 100


class PortTaken(EmbeddedPostgresFailure):
    """Another process took the free port before the server did; try again."""


@dataclass(frozen=True)
class Server:
    """A running server; every method acts as its superuser."""

    port: int
    password: str = field(repr=False)
    directory: Path
    psql: Path
    host: str = HOST
    user: str = SUPERUSER

    @property
    def log_path(self) -> Path:
        """Return the server's log, which goes when the server does."""
        return self.directory / "postgres.log"

    @property
    def pid(self) -> int:
        """Return the process id of the postmaster."""
        return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])

    def url(
        self, database: str = "postgres", *, user: str | None = None, password: str | None = None
    ) -> str:
        """Return a URL for `database`, the superuser's unless `user` is given."""
        secret = password if password is not None else self.password if user is None else ""
        who = quote(user or self.user, safe="") + (f":{quote(secret, safe='')}" if secret else "")
        return f"postgresql://{who}@{self.host}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, copied from `template` where given, and return its URL."""
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            # Copying files beats replaying them through the log; nobody waits for a disk here.
            clause = sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
            command = command + clause
        self._command(command)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and everyone connected to it; a missing one is dropped already."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._command(drop.format(sql.Identifier(name)))

    def _command(self, command: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(command)


@contextmanager
def running_postgres(
    major: int = 18, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start PostgreSQL `major` (16 or 18), hand it over once it answers, stop it at the end.

    `settings` are added to FAST_SETTINGS and win over them.

    Raises: EmbeddedPostgresFailure, with the tail of the server's log where there is one.
    """
    user = server_user()
    directory = _new_directory(user)
    try:
        install = runnable_installation(major, user, directory)
        password = secrets.token_urlsafe(18)
        _initialise(install, user, directory, password)
        server, parent = _start(install, user, directory, password, settings or {})
        try:
            yield server
        finally:
            _stop(parent)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _new_directory(user: ServerUser) -> Path:
    # A private TMPDIR of root's is no place for another user's server.
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108
        directory = Path(tempfile.mkdtemp(prefix="tallybook-postgres-", dir=parent)).resolve()
        if user.can_reach(directory):
            user.own(directory)
            return directory
        directory.rmdir()
    raise EmbeddedPostgresFailure(
        "no temporary directory is open to the user `nobody`, who runs the embedded PostgreSQL",
        hint="Set TMPDIR to a directory whose parents everyone may pass.",
    )


def _initialise(install: Path, user: ServerUser, directory: Path, password: str) -> None:
    password_file = directory / "password"
    password_file.touch(0o600)
    password_file.write_text(password)
    user.own(password_file)
    made = user.run(
        [
            *(install / "bin" / "initdb", "--pgdata", directory / "data"),
            *("--username", SUPERUSER, "--pwfile", password_file, "--auth", "scram-sha-256"),
            *("--no-locale", "--encoding", "UTF8", "--no-sync", "--no-instructions"),
        ],
        directory,
    )
    password_file.unlink()
    if made.returncode != 0:
        raise EmbeddedPostgresFailure(f"initdb failed: {made.stderr.strip()}")


def _start(
    install: Path, user: ServerUser, directory: Path, password: str, settings: Mapping[str, str]
) -> tuple[Server, subprocess.Popen[bytes]]:
    for _ in range(_PORT_ATTEMPTS):
        server = Server(_free_port(), password, directory, install / "bin" / "psql")
        parent = _launch(install, user, server, settings)
        try:
            _wait_until_ready(server, parent)
        except PortTaken:
            _stop(parent)
        except BaseException:
            _stop(parent)
            raise
        else:
            return server, parent
    raise EmbeddedPostgresFailure(f"no free port kept free in {_PORT_ATTEMPTS} attempts")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _launch(
    install: Path, user: ServerUser, server: Server, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    places = {
        "listen_addresses": HOST,
        "port": str(server.port),
        "unix_socket_directories": _socket_directory(server.directory),
    }
    all_settings = {**FAST_SETTINGS, **settings, **places}
    flags = [f"--{name}={value}" for name, value in all_settings.items()]
    who = ["-" if number is None else str(number) for number in (user.uid, user.gid)]
    postgres = [str(install / "bin" / "postgres"), "-D", str(server.directory / "data"), *flags]
    # Never the current folder's modules, never a keyboard's Ctrl-C: -I and a session of its own.
    with server.log_path.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - ourselves, with arguments of our own
            [
                *(sys.executable, "-I", "-S", watchdog.__file__),
                *(str(server.directory), *who, *postgres),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment(),
            start_new_session=True,
        )


def _socket_directory(directory: Path) -> str:
    longest = len(str(directory / ".s.PGSQL.65535").encode())
    usable = longest <= _LONGEST_SOCKET_PATH and re.fullmatch(r"[\w/.-]+", str(directory))
    return str(directory) if usable else ""


def _wait_until_ready(server: Server, parent: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if parent.poll() is not None:
                raise _early_exit(server, parent.returncode) from None
            if time.monotonic() > deadline:
                silent = f"the embedded PostgreSQL did not answer in {_START_SECONDS:.0f} s"
                raise EmbeddedPostgresFailure(f"{silent}: {error}\n{_tail(server)}") from error
            time.sleep(0.02)
        else:
            return


def _early_exit(server: Server, code: int) -> EmbeddedPostgresFailure:
    tail = _tail(server)
    kind = PortTaken if "could not bind" in tail else EmbeddedPostgresFailure
    return kind(f"the embedded PostgreSQL ended with exit code {code}:\n{tail}")


def _tail(server: Server, lines: int = 15) -> str:
    return "\n".join(server.log_path.read_text(errors="replace").splitlines()[-lines:])


def _stop(parent: subprocess.Popen[bytes]) -> None:
    if parent.stdin is not None:
        parent.stdin.close()
    try:
        parent.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        parent.kill()
        parent.wait()
