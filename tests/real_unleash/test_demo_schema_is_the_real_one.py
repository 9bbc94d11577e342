"""The demo's own schema has the columns that a real 8.2.0 server's migrations make."""

from pathlib import Path

import psycopg
import pytest

from etl.demo.postgres import running_postgres
from tests.real_unleash.releases import UNLEASH_8_2_0
from tests.real_unleash.story import LivedIn

pytestmark = [pytest.mark.real_unleash, pytest.mark.timeout(900)]

SCHEMA = Path(__file__).resolve().parents[2] / "etl" / "demo" / "schema.sql"
COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable
    FROM information_schema.columns WHERE table_schema = 'public'
"""

Column = tuple[object, ...]


@pytest.mark.parametrize(
    "instance",
    [pytest.param(UNLEASH_8_2_0, marks=pytest.mark.xdist_group(str(UNLEASH_8_2_0)))],
    indirect=True,
    ids=str,
)
def test_every_column_is_as_the_migrations_make_it(instance: LivedIn) -> None:
    with running_postgres(major=UNLEASH_8_2_0.postgres_major) as postgres:
        demo = postgres.create_database("demo")
        with psycopg.connect(demo) as connection:
            connection.execute(SCHEMA.read_bytes())
        ours = _columns(demo)

    real = _columns(instance.database_url)

    tables = {column[0] for column in ours}
    assert tables
    assert ours == {column for column in real if column[0] in tables}


def _columns(database_url: str) -> set[Column]:
    with psycopg.connect(database_url) as connection:
        return set(connection.execute(COLUMNS).fetchall())
