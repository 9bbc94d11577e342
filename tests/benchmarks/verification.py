"""Verification of a million records: against the least that any verifier has to do.

The floor of `--fast` is what nobody can leave out: read every payload, hash it, hash the
tree's nodes. The floor of a whole verification is that and one Ed25519 check per record, by
the same library, on as many cores.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from etl.log import sign_checkpoint
from tests.benchmarks.million import Million, a_million
from tests.benchmarks.report import Result
from tests.builders import a_key
from warehouse.cores import cores
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.merkle import Frontier
from warehouse.record import Record

_RECORDS = 1_000_000
_SAMPLE = 20_000
_COMMAND = Path(sys.executable).with_name("tallybook")


def run(records: int = _RECORDS) -> list[Result]:
    """Make the history, then measure the installed command and both floors on it."""
    with tempfile.TemporaryDirectory() as folder:
        million = a_million(Path(folder, "history"), records)
        note = Path(folder, "end.note")
        note.write_text(sign_checkpoint(million.memory, million.signer))
        key = Path(folder, "ledger.pub.pem")
        key.write_text(million.signer.public_key.pem)
        words = ["--warehouse", str(million.root), "--trust", str(key), "--expect", str(note)]
        return _measure(million, words)


def _measure(million: Million, words: list[str]) -> list[Result]:
    size = million.memory.size
    _seconds(lambda: _floor(million))
    floor = _seconds(lambda: _floor(million))
    fast, fast_memory = _command([*words, "--fast"], size)
    full, full_memory = _command(words, size)
    records = _sample(million)
    one_core = _seconds(lambda: _check(records)) / len(records) * size
    all_cores = _seconds(lambda: _check_on_all_cores(records)) / len(records) * size
    named = f"{size:,} records"
    return [
        Result(f"verify --fast, {named}", fast, "s", 2.5, "payload scan, SHA-256, nodes", floor),
        Result(f"verify, {named}", full, "s", 1.15, "fast + Ed25519, one core", fast + one_core),
        Result(f"verify, {named}", full, "s", 1.15, "fast + Ed25519, all cores", fast + all_cores),
        Result("verify --fast, memory of all processes", fast_memory, "MB", 500),
        Result("verify, memory of all processes", full_memory, "MB", 500),
    ]


def _floor(million: Million) -> None:
    tree, sha256 = Frontier(), hashlib.sha256
    for file in Layout(million.root).record_files():
        payloads = pq.ParquetFile(file.path).read(columns=["payload"])["payload"].to_pylist()
        tree = tree.extend(b"".join([sha256(payload).digest() for payload in payloads]))
    if tree.size != million.memory.size:
        raise AssertionError("the floor has read another history")


def _command(words: list[str], size: int) -> tuple[float, float]:
    """Seconds and megabytes of `tallybook verify`, its helpers' included."""
    began = time.perf_counter()
    running = subprocess.Popen(
        [_COMMAND, "verify", "--json", *words], stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    while running.poll() is None:
        peak = max(peak, _megabytes(running.pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    told = json.loads(running.stdout.read() if running.stdout else "")
    if (told["records"], told["findings"]) != (size, []):
        raise AssertionError(f"the history was not found intact: {told['counts']}")
    return seconds, peak


def _megabytes(pid: int) -> float:
    # Proportional: pages that the processes share are counted once.
    total = 0.0
    for process in [pid, *_children(pid)]:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [child for first in found for child in (int(first), *_children(int(first)))]


def _sample(million: Million) -> list[Record]:
    return list(islice(Ledger(million.root).records(), _SAMPLE))


def _check(records: list[Record]) -> int:
    key = a_key(1).public_key
    return sum(key.verifies(record.signature, record.payload) for record in records)


def _check_on_all_cores(records: list[Record]) -> None:
    parts = [records[start :: cores()] for start in range(cores())]
    with ProcessPoolExecutor(cores()) as pool:
        list(pool.map(_check, [part[:1] for part in parts]))
        if sum(pool.map(_check, parts)) != len(records):
            raise AssertionError("a signature is not good")


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
