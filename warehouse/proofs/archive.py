"""Zip files for others: written as a whole or not at all, and opened without trusting them.

The same content gives the same bytes. What somebody sends may be made to harm: before a
member is read, all of them are looked at, and one that cannot be meant refuses the file.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from warehouse.errors import BadInput, BrokenHistory
from warehouse.files import adopt, storing

_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_READABLE: Final = 0o644 << 16
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SYMLINK: Final = 0o120000
_FILE_TYPE: Final = 0o170000
_MOST_MEMBERS: Final = 1_000_000
_MOST_BYTES: Final = 4 << 30


class BadArchive(BrokenHistory):
    """A file that should be one of our zip files, and is none, or holds what cannot be meant."""


@contextmanager
def new_archive(path: Path) -> Iterator[Path]:
    """Give a draft to be written; name it `path` once all went well. Raises BadInput, CannotStore.

    A file that is there stays.
    """
    require_new(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        require_new(path)
        adopt(path, draft)
    finally:
        with suppress(OSError):
            draft.unlink()


def require_new(path: Path) -> None:
    """Raise BadInput where there is a file of this name already."""
    if path.exists() or path.is_symlink():
        raise BadInput(
            f"{str(path)!r} is there already, and nothing is ever replaced",
            hint="Name another file, or remove that one first.",
        )


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip file of members in their order. Raises CannotStore."""
    with storing(path), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _READABLE
            archive.writestr(info, content)


class Archive:
    """The members of a zip file that somebody else may have made, each with its size."""

    def __init__(self, content: zipfile.ZipFile) -> None:
        self._content = content
        self.sizes: Mapping[str, int] = {i.filename: i.file_size for i in content.infolist()}

    def read(self, name: str) -> bytes:
        """The content of a member. Raises BadArchive for one that is damaged."""
        try:
            return self._content.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise BadArchive(f"member {name!r} cannot be read: {error}") from None


@contextmanager
def open_archive(path: Path, limit: Callable[[str], int | None]) -> Iterator[Archive]:
    """Open a zip file whose members have names and sizes that can be meant.

    `limit` says how many bytes a member of that name may have, None for a name that none
    has. Raises BadArchive, and BadInput where there is no file.
    """
    with _opened(path) as file:
        # What stands before or behind is another file to another program.
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _END_BYTES))
        if not file.read().startswith(_END):
            raise BadArchive("it is no zip file, or goes on after its end")
        try:
            with zipfile.ZipFile(file) as content:
                _require_plain(content.infolist(), limit)
                yield Archive(content)
        except zipfile.BadZipFile as error:
            raise BadArchive(f"it is no zip file: {str(error).lower()}") from None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"cannot read {str(path)!r}: {reason}") from None


def _require_plain(members: list[zipfile.ZipInfo], limit: Callable[[str], int | None]) -> None:
    if not 0 < len(members) <= _MOST_MEMBERS:
        raise BadArchive(f"it has {len(members)} members, expected 1 to {_MOST_MEMBERS}")
    if min(member.header_offset for member in members):
        raise BadArchive("it has other bytes before its beginning")
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        most = limit(name)
        if most is None or name != member.filename:
            raise BadArchive(f"no such file has a member named {name[:200]!r}")
        if name in seen:
            raise BadArchive(f"it has two members named {name!r}")
        if member.file_size > most:
            raise BadArchive(f"member {name!r} has {member.file_size} bytes, more than {most}")
        if _is_odd(member):
            raise BadArchive(
                f"member {name!r} is no plain file: encrypted, a link, or packed oddly"
            )
        seen.add(name)
    if (total := sum(member.file_size for member in members)) > _MOST_BYTES:
        raise BadArchive(f"its members have {total} bytes, more than {_MOST_BYTES}")


def _is_odd(member: zipfile.ZipInfo) -> bool:
    is_link = (member.external_attr >> 16) & _FILE_TYPE == _SYMLINK
    return bool(member.flag_bits & _ENCRYPTED) or is_link or member.compress_type not in _METHODS


def limits(*table: tuple[str, int]) -> Callable[[str], int | None]:
    """Say by name how large a member may be: the first pattern that fits, None for none."""
    compiled = [(re.compile(pattern), most) for pattern, most in table]

    def limit(name: str) -> int | None:
        return next((most for pattern, most in compiled if pattern.fullmatch(name)), None)

    return limit
