"""Years of a whole fleet, really signed: so many instances, a commit of all of them each night.

    python tests/benchmarks/fleet.py --instances 10000 --days 365

Encoded, numbered, chained, signed and committed by the product itself; only who signs is
spread over the cores, because nothing else waits for a fleet of ten thousand. Kept in
`.cache/bench` and made once; what was made half is made anew.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from etl.journal import Journal, Signed
from etl.log import SigningLog, sign_checkpoint
from tests.benchmarks.life import Life, the_definitions
from tests.builders import a_key
from warehouse import catalog
from warehouse.cores import cores
from warehouse.ledger import Ledger
from warehouse.record import Record

CACHE: Final = Path.cwd() / ".cache" / "bench"
ORIGIN: Final = "bench.example/fleet"
_LAST_NIGHT: Final = datetime(2026, 11, 23, 2, tzinfo=UTC)
_CHUNK: Final = 250


@dataclass(frozen=True)
class Fleet:
    """A finished history of so many instances over so many nights."""

    instances: int
    days: int
    folder: Path

    @property
    def history(self) -> Path:
        return self.folder / "history"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def snapshots(self) -> int:
        return self.instances * self.days


class Night:
    """The clock of a history: it stands still for a night."""

    def __init__(self) -> None:
        self.now = _LAST_NIGHT

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class _SharedSigning(SigningLog):
    """A log whose batches are signed by all cores, with the same key."""

    pool: Executor | None = None

    def _sign(self, journal: Journal) -> Signed:
        if self.pool is None or len(journal.batch) < _CHUNK:
            return super()._sign(journal)
        self.require_key(journal.memory)
        signatures = chain.from_iterable(self.pool.map(_signatures, _chunks(journal.batch)))
        key_id = self.signer.public_key.key_id
        records = [
            Record(payload, signature, key_id)
            for payload, signature in zip(journal.batch, signatures, strict=True)
        ]
        return Signed(tuple(records), sign_checkpoint(journal.memory, self.signer))


def a_fleet(instances: int, days: int, cache: Path = CACHE) -> Fleet:
    """The history of so many instances and nights, made unless it is there already."""
    fleet = Fleet(instances, days, cache / f"fleet-{instances}x{days}")
    done = fleet.folder / "done"
    if not done.exists():
        shutil.rmtree(fleet.folder, ignore_errors=True)
        # Not forked: a child that begins within a commit would hold the writers' lock for ever.
        with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
            log, night = a_log(fleet.folder)
            shared = {field.name: getattr(log, field.name) for field in fields(log)}
            _live(_SharedSigning(**shared, pool=pool), night, fleet)
        catalog.build(fleet.history)
        done.touch()
    return fleet


def a_log(folder: Path) -> tuple[SigningLog, Night]:
    """A log in a new folder, begun on the night before everything, and its clock."""
    state, ledger, night = folder / "state", Ledger(folder / "history"), Night()
    state.mkdir(parents=True)
    ledger.create()
    ledger.keep_definitions(*the_definitions())
    log = SigningLog(ORIGIN, ledger, a_key(1), state, "tallybook/bench", clock=night)
    return log, night


def nights(days: int) -> list[datetime]:
    """So many nights, the last of them always the same."""
    return [_LAST_NIGHT - timedelta(days=days - 1 - day) for day in range(days)]


def _live(log: SigningLog, night: Night, fleet: Fleet) -> None:
    calendar = nights(fleet.days)
    night.now = calendar[0] - timedelta(days=1)
    log.begin()
    lives = [Life(number, calendar[0]) for number in range(fleet.instances)]
    began = time.monotonic()
    for done, night.now in enumerate(calendar, start=1):
        log.append([life.day(night.now) for life in lives])
        rate = done * fleet.instances / (time.monotonic() - began)
        _tell(f"night {done} of {fleet.days}, {rate:,.0f} records/s")
    _tell("\n")


def _tell(what: str) -> None:
    if sys.stderr.isatty() or what == "\n":
        sys.stderr.write(what if what == "\n" else f"\r{what}\x1b[K")


def _chunks(batch: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(batch), _CHUNK):
        yield batch[start : start + _CHUNK]


def _signatures(payloads: Sequence[bytes]) -> list[bytes]:
    key = a_key(1)
    return [key.sign(payload) for payload in payloads]


def main(words: list[str]) -> None:
    """Make a fleet, and say where it is and how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--cache", type=Path, default=CACHE)
    asked = parser.parse_args(words)
    began = time.monotonic()
    fleet = a_fleet(asked.instances, asked.days, asked.cache)
    seconds = time.monotonic() - began
    print(f"{fleet.folder}: {fleet.snapshots:,} snapshots in {seconds:,.1f} s")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
