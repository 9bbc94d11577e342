"""A whole log written anew from its edited records, by who has its keys, others, or none.

Its numbers, hashes, heads, proofs and roots are computed again: whatever anybody can make
fit together does.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from etl.log import sign_checkpoint
from etl.memory import Memory
from etl.signing import KeySigner
from tests.attack_tools import rewrite_log, rows_of
from tests.attack_world import FIRST, OTHER, SECOND, STRANGER, THEIRS, World
from tests.builders import ORIGIN, write_rows
from warehouse.note import Checkpoint
from warehouse.payload import NO_PREVIOUS, possession
from warehouse.record import Record, canonical, decode
from warehouse.rows import Row, row_of

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
