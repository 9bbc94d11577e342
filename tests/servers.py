"""Real PostgreSQL for tests: one server a worker, a database of its own for each test.

The fixtures, from the emptiest to the fullest: `postgres`, `database`, `unleash`, `lived_in`.
Filled databases are copies of a template that is made once a worker.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
import pytest

from etl.demo.database import create_fresh_database, create_unleash_database
from etl.demo.postgres import Server, running_postgres

Copy = Callable[[str | None], AbstractContextManager["Database"]]


@dataclass(frozen=True)
class Database:
    """One database of a test; what it does, it does as the superuser."""

    name: str
    server: Server

    @property
    def url(self) -> str:
        """Return the superuser's URL."""
        return self.server.url(self.name)

    def url_of(self, user: str, password: str | None = None) -> str:
        """Return the URL of another role."""
        return self.server.url(self.name, user=user, password=password)

    def execute(self, sql: str) -> None:
        """Run one or many statements in one transaction."""
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one query and return its rows."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql.encode()).fetchall()

    def value(self, sql: str) -> Any:
        """Run a query for a single value."""
        ((only,),) = self.rows(sql)
        return only


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL 18 for the whole session of this worker."""
    with running_postgres(major=18) as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: Server) -> Copy:
    """Make a database, empty or a copy of a template, for a `with` block."""
    numbers = count(1)

    @contextmanager
    def make(template: str | None) -> Iterator[Database]:
        database = Database(f"test_{next(numbers)}", postgres)
        postgres.create_database(database.name, template)
        yield database
        postgres.drop_database(database.name)

    return make


@pytest.fixture
def database(new_database: Copy) -> Iterator[Database]:
    """A fresh and empty database."""
    with new_database(None) as made:
        yield made


@pytest.fixture(scope="session")
def unleash_template(postgres: Server) -> str:
    """The name of a database as Unleash 8.2.0 leaves it after its migrations."""
    create_fresh_database(postgres.create_database("unleash_template"), datetime.now(UTC))
    return "unleash_template"


@pytest.fixture
def unleash(new_database: Copy, unleash_template: str) -> Iterator[Database]:
    """A database as Unleash 8.2.0 leaves it after its migrations."""
    with new_database(unleash_template) as made:
        yield made


@pytest.fixture(scope="session")
def lived_in_template(postgres: Server) -> str:
    """The name of a database with the demo's three years of life up to now."""
    create_unleash_database(postgres.create_database("lived_in_template"), datetime.now(UTC))
    return "lived_in_template"


@pytest.fixture
def lived_in(new_database: Copy, lived_in_template: str) -> Iterator[Database]:
    """A database with the demo's three years of life up to now."""
    with new_database(lived_in_template) as made:
        yield made
