"""A real PgBouncer in front of a server, for as long as a `with` block lasts."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from etl.demo.binaries import server_user
from tests.readers import PASSWORD, ROLE
from tests.servers import Database

REQUIRED = "TALLYBOOK_REQUIRE_REAL_UNLEASH"
# Debian keeps daemons where a user's PATH does not look.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = {size}
"""


def require_program() -> None:
    """Skip the test where there is no PgBouncer; fail it where there has to be one."""
    if PROGRAM is None:
        missing = "pgbouncer is not installed (Debian: apt-get install pgbouncer)"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


@contextmanager
def bounced(database: Database, *, mode: str = "transaction", size: int = 1) -> Iterator[Database]:
    """Give the database as it is seen through a PgBouncer of its own."""
    with tempfile.TemporaryDirectory(prefix="tallybook-pgbouncer-") as name:
        port = _free_port()
        _write_settings(Path(name), database.server.port, port, mode, size)
        process = _start(Path(name))
        try:
            _wait_for(port, process)
            yield replace(database, server=replace(database.server, port=port))
        finally:
            process.terminate()
            process.wait()


def _write_settings(folder: Path, server_port: int, port: int, mode: str, size: int) -> None:
    settings = SETTINGS.format(
        server_port=server_port, port=port, folder=folder, mode=mode, size=size
    )
    (folder / "pgbouncer.ini").write_text(settings)
    (folder / "users.txt").write_text(f'"{ROLE}" "{PASSWORD}"\n')
    server_user().own(folder, *folder.iterdir())


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    user = server_user()
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        # It refuses to run as root, like PostgreSQL.
        return subprocess.Popen(
            [PROGRAM, folder / "pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user.uid,
            group=user.gid,
            extra_groups=None if user.uid is None else [],
        )


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"PgBouncer did not start: exit code {process.poll()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
