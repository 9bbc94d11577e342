"""Through a real PgBouncer in transaction mode: same numbers, timeouts in force, nothing leaks."""

from pathlib import Path

import psycopg
import pytest

from tests.bouncers import bounced, require_program
from tests.histories import a_history
from tests.readers import Reader
from tests.test_consistency import locked
from warehouse.errors import SourceFailure

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _pgbouncer_is_here() -> None:
    require_program()


def session_of(reader: Reader) -> tuple[int, list[tuple[str, str]]]:
    """Ask, as the next client, which server process it gets and what is set in its session."""
    with psycopg.connect(reader.url, prepare_threshold=None, autocommit=True) as connection:
        rows = connection.execute("""
            SELECT name, setting FROM pg_settings WHERE name <> 'application_name'
            ORDER BY name
        """).fetchall()
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    return int(pid), [(str(name), str(setting)) for name, setting in rows]


@pytest.mark.parametrize(("size", "parallel"), [(1, 1), (4, 4)])
def test_it_reads_the_same_as_without(lived_in_reader: Reader, size: int, parallel: int) -> None:
    direct = lived_in_reader.read()

    with bounced(lived_in_reader.database, size=size) as database:
        reading = Reader(database).read(parallel=parallel)

    assert reading.stats == direct.stats
    assert reading.names == direct.names
    assert reading.unavailable == []


def test_a_pool_smaller_than_asked_for_costs_time_only(lived_in_reader: Reader) -> None:
    direct = lived_in_reader.read()

    with bounced(lived_in_reader.database, size=2) as database:
        reading = Reader(database).read(parallel=4, statement_timeout=2, connect_timeout=2)

    assert reading.stats == direct.stats
    assert reading.unavailable == []


def test_timeouts_are_really_in_force(reader: Reader) -> None:
    with bounced(reader.database) as database, locked(reader, "segments"):
        reading = Reader(database).read(lock_timeout=0.2)

    assert [(missing.statistic, missing.cause) for missing in reading.unavailable] == [
        ("segments", "timeout")
    ]


def test_no_setting_leaks_into_the_next_client(reader: Reader) -> None:
    with bounced(reader.database) as database:
        through = Reader(database)
        before = session_of(through)
        through.read(statement_timeout=7, lock_timeout=0.7)
        after = session_of(through)

    assert after == before
    assert ("statement_timeout", "60000") in after[1]


def test_no_setting_leaks_after_a_statistic_failed(reader: Reader) -> None:
    with bounced(reader.database) as database:
        through = Reader(database)
        before = session_of(through)
        with locked(reader, "segments"):
            through.read(lock_timeout=0.1)
        after = session_of(through)

    assert after == before


def test_settings_of_another_client_do_not_reach_a_reading(reader: Reader) -> None:
    with bounced(reader.database) as database:
        through = Reader(database)
        with psycopg.connect(through.url, prepare_threshold=None, autocommit=True) as careless:
            careless.execute("SET statement_timeout = '1s'")
            careless.execute("SET TimeZone = 'Asia/Tokyo'")
            careless.execute("SET search_path = nowhere")
            careless.execute("SET default_transaction_isolation = 'read committed'")
            reading = through.read()

    assert reading.unavailable == []
    assert reading.stats["users"] == 1


def test_statement_mode_is_refused_with_advice(reader: Reader) -> None:
    with bounced(reader.database, mode="statement") as database:
        through = Reader(database)
        with pytest.raises(SourceFailure) as failure:
            through.read()

    assert "transaction blocks not allowed in statement pooling mode" in str(failure.value)


def test_the_command_and_its_doctor_go_through(reader: Reader, tmp_path: Path) -> None:
    with bounced(reader.database) as database:
        history = a_history(tmp_path / "tally", prod=Reader(database).url)
        ran = [history.run("snapshot"), history.run("doctor"), history.run("snapshot")]

    assert [(each.code, each.err) for each in ran] == [(0, "")] * 3
    assert "ok       timeouts in force    statement 1min, lock 2s" in ran[1].out
    assert len(history.snapshots()) == 2
