"""One real server from its first start to the moment its statistics are asked for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from etl.demo.postgres import running_postgres
from tests.real_unleash import enterprise
from tests.real_unleash.api import STATISTICS, Api
from tests.real_unleash.expected import EDGE_BUCKET_SECONDS
from tests.real_unleash.life import APPS, APPS_WITH_METRICS, PRODUCTION_EVENTS, live
from tests.real_unleash.releases import Release
from tests.real_unleash.rows import Connection, count
from tests.real_unleash.server import ADMIN_TOKENS, UnleashServer, eventually, running_server

SETTLING_SECONDS = 120
# Rows that a server's background jobs write of what life.py did, and how many there must be.
SETTLED = {
    f"client_instances WHERE app_name IN {APPS}": len(APPS),
    "client_metrics_env": 2 * len(APPS_WITH_METRICS),
    "client_metrics_env_variants": 4 * len(APPS_WITH_METRICS),
    "generate_series(1, (SELECT updates FROM stat_environment_updates"
    " WHERE environment = 'production'))": PRODUCTION_EVENTS,
}


@dataclass(frozen=True)
class LivedIn:
    """A running server with a whole life in its database, and what its endpoint said of it."""

    release: Release
    server: UnleashServer
    database_url: str
    lived_at: datetime
    answer: dict[str, Any]

    def ask(self) -> dict[str, Any]:
        """Return the endpoint's answer of this moment."""
        with Api(self.server.url, ADMIN_TOKENS[0]) as admin:
            answer: dict[str, Any] = admin.get(STATISTICS)
            return answer

    def execute(self, statement: str) -> None:
        """Change something in the database, behind the server's back."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def lived_in(release: Release, folder: Path) -> Iterator[LivedIn]:
    """Run `release` on a PostgreSQL of its own, live a life, restart, and ask the endpoint."""
    with running_postgres(major=release.postgres_major) as postgres:
        url = postgres.create_database("unleash")
        with running_server(release, url, folder / f"unleash-{release}.log") as server:
            live(server)
            _wait_until_settled(url)
            server.stop()
            wait_for_calm(seconds=60)
            lived_at = enterprise.complete(url, release)
            server.start()
            answer = LivedIn(release, server, url, lived_at, {}).ask()
            yield LivedIn(release, server, url, lived_at, answer)


def wait_for_calm(*, seconds: float) -> None:
    """Return when no statistic changes by the clock for so many seconds.

    Edge usage changes every five minutes, and days and months begin with such a change.
    """
    left = EDGE_BUCKET_SECONDS - time.time() % EDGE_BUCKET_SECONDS
    if left < seconds:
        time.sleep(left + 1)


def _wait_until_settled(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for rows, number in SETTLED.items():
            eventually(
                rows, partial(_are_there, connection, rows, number), seconds=SETTLING_SECONDS
            )


def _are_there(connection: Connection, rows: str, number: int) -> bool:
    return count(connection, rows) >= number
