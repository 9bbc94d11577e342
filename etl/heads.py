"""The records that say, once a day, where every chain of a log ends.

Whoever keeps one of them elsewhere can tell later that no instance was cut short.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from etl.memory import Memory
from etl.snapshot import Place
from warehouse.payload import Anchored, ChainHead, Heads
from warehouse.record import encode

# A record has 1 MiB. The head of an instance takes some 200 bytes, and as many more as its
# names are long: a database may hold any text as its id.
_MOST_HEADS: Final = 2_000
_MOST_BYTES: Final = 900_000


def heads_are_due(memory: Memory, now: datetime) -> bool:
    """Whether the first record of a day is about to be made, and there are chains at all."""
    today = now.astimezone(UTC).date().isoformat()
    return bool(memory.heads) and memory.heads_on != today


def heads_payloads(
    memory: Memory, place: Callable[[Memory], Place], anchors: Sequence[Anchored]
) -> list[bytes]:
    """The payloads that say where all chains end, as `memory` knows it; more than one for many."""
    heads = sorted(
        (
            ChainHead(
                id=head.instance.id, name=head.instance.name, count=head.count, sha256=head.sha256
            )
            for head in memory.heads.values()
        ),
        key=lambda head: (head.id, head.name),
    )
    payloads: list[bytes] = []
    after = memory
    for part in _parts(heads):
        payload = Heads(
            **place(after).common,
            size=after.size,
            root=base64.b64encode(after.tree.root).decode(),
            instances=len(heads),
            heads=part,
            anchors=list(anchors),
        )
        payloads.append(encode(payload))
        after = after.after(payloads[-1])
    return payloads


def _parts(heads: Sequence[ChainHead]) -> Iterator[list[ChainHead]]:
    part: list[ChainHead] = []
    size = 0
    for head in heads:
        length = len(msgspec.json.encode(head)) + len(",")
        if part and (len(part) == _MOST_HEADS or size + length > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(head)
        size += length
    if part:
        yield part
