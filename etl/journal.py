"""What the signer remembers, outside the warehouse.

One file: the log as it was, and the payloads that were about to be signed since, batch by batch.
A batch is on disk before a signature over it leaves the process. After a crash the same payloads
are signed again: never different ones at the same index.

A batch is written into room that the file has for it; only when the room is used up, the file
is replaced as a whole. `journal_lines` says what is in it, and how a batch that was cut off
is told from a file that is damaged.

A change of keys needs two signers at once, and the one who finishes after a crash may have
neither: there the signatures themselves are kept, before they leave.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from etl.journal_lines import Journal, OtherFormat, Signed, Written, understood, written
from warehouse import files
from warehouse.errors import CannotStore, LedgerFailure
from warehouse.record import NotCanonical

__all__ = ["STATE_FILE", "Journal", "JournalFile", "Signed", "read_journal", "write_journal"]

STATE_FILE: Final = "signer.journal"


class JournalFile:
    """The file of a journal, for who holds the writers' lock.

    What it knows it does not take apart again while the file still says the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: Written | None = None

    def read(self) -> Journal:
        """As `read_journal`."""
        content = _content(self._path)
        if not self._known or self._known.content != content:
            self._known = _understood(content, self._path)
        return self._known.journal

    def write(self, journal: Journal) -> None:
        """Make this the newest, durably and at once. Raises CannotStore."""
        known, self._known = self._known, None
        following = known.followed_by(journal) if known else None
        # A copy that is a hard link to the file must stay what it was.
        if following and self._path.stat().st_nlink == 1:
            start, now = following
            self._overwrite(start, memoryview(now.content)[start : now.end])
        else:
            now = written(journal)
            files.replace(self._path, _draft_of(self._path), now.content, mode=0o600)
        self._known = now

    def flush(self) -> None:
        """Make durable what was read: who wrote it may have died before that.

        Raises CannotStore.
        """
        files.flush(self._path)

    def _overwrite(self, start: int, lines: memoryview) -> None:
        try:
            files.overwrite(self._path, start, lines)
        except CannotStore:
            # What the disk has not taken would look as if it had, for as long as it is remembered.
            with suppress(CannotStore):
                files.overwrite(self._path, start, b"\n" * len(lines))
            raise

    def sweep(self) -> None:
        """Remove what a killed writer left beside the journal."""
        _draft_of(self._path).unlink(missing_ok=True)


def read_journal(path: Path) -> Journal:
    """Read the journal back. Raises LedgerFailure when it is missing or damaged."""
    return _understood(_content(path), path).journal


def write_journal(path: Path, journal: Journal) -> None:
    """Replace the journal, durably and at once. Raises CannotStore."""
    JournalFile(path).write(journal)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise LedgerFailure(
            f"the signer's state {str(path)!r} is missing",
            hint="Restore it from your backup: without it the signer cannot know what it signed.",
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from error


def _understood(content: bytes, path: Path) -> Written:
    try:
        return understood(content)
    except OtherFormat as error:
        raise LedgerFailure(
            f"the signer's state {str(path)!r} is {error}",
            hint="Another release of tallybook wrote it: use that one.",
        ) from None
    except (ValueError, msgspec.DecodeError, NotCanonical) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> LedgerFailure:
    return LedgerFailure(
        f"cannot read the signer's state {str(path)!r}: {error}",
        hint="Restore it from your backup.",
    )


def _draft_of(path: Path) -> Path:
    # Always the same name: only the lock's holder writes.
    return path.with_name(f".{path.name}.draft")
