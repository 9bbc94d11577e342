"""Fixtures of all tests: real databases, the role that reads them, a world to be attacked."""

from hypothesis import settings

from tests.attack_world import pristine_world, world
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

# How long an example takes says how busy the machine is, not whether the promise holds.
settings.register_profile("tallybook", deadline=None)
settings.load_profile("tallybook")

__all__ = [
    "database",
    "lived_in",
    "lived_in_reader",
    "lived_in_template",
    "new_database",
    "postgres",
    "pristine_world",
    "reader",
    "unleash",
    "unleash_template",
    "world",
]
