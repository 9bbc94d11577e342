"""What the command and the process that answers say to each other, over two pipes.

A frame is a letter, the length of what follows, and that: bytes of the answer, or JSON.
"""

import os
import struct
from typing import Final, NamedTuple

import msgspec

_HEAD: Final = struct.Struct(">cI")

QUESTION: Final = b"Q"
CANCEL: Final = b"C"
READY: Final = b"Y"
ROWS: Final = b"R"
END: Final = b"E"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the process answers from: a warehouse, as known at a time (UTC, ISO), within limits.

    `memory` is in bytes; `folder` is a place for what does not fit, None where there is none.
    """

    root: str
    as_of: str | None
    memory: int
    folder: str | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question, and how its answer is to be written.

    `width` is that of the terminal it goes to, None where it goes to no terminal.
    """

    sql: str
    form: str
    width: int | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer ended: well, cancelled, or with a failure and its hint and exit code."""

    rows: int = 0
    note: str | None = None
    cancelled: bool = False
    failure: str | None = None
    hint: str | None = None
    exit_code: int = 1


def too_much(memory: int) -> Ending:
    """What is said of a question that took all the memory it may."""
    return Ending(
        failure=f"the question needs more than {memory / 1e9:.3g} GB of memory",
        hint="Ask for less, such as one instance, one statistic or a shorter time; "
        "or allow more: --memory 8GB",
    )


class Frame(NamedTuple):
    """One message."""

    kind: bytes
    content: bytes


def send(pipe: int, kind: bytes, content: bytes = b"") -> None:
    """Write one frame. Raises BrokenPipeError where nobody reads any more."""
    left = memoryview(_HEAD.pack(kind, len(content)) + content)
    while left:
        left = left[os.write(pipe, left) :]


def receive(pipe: int) -> Frame | None:
    """Read one frame; None where the other side has ended."""
    head = _exactly(pipe, _HEAD.size)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    content = _exactly(pipe, length)
    return None if content is None else Frame(kind, content)


def _exactly(pipe: int, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        more = os.read(pipe, count - len(found))
        if not more:
            return None
        found += more
    return bytes(found)
