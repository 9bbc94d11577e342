"""A long history, made in minutes: a warehouse of so many records, as real commits have them.

One log, a thousand instances, a commit of all of them each night. Records have about 2.2 kB.
Made by the product's own encoder, keys and writer; only the rows are built by columns.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from etl.log import sign_checkpoint, sign_record
from etl.memory import Memory
from etl.signing import KeySigner
from etl.snapshot import Place, Reading
from tests.builders import A_MONDAY, a_genesis, a_key, a_reading, definitions_json
from warehouse.ledger import Ledger
from warehouse.payload import Instance, Snapshot
from warehouse.record import encode, sha256_hex, timestamp

INSTANCES = 1_000
ORIGIN = "bench.example/million"
_ENCODER = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Million:
    """A warehouse, its signer, and what the signer remembers of the end."""

    root: Path
    signer: KeySigner
    memory: Memory


def a_million(folder: Path, records: int) -> Million:
    """Make a history of about so many records in an empty folder."""
    ledger, signer = Ledger(folder), a_key(1)
    ledger.create()
    content = definitions_json(())
    ledger.keep_definitions(content, sha256_hex(content))
    memory = Memory.of_new_log(ORIGIN)
    genesis = encode(a_genesis(signer, log=ORIGIN, recorded_at=timestamp(_night(0))))
    memory = _commit(ledger, memory, signer, [genesis])
    template = _reading().payload(Place(ORIGIN, 0, 0, "0" * 64, "", "", "tallybook/bench"))
    heads = ["0" * 64] * INSTANCES
    for night in range(records // INSTANCES):
        payloads = list(_payloads(template, memory.size, night, heads))
        heads = [sha256_hex(payload) for payload in payloads]
        memory = _commit(ledger, memory, signer, payloads)
    return Million(folder, signer, memory)


def _payloads(template: Snapshot, size: int, night: int, heads: list[str]) -> Iterator[bytes]:
    at = timestamp(_night(night + 1))
    for number, prev in enumerate(heads):
        payload = msgspec.structs.replace(
            template,
            index=size + number,
            seq=night,
            prev=prev,
            nonce=secrets.token_hex(16),
            recorded_at=at,
            taken_at=at,
            db_time=at,
            instance=Instance(f"4c1b6b6e-0000-4000-8000-{number:012d}", f"instance-{number}"),
        )
        yield _ENCODER.encode(payload)


def _commit(ledger: Ledger, memory: Memory, signer: KeySigner, payloads: list[bytes]) -> Memory:
    for payload in payloads:
        memory = memory.after(payload)
    records = [sign_record(payload, signer) for payload in payloads]
    ledger.commit(records, sign_checkpoint(memory, signer))
    return memory


def _night(number: int) -> datetime:
    return A_MONDAY - timedelta(days=2_000) + timedelta(days=number)


def _reading() -> Reading:
    stats = {f"statistic{number:02d}": number * 17 for number in range(60)}
    return a_reading(stats, definitions=())
