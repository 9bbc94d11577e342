"""Signed notes and checkpoints, as C2SP has them: parsed, printed, never trusted. Pure.

A note is a text, an empty line and signature lines (C2SP signed-note). A checkpoint is a
note whose text is the head of a log: its origin, its size, the root of its tree (C2SP
tlog-checkpoint). Whoever parses one knows what it says, not yet that it is so: a
signature is checked by `warehouse.keys`.

There is one way to write each of them, so that no byte of a note can be changed without
changing what it says.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from warehouse.errors import BrokenHistory

_DASH: Final = "\u2014 "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+]+")
_MOST_SIGNATURES: Final = 16
_LONGEST: Final = 1 << 16


class MalformedNote(BrokenHistory):
    """A text that should be a signed note or a checkpoint, and is none."""


@dataclass(frozen=True)
class Signature:
    """One signature line: whose, by which key (4 bytes of a hash), and the signature itself."""

    name: str
    key_hash: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {_encode(self.key_hash + self.signature)}\n"


@dataclass(frozen=True)
class Note:
    """A signed text. `text` ends with a newline and is exactly what the signatures cover."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: `size` records, and the root of the tree over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint together with the note that it came in."""

    checkpoint: Checkpoint
    note: Note

    @property
    def origin(self) -> str:
        return self.checkpoint.origin

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root

    def __str__(self) -> str:
        return str(self.note)


def parse_note(content: str) -> Note:
    """Read a signed note. Raises MalformedNote unless it is written as `str(Note)` writes it."""
    if len(content) > _LONGEST:
        raise MalformedNote(f"note of {len(content)} characters is longer than {_LONGEST}")
    if _CONTROL.search(content):
        raise MalformedNote("note has a control character in it")
    # The text itself may have empty lines: the last one parts it from the signatures.
    text, empty, lines = content.rpartition("\n\n")
    if not empty or not lines.endswith("\n"):
        raise MalformedNote("note has no empty line with whole signature lines after it")
    signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > _MOST_SIGNATURES:
        raise MalformedNote(f"note has more than {_MOST_SIGNATURES} signatures")
    return Note(text + "\n", signatures)


def parse_checkpoint(content: str) -> SignedCheckpoint:
    """Read a signed checkpoint. Raises MalformedNote."""
    note = parse_note(content)
    origin, size, root, *rest = [*note.text.split("\n"), "", ""][:5]
    if note.text.count("\n") != 3 or any(rest):
        raise MalformedNote("checkpoint has not exactly three lines")
    if not origin:
        raise MalformedNote("checkpoint has no origin")
    if not (size.isascii() and size.isdigit()) or (size != "0" and size.startswith("0")):
        raise MalformedNote(f"checkpoint's size {size!r} is no plain number")
    if len(size) > 16:
        raise MalformedNote(f"checkpoint's size {size!r} is too large")
    hashed = _decode(root)
    if len(hashed) != 32:
        raise MalformedNote(f"checkpoint's root has {len(hashed)} bytes, expected 32")
    return SignedCheckpoint(Checkpoint(origin, int(size), hashed), note)


def notes_in(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Take a file of notes apart: each note as it was written, and whether it is whole.

    An empty line ends a note, another one parts its text from its signatures. Only what
    comes last can be torn.
    """
    piece: list[str] = []
    empty = 0
    for line in lines:
        piece.append(line)
        empty += line == "\n"
        if empty == 2:
            yield "".join(piece[:-1]), True
            piece, empty = [], 0
    if piece:
        yield "".join(piece), False


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise MalformedNote(f"{line[:80]!r} is no signature line")
    signed = _decode(encoded)
    if len(signed) <= 4:
        raise MalformedNote(f"signature of {name!r} is too short")
    return Signature(name, signed[:4], signed[4:])


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote(f"{text[:80]!r} is not base64: {error}") from None
    if _encode(decoded) != text:
        # Unused bits may hold anything: only one spelling is taken.
        raise MalformedNote(f"{text[:80]!r} is not base64 as it is written")
    return decoded
