"""checkpoints.log: every signed head of every log, as plain text, one after the other.

The Parquet files hold the same notes; this file is for tools that read no Parquet, and
for eyes. It is only ever added to. Several signers may share a warehouse: whoever adds
holds the file's lock, and what a killed one left half-written is taken off first.
It is not flushed to disk: whatever a power cut takes away is added again from there.
"""

import fcntl
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from warehouse.files import flush_folder, open_regular, storing
from warehouse.note import MalformedNote, notes_in, parse_checkpoint

# Nearly always the newest note is the last one.
_TAILS: Final = (1 << 9, 1 << 14, 1 << 18)
# A note begins after an empty line that no signature follows.
_BEGINNING: Final = re.compile(rb"\n\n(?!\xe2\x80\x94 )")

# Not where a link leads: whoever may write in the history must not choose what is written to.
_OPENING: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def complete(
    path: Path,
    origin: str,
    size: int,
    newer: Callable[[int], Iterable[str]],
    *,
    lacking: bool = False,
) -> None:
    """See to it that the file has the checkpoints of `origin` up to `size` records.

    `newer` gives those over more records than it is asked with; `lacking` says that there are
    some for sure. Raises CannotStore.
    """
    # A look comes first: where nothing is missing, nothing has to be writable.
    if not lacking and _newest_in(path, origin) >= size:
        return
    with storing(path), _locked(path) as file:
        missing_since, end = _find(file, origin)
        if end < os.fstat(file).st_size:
            os.ftruncate(file, end)
        if missing_since < size:
            missing = "".join(f"{note}\n" for note in newer(missing_since))
            _add(file, missing.encode())


def read_checkpoints(path: Path) -> Iterator[tuple[str, bool]]:
    """Every note of the file as it stands there, and whether it is whole; none without a file."""
    try:
        with io.TextIOWrapper(
            open_regular(path), encoding="utf-8", errors="replace", newline="\n"
        ) as lines:
            yield from notes_in(lines)
    except FileNotFoundError:
        return


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    is_new = not path.exists()
    descriptor = os.open(path, _OPENING, 0o666)
    try:
        if is_new:
            flush_folder(path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _newest_in(path: Path, origin: str) -> int:
    try:
        with open_regular(path) as file:
            return _find(file.fileno(), origin)[0]
    except OSError:
        # Whoever wants to write to it will be told why that is impossible.
        return 0


def _find(file: int, origin: str) -> tuple[int, int]:
    """The size of the newest whole checkpoint of `origin`, or 0; where what is whole ends."""
    end = os.fstat(file).st_size
    for start in dict.fromkeys([*(max(0, end - tail) for tail in _TAILS), 0]):
        notes = list(_notes_from(file, start, end))
        if notes and not notes[-1][1]:
            end -= len(notes.pop()[0].encode("utf-8", "surrogateescape"))
        for note, _ in reversed(notes):
            size = _size_of(note, origin)
            if size is not None:
                return size, end
    return 0, end


def _notes_from(file: int, start: int, end: int) -> Iterator[tuple[str, bool]]:
    content = os.pread(file, end - start, start)
    if start:
        beginning = _BEGINNING.search(content)
        content = content[beginning.end() :] if beginning else b""
    text = content.decode("utf-8", "surrogateescape")
    return notes_in(io.StringIO(text, newline="\n"))


def _size_of(note: str, origin: str) -> int | None:
    try:
        checkpoint = parse_checkpoint(note)
    except MalformedNote:
        return None
    return checkpoint.size if checkpoint.origin == origin else None


def _add(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
