"""The lines of the signer's journal: what stands in the file, and what of it counts. Pure.

    {"format":4,...}   the log as it was before the first batch; see `_State`
    {payload}          a batch: one line per payload (canonical JSON has no line breaks)
    <64 hex digits>    the SHA-256 of the lines since the last such line, that one included
                       empty lines, up to the next block
    {payload}          the next batch
    <64 hex digits>
                       empty lines: room for more

A batch begins on a block of its own, so that writing it touches nothing that counts. It counts
once its checksum is there. What its writer left when the power went is the beginning of a
batch, or blocks of one: it was never signed, and it is as good as room. Anything else is damage.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from etl.memory import Growth, Head, Memory
from etl.timetable import Timetable
from warehouse.merkle import Frontier
from warehouse.payload import Count
from warehouse.record import Record, parse

_FORMAT: Final = 4
# The first of these had one batch and no room, neither had timetables: such a file is read, and
# replaced by the next writer.
_READABLE: Final = (2, 3, _FORMAT)
_BLOCK: Final = 4096
# The room behind the first batch, and how long what counts may get beside the state.
_ROOM: Final = 32 * _BLOCK
_CHECKSUM: Final = 64 + len("\n")
# A batch that was written to its end, whatever bit of it may have flipped since. What was cut off
# ends otherwise: a hash within a payload stands behind a quotation mark.
_WRITTEN_OUT: Final = re.compile(rb'(?:\A|\n)[^{\n][^\n]{63,}\Z|[^"0-9a-f][0-9a-f]{64}\Z')


class OtherFormat(Exception):
    """The journal of another release; the number of its format, and ours."""


@dataclass(frozen=True)
class Signed:
    """The records of a batch with their signatures, and the checkpoint over them."""

    records: tuple[Record, ...]
    checkpoint: str


@dataclass(frozen=True)
class Journal:
    """The memory before the newest batch, and the batch that is signed once this is on disk.

    `signed` is there only where somebody else could not sign it again, `grown` where the memory
    with the batch is known already.
    """

    before: Memory
    batch: tuple[bytes, ...]
    signed: Signed | None = None
    grown: Memory | None = field(default=None, repr=False, compare=False)

    @cached_property
    def memory(self) -> Memory:
        """The memory with the batch."""
        if self.grown:
            return self.grown
        growth = Growth(self.before)
        for payload in self.batch:
            growth.add(payload, parse(payload))
        return growth.memory


class Written(NamedTuple):
    """A journal as its file has it: what counts of `content` ends at `end`, the rest is room.

    `state` is the length of the first line; `clean` says that there is nothing in the room.
    """

    journal: Journal
    content: bytes
    end: int
    state: int
    clean: bool = True

    def followed_by(self, journal: Journal) -> tuple[int, "Written"] | None:
        """What the file says with one more batch, which begins at that place.

        None where it has to be written anew: for want of room, or because the batches are
        longer by now than the state that saves reading them.
        """
        start = _next_block(self.end)
        end = start + sum(map(len, journal.batch)) + len(journal.batch) + _CHECKSUM
        if (
            journal.before is not self.journal.memory
            or journal.signed
            or self.journal.signed
            or not self.clean
            or end > len(self.content)
            or start - self.state > max(_ROOM, self.state)
        ):
            return None
        lines = _with_checksum(journal.batch, after=self.content[self.end - _CHECKSUM : self.end])
        content = b"%b%b%b" % (self.content[:start], lines, self.content[end:])
        return start, self._replace(journal=journal, content=content, end=end)


class _Signed(msgspec.Struct, frozen=True):
    """Signatures of a batch that only its maker could make, in base64; see `Journal`."""

    signatures: list[str]
    key_ids: list[str]
    checkpoint: str


class _State(msgspec.Struct, frozen=True):
    format: int
    origin: str
    size: Count
    frontier: list[str]
    heads: list[Head]
    key_id: str
    recovery_id: str | None
    heads_on: str
    signed: _Signed | None
    timetables: list[Timetable] = []


def written(journal: Journal) -> Written:
    """A file with this journal alone, and room behind it."""
    before = journal.before
    state = msgspec.json.encode(
        _State(
            format=_FORMAT,
            origin=before.origin,
            size=before.size,
            frontier=[root.hex() for root in before.tree.roots],
            heads=list(before.heads.values()),
            key_id=before.key_id,
            recovery_id=before.recovery_id,
            heads_on=before.heads_on,
            signed=_in_base64(journal.signed) if journal.signed else None,
            timetables=list(before.timetables.values()),
        )
    )
    content = _with_checksum((state, *journal.batch), room=True)
    return Written(journal, content, len(content) - _ROOM, len(state))


def with_checksum(lines: bytes) -> bytes:
    """The lines of a journal's first batch with the SHA-256 of them as the last."""
    return b"%b%b\n" % (lines, hashlib.sha256(lines).hexdigest().encode())


def understood(content: bytes) -> Written:
    """What a file says.

    Raises OtherFormat, and ValueError, DecodeError or NotCanonical for what is damaged.
    """
    first = content.partition(b"\n")[0]
    state = _read_state(first)
    batches, end = _batches(content)
    if not batches:
        raise ValueError("the checksum in its last line is another one")
    batches[0] = batches[0][1:]
    memory = _memory(state)
    for batch in batches[:-1]:
        memory = Journal(memory, batch).memory
    signed = _from_base64(state.signed, batches[-1]) if state.signed and batches[1:] == [] else None
    journal = Journal(memory, batches[-1], signed)
    # Grown here, where what is damaged in it is told by name.
    _ = journal.memory
    return Written(journal, content, end, len(first), not content[end:].strip(b"\n"))


def _batches(content: bytes) -> tuple[list[tuple[bytes, ...]], int]:
    """The lines of every batch that counts, the state among the first, and where the last ends."""
    batches: list[tuple[bytes, ...]] = []
    start = end = 0
    while found := _batch_at(content, start, content[end - _CHECKSUM : end] if end else b""):
        lines, end = found
        batches.append(lines)
        start = _next_block(end)
    rest = content[start:].partition(b"\n\n")[0].rstrip(b"\n")
    if not content.startswith(b"\n", start) and _WRITTEN_OUT.search(rest):
        raise ValueError("the checksum in its last line is another one")
    return batches, end


def _batch_at(content: bytes, start: int, before: bytes) -> tuple[tuple[bytes, ...], int] | None:
    lines, at = [], start
    while content.startswith(b"{", at):
        stop = content.find(b"\n", at)
        if stop < 0:
            return None
        lines.append(content[at:stop])
        at = stop + 1
    checksum = hashlib.sha256(before)
    checksum.update(memoryview(content)[start:at])
    last = checksum.hexdigest().encode() + b"\n"
    return (tuple(lines), at + _CHECKSUM) if lines and content.startswith(last, at) else None


def _with_checksum(lines: Sequence[bytes], *, after: bytes = b"", room: bool = False) -> bytes:
    checksum = hashlib.sha256(after)
    for line in lines:
        checksum.update(line)
        checksum.update(b"\n")
    # In one go: a batch of ten thousand has tens of megabytes.
    last = checksum.hexdigest().encode()
    return b"\n".join([*lines, last, b"\n" * _ROOM if room else b""])


def _next_block(end: int) -> int:
    return -(-end // _BLOCK) * _BLOCK


def _read_state(line: bytes) -> _State:
    form = msgspec.json.decode(line, type=dict[str, msgspec.Raw]).get("format")
    if form is not None and bytes(form) not in {str(known).encode() for known in _READABLE}:
        raise OtherFormat(f"of format {bytes(form).decode()}, expected {_FORMAT}")
    return msgspec.json.decode(line, type=_State)


def _memory(state: _State) -> Memory:
    if state.size.bit_count() != len(state.frontier):
        raise ValueError(f"a tree of {state.size} has no frontier of {len(state.frontier)}")
    return Memory(
        state.origin,
        Frontier(state.size, tuple(bytes.fromhex(root) for root in state.frontier)),
        {head.instance: head for head in state.heads},
        state.key_id,
        state.recovery_id,
        state.heads_on,
        {timetable.source: timetable for timetable in state.timetables},
    )


def _in_base64(signed: Signed) -> _Signed:
    return _Signed(
        [base64.b64encode(record.signature).decode() for record in signed.records],
        [record.key_id for record in signed.records],
        signed.checkpoint,
    )


def _from_base64(signed: _Signed, batch: tuple[bytes, ...]) -> Signed:
    signatures = [base64.b64decode(text) for text in signed.signatures]
    parts = zip(batch, signatures, signed.key_ids, strict=True)
    return Signed(tuple(Record(*part) for part in parts), signed.checkpoint)
