"""`tallybook demo`: the whole product in under a minute, on a database of its own.

Everything is done with the commands a user would type, run for real and shown.
The server ends with the demo; the history it made stays.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import psycopg

from etl.access import grants_for_release
from etl.demo.database import live_days
from etl.demo.postgres import Server, running_postgres
from warehouse.errors import BadInput, Failure

_MARK: Final = ".made-by-tallybook-demo"
_ROLE: Final = "tallybook"
_PASSWORD: Final = "only-for-the-demo"  # noqa: S105  # of a server that lives for a minute
_DAYS: Final = 7


def tell_story(folder: Path) -> None:
    """Run the demo and leave its settings and history in `folder`.

    Raises BadInput when the folder holds something else, and Failure when a step fails.
    """
    began = time.monotonic()
    _make_room(folder)
    with running_postgres() as server:
        stage = _Stage(folder, server)
        for scene in (_database, _role, _history, _week, _questions):
            scene(stage)
    _goodbye(folder, time.monotonic() - began)


class _Stage:
    """Where the story plays: a folder, a server, and a way to say things."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.days: Callable[[], object] = lambda: None

    def say(self, text: str) -> None:
        click.secho(f"\n── {text}", bold=True)

    def type(self, *words: str, show: str | None = None, at_home: bool = True) -> None:
        """Type a command, as a user would, and show what it answers."""
        shown = show or " ".join(["tallybook", *words])
        click.secho(f"$ {shown}", fg="green")
        sys.stdout.flush()
        home = self.folder if at_home else Path.cwd()
        done = subprocess.run([_command(), *words], cwd=home, env=_environment(), check=False)  # noqa: S603  # our own command
        if done.returncode not in (0, 3):
            raise Failure(f"the demo stopped: {shown!r} ended with exit code {done.returncode}")


def _database(stage: _Stage) -> None:
    stage.say("An Unleash database that has been lived in for three years")
    url = stage.server.create_database("unleash")
    click.echo(f"PostgreSQL on {stage.server.host}:{stage.server.port}, for this demo only")
    week = live_days(url, datetime.now(UTC), _DAYS)
    stage.days = lambda: next(week)
    stage.days()


def _role(stage: _Stage) -> None:
    stage.say("A role that may read what is counted, and nothing else")
    click.secho("$ tallybook grants --for 8.2 | psql unleash", fg="green")
    sql = grants_for_release("8.2", _ROLE, "unleash", "public")
    with psycopg.connect(stage.server.url("unleash"), autocommit=True) as admin:
        admin.execute(sql.encode())
        admin.execute(f"ALTER ROLE {_ROLE} PASSWORD '{_PASSWORD}'".encode())
    for line in sql.splitlines()[:2]:
        click.echo(line)
    grants = [line for line in sql.splitlines() if line.startswith("GRANT SELECT")]
    click.echo("\n".join([*grants[:3], f"… and {len(grants) - 3} more like these"]))


def _history(stage: _Stage) -> None:
    stage.say("A new history: settings, a signing key, an empty warehouse")
    url = stage.server.url("unleash", user=_ROLE, password=_PASSWORD)
    words = ("init", str(stage.folder), "--source", f"acme={url}", "--origin", "acme.example/demo")
    shown = " ".join(("tallybook", *words)).replace(_PASSWORD, "…")
    stage.type(*words, show=shown, at_home=False)
    (stage.folder / _MARK).touch()
    stage.type("doctor")


def _week(stage: _Stage) -> None:
    stage.say(f"{_DAYS} nights, a snapshot each, while the database lives on")
    stage.type("snapshot")
    for _ in range(_DAYS - 1):
        stage.days()
        stage.type("snapshot")


def _questions(stage: _Stage) -> None:
    stage.say("What is in use now, and what changed since the night before")
    stage.type("show")
    stage.say("How it goes")
    stage.type("trend", "activeUsers.last7", "activeUsers.last30")
    stage.type("trend", "productionChanges.last30")
    stage.say("Any question, in SQL")
    query = (
        "SELECT taken_at, users, activeUsers_last30, featureToggles, productionChanges_last30 "
        "FROM snapshots ORDER BY taken_at"
    )
    stage.type("sql", query, show=f'tallybook sql "{query}"')
    stage.say("Is all of it what was signed?")
    stage.type("verify")


def _goodbye(folder: Path, seconds: float) -> None:
    click.secho(f"\n── Done in {seconds:.0f} s. The server is gone, the history stays.", bold=True)
    click.echo(
        f"Try:   cd {folder}\n"
        f"       {_command()} show --json\n"
        f'       {_command()} sql "SELECT * FROM statistics"\n'
        "Break: change a byte in history/hot/*/*.parquet, then verify again.\n"
        f"Yours: {_command()} init tally --source prod=postgresql://USER@HOST/unleash"
    )


def _make_room(folder: Path) -> None:
    if not folder.exists():
        return
    if (folder / _MARK).exists():
        shutil.rmtree(folder)
    elif not folder.is_dir() or any(folder.iterdir()):
        raise BadInput(
            f"{str(folder)!r} exists and was not made by this demo",
            hint="Name another folder: tallybook demo --to DIR",
        )


def _command() -> str:
    beside = Path(sys.executable).with_name("tallybook")
    return str(beside) if beside.exists() else "tallybook"


def _environment() -> Mapping[str, str]:
    # Settings of the user's own must not lead the demo's commands astray.
    return {k: v for k, v in os.environ.items() if k not in ("TALLYBOOK_CONFIG", "PGSERVICE")}
