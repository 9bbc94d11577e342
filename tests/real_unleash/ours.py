"""Tallybook's answer, had the way a user has it: with the installed command and its own role."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg
from psycopg import sql

TALLYBOOK = Path(sys.executable).with_name("tallybook")
ROLE = "tallybook"
PASSWORD = "a-password-for-one-test"
SOURCE = "prod"
DEADLINE_SECONDS = 60
OK, PARTIAL = 0, 3


class CommandFailed(Exception):
    """`tallybook` ended with an exit code that the test does not expect."""


@dataclass(frozen=True)
class Tallybook:
    """Tallybook for one instance; `folder` keeps its settings and history between the calls."""

    database_url: str
    server_url: str
    folder: Path

    def answer(self, *, knows_server: bool = True) -> dict[str, object]:
        """Take a snapshot and return it as `show --json` does, told of the server or not."""
        if knows_server:
            return tallybook_answer(self.database_url, self.folder / "told", self.server_url)
        return tallybook_answer(self.database_url, self.folder / "untold")


def tallybook_answer(
    database_url: str, home: Path, server_url: str | None = None
) -> dict[str, object]:
    """Take a snapshot of a database and return what `tallybook show --json` prints of it."""
    config = home / "tallybook.toml"
    if not config.exists():
        _set_up(database_url, home, server_url)
    url = _as_role(database_url)
    # A malformed row makes a snapshot partial: its statistic is named, and the others are there.
    _tallybook("--config", config, "snapshot", url=url, accepted=(OK, PARTIAL))
    shown = _tallybook("--config", config, "show", "--json", url=url)
    return msgspec.json.decode(shown, type=dict[str, object])


def _set_up(database_url: str, home: Path, server_url: str | None) -> None:
    """Let the superuser create the role of least privilege; that role does all the rest."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        roles = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchall()
        if not roles:
            _create_role(connection, _grants(database_url, home.with_name("superuser")))
    server = ("--server-url", f"{SOURCE}={server_url}") if server_url else ()
    _initialise(home, _as_role(database_url), *server)


def _grants(database_url: str, home: Path) -> str:
    _initialise(home, database_url)
    config = home / "tallybook.toml"
    return _tallybook("--config", config, "grants", "--source", SOURCE, url=database_url)


def _create_role(connection: psycopg.Connection[tuple[object, ...]], grants: str) -> None:
    connection.execute(grants.encode())
    password = sql.SQL("ALTER ROLE {} PASSWORD {}")
    connection.execute(password.format(sql.Identifier(ROLE), sql.Literal(PASSWORD)))


def _initialise(folder: Path, url: str, *options: str) -> None:
    source = f"{SOURCE}={_without_password(url)}"
    _tallybook("init", folder, "--source", source, *options, url=url)


def _tallybook(*words: str | Path, url: str, accepted: tuple[int, ...] = (OK,)) -> str:
    """Run the installed command with the password of `url`, and return its standard output."""
    done = subprocess.run(
        [TALLYBOOK, *words],
        env={**os.environ, "PGPASSWORD": urlsplit(url).password or ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    if done.returncode not in accepted:
        command = " ".join(map(str, words))
        raise CommandFailed(f"tallybook {command}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def _as_role(url: str) -> str:
    return _with_user(url, f"{ROLE}:{PASSWORD}")


def _without_password(url: str) -> str:
    return _with_user(url, urlsplit(url).username or "")


def _with_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}"))
