"""What is worth another try: conflicts with a standby's replay, too many clients, a deadline."""

import threading
import time

import pytest

from etl.catalogue import UNLEASH
from etl.patience import Deadline
from etl.reading import read
from etl.source import Source
from etl.statistic import Catalogue, Probe, Statistic
from schedules.daemon.failures import is_transient
from tests.readers import ROLE, Reader
from warehouse.errors import SourceBusy, SourceUnreachable

pytestmark = pytest.mark.slow

CONFLICT = """
    CREATE FUNCTION public.conflict(state text) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'canceling statement due to conflict with recovery' USING ERRCODE = state;
    END $$
"""


def asking(sql: str) -> Catalogue:
    """A catalogue of one statistic that is counted so."""
    odd = Statistic("odd", "Odd.", sql, "4.17")
    return Catalogue((Probe("people", "users", ("users.id",), (odd,)),))


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_conflict_costs_the_moment_and_is_worth_another_try(reader: Reader, state: str) -> None:
    reader.database.execute(CONFLICT)

    with pytest.raises(SourceBusy) as failure:
        reader.read(asking(f"max(public.conflict('{state}'))"))

    assert failure.value.reason == "canceling statement due to conflict with recovery"
    assert str(failure.value).endswith(f"asks to be read again: {failure.value.reason}")
    assert is_transient(failure.value)


def test_another_error_costs_its_statistic_only(reader: Reader) -> None:
    reader.database.execute(CONFLICT)

    reading = reader.read(asking("max(public.conflict('22012'))"))

    assert [missing.statistic for missing in reading.troubles] == ["odd"]


def test_too_many_clients_are_worth_another_try(reader: Reader) -> None:
    reader.database.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    try:
        with pytest.raises((SourceBusy, SourceUnreachable)) as failure:
            reader.read()
    finally:
        reader.database.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")

    assert is_transient(failure.value)


def test_a_run_is_over_at_its_deadline(reader: Reader) -> None:
    source = Source(reader.settings(), Deadline(1))
    began = time.monotonic()

    with pytest.raises(SourceUnreachable) as failure, source.transaction() as transaction:
        transaction.rows("SELECT pg_sleep(20)")

    assert failure.value.reason == "the run was not over within 1 s"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_run_that_is_called_off_ends_at_once(reader: Reader, parallel: int) -> None:
    deadline = Deadline(1000)
    source = Source(reader.settings(parallel=parallel), deadline)
    threading.Timer(0.5, deadline.call_off).start()
    began = time.monotonic()

    with pytest.raises(SourceUnreachable):
        read(source, asking("(SELECT count(*) FROM pg_sleep(20))"))

    assert time.monotonic() - began < 5


def test_a_run_does_not_begin_after_its_deadline(reader: Reader) -> None:
    with pytest.raises(SourceUnreachable, match="was not over within 0 s"):
        read(Source(reader.settings(), Deadline(0)), UNLEASH)
