"""Fill an Unleash 8.2 database with years of a large company's life, in minutes.

    python tests/benchmarks/large_database.py postgresql://postgres@127.0.0.1/big [SCALE]

The database must already have the schema of a real server and its first rows, nothing else.
At scale 1: 100k users, 20k flags, 60k strategies, 5M events, 5M hourly metric rows over 48 hours,
3 years of daily statistics and 14 months of edge presence. All rows are made by the server itself,
in one transaction: a database is filled or it is untouched. Needs a superuser, because the triggers
and foreign keys of 5M rows would take longer than the rows.
"""

import sys
from pathlib import Path

import psycopg

LARGE_DATABASE = Path(__file__).with_suffix(".sql")


def fill(url: str, scale: float = 1.0) -> None:
    """Insert everything, then collect statistics and mark pages visible, as autovacuum would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SELECT set_config('benchmark.scale', %s, false)", [str(scale)])
        connection.execute(LARGE_DATABASE.read_bytes())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    fill(sys.argv[1], *map(float, sys.argv[2:]))
