"""A history with a change of keys and three instances; and how somebody would rewrite it.

All of it is of the past: nothing in it is later than the clock of the machine it is tested on.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl.keys.change import rotate
from etl.log import sign_checkpoint
from etl.memory import Memory
from etl.signing import KeySigner
from etl.statistic import Unavailable
from tests.builders import (
    DAY,
    ORIGIN,
    PROD,
    SOME_STATS,
    Clock,
    History,
    a_history,
    a_key,
    a_reading,
    write_rows,
)
from warehouse.keys import ED25519
from warehouse.layout import Layout
from warehouse.ledger import read_rows
from warehouse.merkle import Frontier
from warehouse.payload import Instance, possession
from warehouse.record import Record, canonical, decode, sha256_hex
from warehouse.rows import Row, row_of

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
LAB = Instance("4c1b6b6e-0000-4000-8000-000000000003", 'the "lab", east')
INSTANCES = (PROD, STAGING, LAB)
BEGAN = datetime(2024, 2, 28, 2, tzinfo=UTC)
FIRST, SECOND = a_key(1), a_key(2)
# Five nights by the first key, then the change of keys, then four by the second.
NIGHTS, NIGHTS_AFTER = 5, 4

Said = dict[str, Any]


@dataclass(frozen=True)
class Rotated:
    """The history, and the clock it was made by."""

    history: History
    clock: Clock

    @property
    def root(self) -> Path:
        return self.history.root

    def night(self) -> None:
        """Take a snapshot of every instance, a day later."""
        self.clock.now += DAY
        users = 100 + (self.clock.now - BEGAN).days
        readings = [
            a_reading(
                {**SOME_STATS, "users": users},
                instance=instance,
                taken_at=self.clock.now,
                due_at=self.clock.now,
                unavailable=[Unavailable("stickiness", "schema", 'no column "stickiness"')],
                remarks={"users": "1 malformed row was left out"},
            )
            for instance in INSTANCES
        ]
        self.history.take(*readings)

    def notes(self) -> list[str]:
        """Every checkpoint, the first commit's first."""
        return list(self.history.ledger.checkpoints(ORIGIN, 0))


def a_rotated_history(folder: Path, algorithm: str = ED25519) -> Rotated:
    """Make it in a folder: genesis, nights, a change of keys, nights."""
    clock = Clock(BEGAN)
    history = a_history(folder, clock=clock, algorithm=algorithm)
    rotated = Rotated(history, clock)
    for _ in range(NIGHTS):
        rotated.night()
    successor = a_key(2, algorithm)
    rotate(history.log, successor)
    log = replace(history.log, signer=successor)
    rotated = Rotated(History(history.root, log, successor), clock)
    for _ in range(NIGHTS_AFTER):
        rotated.night()
    return rotated


def files_of(root: Path) -> list[Path]:
    return [file.path for file in Layout(root).record_files()]


def rebuild(
    root: Path,
    change: Callable[[Said], object],
    *,
    signers: tuple[KeySigner, KeySigner] | None = None,
    heads: bool = False,
) -> None:
    """Rewrite a history as somebody would: payloads changed by `change`, every hash after them.

    With `signers`, for before and after the change of keys, everything is signed anew; with
    `heads` the roots in all checkpoints are.
    """
    tree, before, notes, is_second = Frontier(), dict[str, str](), list[str](), False
    for file in files_of(root):
        rows = read_rows(file)
        for position, row in enumerate(rows):
            said = json.loads(row["payload"])
            change(said)
            if signers:
                _name_keys(said, signers)
            if "prev" in said:
                said["prev"] = before.get(said["instance"]["name"], "0" * 64)
            rows[position] = _row(row, canonical(said), signers[is_second] if signers else None)
            if "prev" in said:
                before[said["instance"]["name"]] = sha256_hex(rows[position]["payload"])
            tree = tree.append(rows[position]["payload"])
            is_change = said["type"] == "tallybook/key/v1"
        note = rows[-1]["checkpoint"]
        if signers:
            by = signers if is_change else (signers[is_second],)
            note = sign_checkpoint(Memory(ORIGIN, tree, {}), *by)
        elif heads:
            lines = note.split("\n")
            note = "\n".join([*lines[:2], base64.b64encode(tree.root).decode(), *lines[3:]])
        rows[-1]["checkpoint"] = note
        notes.append(note)
        write_rows(file, rows)
        is_second = is_second or is_change
    (root / "checkpoints.log").write_text("".join(f"{note}\n" for note in notes))


def users_of_staging(on: str, users: int) -> Callable[[Said], object]:
    """Change one number of one snapshot."""

    def change(said: Said) -> None:
        if said.get("taken_at", "").startswith(on) and said["instance"]["name"] == "staging":
            said["stats"]["users"] = users

    return change


def records_of(root: Path) -> Iterator[Record]:
    for file in files_of(root):
        for row in read_rows(file):
            yield Record(row["payload"], row["signature"], row["key_id"].hex())


def _row(row: Row, payload: bytes, signer: KeySigner | None) -> Row:
    signature = signer.sign(payload) if signer else row["signature"]
    key_id = signer.public_key.key_id if signer else row["key_id"].hex()
    return row_of(Record(payload, signature, key_id), decode(payload)) | {
        "checkpoint": row["checkpoint"]
    }


def _name_keys(said: Said, signers: tuple[KeySigner, KeySigner]) -> None:
    if said["type"] == "tallybook/genesis/v1":
        said["public_key"] = signers[0].public_key.spki_base64
    if said["type"] == "tallybook/key/v1":
        key = signers[1].public_key
        proven = signers[1].sign(possession(ORIGIN, said["index"], key.key_id))
        said |= {"public_key": key.spki_base64, "proof": base64.b64encode(proven).decode()}
