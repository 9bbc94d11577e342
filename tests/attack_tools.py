"""What an attacker has: the folder, a hex editor, every hash function, and some keys.

He edits rows of a file, writes a whole log anew from edited payloads, its numbers, hashes,
heads and roots computed again, with keys that he holds or without any, and rewrites what is
said about a log beside it.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.journal import STATE_FILE, Journal, Memory, write_journal
from etl.log import sign_checkpoint
from etl.signing import KeySigner
from tests.attack_world import FIRST, OTHER, SECOND, STRANGER, THEIRS, World, note_of
from tests.builders import ORIGIN, PROD, a_snapshot, tamper, write_rows
from warehouse.checkpoints import read_checkpoints
from warehouse.checks.findings import Place, Status
from warehouse.ledger import read_rows
from warehouse.merkle import Frontier
from warehouse.note import Checkpoint, Signature
from warehouse.payload import NO_PREVIOUS, Payload, Snapshot, possession
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


# Who signs a record, and who its checkpoint if it ends a commit; nobody: what was there stays.
Signers = Callable[[Sequence["Said"], int], Sequence[KeySigner]]


@dataclass
class Said:
    """A record in an attacker's hands: what it says, and the row it came in."""

    content: dict[str, Any]
    row: Row

    @property
    def kind(self) -> str:
        return str(self.content["type"]).split("/")[1]

    @property
    def instance(self) -> str | None:
        found = self.content.get("instance")
        return str(found["name"]) if found else None


def file_of(world: World, index: int, origin: str = ORIGIN) -> Path:
    """The file that holds a record of a log."""
    files = [f for f in world.layout.hot_files() if f.path in world.files(origin)]
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


def nobody(_said: Sequence[Said], _place: int) -> Sequence[KeySigner]:
    """Sign nothing: who has no key keeps the signatures that were there."""
    return ()


def the_owner(said: Sequence[Said], place: int) -> Sequence[KeySigner]:
    """Sign as the log's own signer does, who has all its keys."""
    if said[place].content["log"] == OTHER:
        return (THEIRS,)
    changes = [i for i, one in enumerate(said) if one.kind == "key"]
    if place in changes:
        return FIRST, SECOND
    return (SECOND,) if any(i < place for i in changes) else (FIRST,)


def a_stranger(_said: Sequence[Said], _place: int) -> Sequence[KeySigner]:
    """Sign everything with a key that nobody knows."""
    return (STRANGER,)


def rebuild(
    world: World,
    change: Callable[[list[Said]], object],
    *,
    by: Signers = nobody,
    origin: str = ORIGIN,
    heads: bool = True,
) -> None:
    """Write a log anew from its edited records, numbers, hashes and roots computed again.

    Each commit that is left keeps its end. `heads` False leaves what heads say as it was.
    """
    said = [Said(json.loads(row["payload"]), row) for row in rows_of(world, origin)]
    change(said)
    for file in world.files(origin):
        file.unlink()
    memory, rows, notes = Memory.of_new_log(origin), [], []
    for place, one in enumerate(said):
        signers = by(said, place)
        _number(one, memory, heads=heads, newcomer=signers[-1] if signers else None)
        payload = canonical(one.content)
        memory = memory.after(payload)
        rows.append(_row(one, payload, signers))
        if one.row["checkpoint"] or one is said[-1]:
            notes.append(_note(memory, one.row["checkpoint"], signers))
            rows[-1]["checkpoint"] = notes[-1]
            _write(world, rows)
            rows = []
    _replace_notes(world, origin, notes)


def _number(one: Said, memory: Memory, *, heads: bool, newcomer: KeySigner | None) -> None:
    content = one.content
    content["index"] = memory.size
    if "seq" in content:
        known = [head for head in memory.heads.values() if head.instance.name == one.instance]
        content["seq"] = known[0].count if known else 0
        content["prev"] = known[0].sha256 if known else NO_PREVIOUS
    if one.kind == "heads" and heads:
        content |= _heads(memory)
    if one.kind == "key" and newcomer and content["proof"]:
        message = possession(memory.origin, memory.size, newcomer.public_key.key_id)
        content["proof"] = base64.b64encode(newcomer.sign(message)).decode()


def _heads(memory: Memory) -> dict[str, Any]:
    found = [
        {"id": h.instance.id, "name": h.instance.name, "count": h.count, "sha256": h.sha256}
        for h in sorted(memory.heads.values(), key=lambda h: (h.instance.id, h.instance.name))
    ]
    root = base64.b64encode(memory.tree.root).decode()
    return {"size": memory.size, "root": root, "instances": len(found), "heads": found}


def _row(one: Said, payload: bytes, signers: Sequence[KeySigner]) -> Row:
    record = Record(payload, one.row["signature"], one.row["key_id"].hex())
    if signers:
        record = Record(payload, signers[0].sign(payload), signers[0].public_key.key_id)
    return row_of(record, decode(payload))


def _note(memory: Memory, before: str | None, signers: Sequence[KeySigner]) -> str:
    if signers:
        return sign_checkpoint(memory, *signers)
    # The old signature lines under the new head: better than none, for who cannot sign.
    text = Checkpoint(memory.origin, memory.size, memory.tree.root).text
    _, empty, lines = (before or sign_checkpoint(memory, STRANGER)).rpartition("\n\n")
    return f"{text[:-1]}{empty}{lines}"


def _write(world: World, rows: list[Row]) -> None:
    name = world.layout.hot_name(rows[0]["log"], rows[0]["index"])
    write_rows(world.layout.epoch(0) / name, rows)


def _replace_notes(world: World, origin: str, notes: list[str]) -> None:
    def change(before: list[str]) -> list[str]:
        return [*(n for n in before if n.split("\n")[0] != origin), *notes]

    rewrite_log(world, change)


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
