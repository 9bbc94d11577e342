"""What an attacker has: the folder, a hex editor, every hash function, and some keys.

He edits rows of a file, adds records, rewrites what is said about a log beside it, brings
back older copies. How he writes a whole log anew: tests/attack_rebuild.py.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.journal import STATE_FILE, Journal, write_journal
from etl.log import sign_checkpoint
from etl.memory import Memory
from etl.signing import KeySigner
from tests.attack_world import SECOND, World, note_of
from tests.builders import ORIGIN, PROD, a_snapshot, tamper, write_rows
from warehouse.checkpoints import read_checkpoints
from warehouse.checks.findings import Place, Status
from warehouse.ledger import read_rows
from warehouse.merkle import Frontier
from warehouse.note import Signature
from warehouse.payload import Payload, Snapshot
from warehouse.record import Record, canonical, decode, encode
from warehouse.rows import Row, row_of


@dataclass(frozen=True)
class Attack:
    """One attack, and what verification owes us for it.

    `finds` are the names of everything that is found, the one that matters first, and
    `at` is where that one is. `fast` are the names that --fast finds: it reads the tree,
    the heads, the keys and the anchors, and leaves columns, chains, clocks, slots and the
    signatures of records alone.
    """

    story: str
    does: Callable[[World], object]
    finds: str
    at: Place
    fast: str = ""
    status: Status = "tampered"

    @property
    def names(self) -> set[str]:
        return set(self.finds.split())

    @property
    def principal(self) -> str:
        return self.finds.split()[0]


def file_of(world: World, index: int, origin: str = ORIGIN) -> Path:
    """The file that holds a record of a log."""
    files = [f for f in world.layout.record_files() if f.path in world.files(origin)]
    return max(f for f in files if f.first_index <= index).path


def record_of(world: World, index: int, origin: str = ORIGIN) -> Record:
    """One record of a log."""
    row = next(row for row in rows_of(world, origin) if row["index"] == index)
    return Record(row["payload"], row["signature"], row["key_id"].hex())


def rows_of(world: World, origin: str = ORIGIN) -> list[Row]:
    """All rows of a log, in their order."""
    return [row for file in world.files(origin) for row in read_rows(file)]


def edit(record: int, /, **columns: object) -> Callable[[World], None]:
    """Change columns of one row, and nothing else."""

    def attack(world: World) -> None:
        edit_row(world, record, lambda row: row.update(columns))

    return attack


def edit_row(
    world: World, index: int, change: Callable[[Row], object], origin: str = ORIGIN
) -> None:
    """Change one row in place."""

    def one(rows: list[Row]) -> None:
        change(next(row for row in rows if row["index"] == index))

    tamper(file_of(world, index, origin), one)


def put_payload(world: World, index: int, payload: bytes, signer: KeySigner | None = None) -> None:
    """Put other bytes in the place of a payload, its columns right; signed only by a `signer`."""

    def change(row: Row) -> None:
        signature = signer.sign(payload) if signer else row["signature"]
        key_id = signer.public_key.key_id if signer else row["key_id"].hex()
        row |= row_of(Record(payload, signature, key_id), decode(payload)) | {
            "checkpoint": row["checkpoint"]
        }

    edit_row(world, index, change)


def changed(payload: bytes, **fields: object) -> bytes:
    """A payload with some of its fields changed, as canonical as it was."""
    return canonical({**json.loads(payload), **fields})


def rewrite_log(world: World, change: Callable[[list[str]], list[str]]) -> None:
    """Write checkpoints.log anew, with its notes changed."""
    before = [note for note, _ in read_checkpoints(world.layout.checkpoints)]
    world.layout.checkpoints.write_text("".join(f"{note}\n" for note in change(before)))


def edit_note(
    world: World, size: int, change: Callable[[str], str], *, logged: bool = True
) -> None:
    """Change the checkpoint over the first `size` records; also in checkpoints.log if `logged`."""
    file = file_of(world, size - 1)
    before = read_rows(file)[-1]["checkpoint"]
    after = change(before)
    tamper(file, lambda rows: rows[-1].update(checkpoint=after))
    if logged:
        rewrite_log(world, lambda notes: [after if note == before else note for note in notes])


def memory_of(world: World, size: int | None = None, origin: str = ORIGIN) -> Memory:
    """What a signer knows who has read the log so far."""
    memory = Memory.of_new_log(origin)
    for row in rows_of(world, origin)[:size]:
        memory = memory.after(row["payload"])
    return memory


def follow_up(world: World, **changes: Any) -> Snapshot:
    """The next snapshot of prod, ten minutes after the last record; `changes` replace fields."""
    memory = memory_of(world)
    head = memory.head(PROD)
    fields = {"index": memory.size, "seq": head.count, "prev": head.sha256}
    at = {"recorded_at": _AFTER, "taken_at": _AFTER, "db_time": _AFTER}
    return a_snapshot(**{**fields, **at, **changes})


_AFTER = "2026-03-07T02:20:00.000Z"


def append(
    world: World,
    payload: Payload | bytes,
    *,
    by: KeySigner = SECOND,
    head_by: Sequence[KeySigner] = (SECOND,),
    like: Payload | None = None,
    signature: bytes | None = None,
) -> None:
    """Add a record in a commit of its own, as who holds a key can, and nobody's permission.

    `like` is a payload whose columns it gets, where its own cannot be read.
    """
    content = payload if isinstance(payload, bytes) else encode(payload)
    signed = by.sign(content) if signature is None else signature
    record = Record(content, signed, by.public_key.key_id)
    shown = decode(encode(like)) if like else decode(content)
    row = row_of(record, shown)
    tree = Frontier()
    for before in rows_of(world, shown.log):
        tree = tree.append(before["payload"])
    if head_by:
        head = Memory(shown.log, tree.append(content), {})
        row["checkpoint"] = sign_checkpoint(head, *head_by)
        rewrite_log(world, lambda notes: [*notes, row["checkpoint"]])
    write_rows(world.layout.epoch(0) / world.layout.hot_name(shown.log, shown.index), [row])


def roll_back(world: World, size: int, *, state: bool = False) -> None:
    """Bring back the warehouse of when the log had `size` records; the signer's state too."""
    for file in world.files():
        if int(file.stem.split(".")[1]) >= size:
            file.unlink()
    rewrite_log(world, lambda notes: [n for n in notes if not is_beyond(n, size)])
    if state:
        remember(world)


def is_beyond(note: str, size: int) -> bool:
    """Whether it is a note of the log's, over more than so many records."""
    origin, counted, *_ = note.split("\n")
    return origin == ORIGIN and int(counted) > size


def remember(world: World) -> None:
    """Let the signer's state be that of a signer who has signed what the warehouse has."""
    newest = tuple(row["payload"] for row in read_rows(world.files()[-1]))
    before = memory_of(world, len(rows_of(world)) - len(newest))
    write_journal(world.state() / STATE_FILE, Journal(before, newest))


def expect(world: World, size: int, origin: str = ORIGIN) -> None:
    """Let the verifier have kept the checkpoint over the first `size` records."""
    kept = world.folder / f"kept-{size}.note"
    kept.write_text(note_of(world, size, origin))
    world.expected.append(kept)


def a_line(name: str, four: bytes, signature: bytes) -> str:
    """A signature line, whoever made the signature."""
    return str(Signature(name, four, signature))
