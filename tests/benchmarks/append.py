"""Durable append of one signed record, against one append of delta-rs and of pyiceberg.

The same row goes everywhere: a real record with its payload, signature, values and the signed
head of the log. Ours journals, signs and flushes three times; pyiceberg uses a SQLite catalogue.

And what the trust in it costs of that: all that is computed for a record in memory, and no I/O.
"""

import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from etl.journal import STATE_FILE, Journal, Signed, read_journal
from etl.log import SigningLog, sign_checkpoint, sign_record
from etl.signing import KeySigner
from tests.benchmarks.report import Result, alternating, median_seconds
from tests.benchmarks.rivals import deltalake, plain, pyiceberg
from tests.benchmarks.sample import a_reading
from warehouse.ledger import Ledger
from warehouse.record import encode

_TIMES = 100


class _Upkeep:
    """What a log computes for a commit of one record: its bytes, its tree, two signatures."""

    def __init__(self, log: SigningLog) -> None:
        self.log = log
        self.memory = read_journal(log.state / STATE_FILE).memory
        self.reading = a_reading()

    def one_record(self) -> None:
        place = self.log.place(self.memory, self.reading.instance)
        payload = encode(self.reading.payload(place))
        after = self.memory.after(payload)
        # The journal grows the memory once more, from the bytes that are on disk.
        journal = Journal(self.memory, (payload,))
        record = sign_record(payload, self.log.signer)
        Signed((record,), sign_checkpoint(journal.memory, self.log.signer))
        self.memory = after


def run() -> list[Result]:
    """Measure ours, then each rival, on the same disk."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        log = _log(folder)
        (record,) = log.append([a_reading()])
        *_, checkpoint = log.ledger.checkpoints(log.origin, 0)
        table = plain([record], checkpoint)

        def ours() -> None:
            log.append([a_reading()])

        beside_delta, delta = alternating(ours, deltalake(folder, table), times=_TIMES)
        beside_iceberg, iceberg = alternating(ours, pyiceberg(folder, table), times=_TIMES)
        upkeep = median_seconds(_Upkeep(log).one_record, times=_TIMES * 10, warm=_TIMES)
    what = "durable append of one signed record, p50"
    return [
        Result(what, beside_delta * 1000, "ms", 1 / 4, "deltalake", delta * 1000),
        Result(what, beside_iceberg * 1000, "ms", 1 / 15, "pyiceberg, SQLite", iceberg * 1000),
        Result("signing and tree upkeep, per record", upkeep * 1000, "ms", 0.5),
    ]


def _log(folder: Path) -> SigningLog:
    state = folder / "state"
    state.mkdir()
    ledger = Ledger(folder / "history")
    ledger.create()
    signer = KeySigner(Ed25519PrivateKey.generate())
    log = SigningLog("bench.example/log", ledger, signer, state, "bench")
    log.begin()
    return log
