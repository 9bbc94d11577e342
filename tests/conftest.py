"""Fixtures of all tests: real PostgreSQL databases, and the role that reads them."""

from tests.readers import lived_in_reader, reader
from tests.servers import (
    database,
    lived_in,
    lived_in_template,
    new_database,
    postgres,
    unleash,
    unleash_template,
)

__all__ = [
    "database",
    "lived_in",
    "lived_in_reader",
    "lived_in_template",
    "new_database",
    "postgres",
    "reader",
    "unleash",
    "unleash_template",
]
