"""A nightly batch of a whole fleet, and one record in a log of as many chains.

What is beside signing: numbering and encoding are measured apart from what has to be done with
any bytes that are signed: tree and chains, journal, rows, Parquet, the flushes to disk.
"""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from etl.journal import STATE_FILE, Journal, JournalFile
from etl.log import SigningLog, sign_checkpoint, sign_record
from etl.memory import Growth
from etl.snapshot import Reading
from tests.benchmarks.fleet import CACHE, a_log, nights
from tests.benchmarks.life import Life
from tests.benchmarks.report import Result, alternating
from tests.benchmarks.sample import a_reading
from warehouse.keys import PublicKey
from warehouse.record import encode, parse

_ROUNDS = 5


class _Timed:
    """A signer that knows how long it has signed."""

    def __init__(self, log: SigningLog) -> None:
        self._signer = log.signer
        self.seconds = 0.0

    @property
    def public_key(self) -> PublicKey:
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        began = time.perf_counter()
        signature = self._signer.sign(message)
        self.seconds += time.perf_counter() - began
        return signature


def run(instances: int = 10_000) -> list[Result]:
    """Commit some nights of a fleet, in parts and as a whole; then one record."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        log, night = a_log(Path(name, "many"))
        calendar = nights(2 * _ROUNDS)
        lives = [Life(number, calendar[0]) for number in range(instances)]
        log.begin()
        parts = []
        for night.now in calendar[:_ROUNDS]:
            parts.append(_parts(log, [life.day(night.now) for life in lives]))
        wholes = []
        for night.now in calendar[_ROUNDS:]:
            wholes.append(_whole(log, [life.day(night.now) for life in lives]))
        other, _ = a_log(Path(name, "few"))
        other.begin()
        many, few = alternating(
            lambda: log.append([a_reading()]), lambda: other.append([a_reading()]), times=60
        )
    named = f"batch of {instances:,}, per record"
    after = f"{named}: tree, journal, rows, commit (50 µs are 20,000/s)"
    one = f"one record, log of {instances:,} chains"
    return [
        Result(after, statistics.median(parts), "µs", 50),
        Result(f"{named}: all of it but signing", statistics.median(wholes), "µs", None),
        Result(one, many * 1e3, "ms", 3, "of one chain", few * 1e3),
    ]


def _parts(log: SigningLog, readings: list[Reading]) -> float:
    """Microseconds per record of what follows once there are bytes and signatures."""
    with log.turn() as memory:
        numbering = Growth(memory)
        for reading in readings:
            payload = encode(reading.payload(log.place(numbering, reading.instance)))
            numbering.add(payload, parse(payload))
        records = [sign_record(payload, log.signer) for payload in numbering.batch]
        checkpoint = sign_checkpoint(numbering.memory, log.signer)
        began = time.perf_counter()
        growth = Growth(memory)
        for record, content in zip(records, numbering.contents, strict=True):
            growth.add(record.payload, content)
        journal = Journal(memory, tuple(growth.batch), grown=growth.memory)
        JournalFile(log.state / STATE_FILE).write(journal)
        log.ledger.commit(records, checkpoint, growth.contents)
        return (time.perf_counter() - began) / len(records) * 1e6


def _whole(log: SigningLog, readings: list[Reading]) -> float:
    timed = _Timed(log)
    timed_log = replace(log, signer=timed)
    began = time.perf_counter()
    timed_log.append(readings)
    return (time.perf_counter() - began - timed.seconds) / len(readings) * 1e6
