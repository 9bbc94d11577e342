"""The role that `tallybook grants` makes, and readings taken as that role.

Every test of the extraction reads as this role: what it may not see, the product cannot need.
"""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from etl.access import grants_for_source
from etl.catalogue import UNLEASH
from etl.reading import read
from etl.settings import SourceSettings
from etl.snapshot import Reading
from etl.source import Source
from etl.statistic import Catalogue
from tests.servers import Database

ROLE = "tallybook"
PASSWORD = "a password for one test"


@dataclass(frozen=True)
class Reader:
    """The least-privilege role on one database."""

    database: Database

    @property
    def url(self) -> str:
        """Return the role's URL, its password included."""
        return self.database.url_of(ROLE, PASSWORD)

    @property
    def address(self) -> str:
        """Return the URL as messages show it."""
        return self.database.url_of(ROLE).replace("@", ":***@")

    def settings(self, **changes: Any) -> SourceSettings:
        """Return the settings of a source called prod that is this database."""
        return replace(SourceSettings("prod", self.url), **changes)

    def source(self, **changes: Any) -> Source:
        """Return that source."""
        return Source(self.settings(**changes))

    def read(self, catalogue: Catalogue = UNLEASH, **changes: Any) -> Reading:
        """Take a reading."""
        return read(self.source(**changes), catalogue)


def grants_of(
    database: Database, *, functions: bool = True, schema: str = "public", role: str = ROLE
) -> str:
    """Return the SQL that `tallybook grants` prints for a database as it is now."""
    settings = SourceSettings("prod", database.url, schema=schema)
    return grants_for_source(settings, role, None, None, functions=functions)


def let_in(database: Database, *, functions: bool = True, schema: str = "public") -> Reader:
    """Run the grants as an administrator would, and give the role a password."""
    database.execute(grants_of(database, functions=functions, schema=schema))
    database.execute(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")
    return Reader(database)


@pytest.fixture
def reader(unleash: Database) -> Reader:
    """The role on a fresh Unleash 8.2.0 database."""
    return let_in(unleash)


@pytest.fixture
def lived_in_reader(lived_in: Database) -> Reader:
    """The role on a database with three years of life."""
    return let_in(lived_in)
