"""Zip files for others: written as a whole or not at all, and opened without trusting them.

The same content gives the same bytes. What somebody sends may be made to harm: before a
member is read, all of them are looked at, and one that cannot be meant refuses the file.
Zip says many things twice, at the member and in the list at the end, and programs differ in
whom they believe: here both have to say the same, and nothing may be in between (see
APPNOTE.TXT 4.3, by PKWARE). So whatever unpacks the file finds the members that were checked.
"""

import os
import re
import struct
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
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LISTED_BYTES: Final = 46
_MOST_16: Final = (1 << 16) - 1
_MOST_32: Final = (1 << 32) - 1
_READABLE: Final = 0o644 << 16
# How hard it was packed, and that its name is UTF-8.
_HARMLESS_FLAGS: Final = 0x806
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
        with storing(path):
            yield draft
        require_new(path)
        adopt(path, draft)
    finally:
        with suppress(OSError):
            draft.unlink()


def require_new(path: Path) -> None:
    """Raise BadInput where there is a file of this name already, or no folder for it."""
    if path.exists() or path.is_symlink():
        raise BadInput(
            f"{str(path)!r} is there already, and nothing is ever replaced",
            hint="Name another file, or remove that one first.",
        )
    if not path.parent.is_dir():
        raise BadInput(
            f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}",
            hint="Make the folder first, or name another file.",
        )


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip file of members in their order. Raises OSError."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _READABLE
            archive.writestr(info, content)


class Archive:
    """The members of a zip file that somebody else may have made, each with its size."""

    def __init__(self, file: BinaryIO, members: Iterable[zipfile.ZipInfo]) -> None:
        self._file = file
        self._members = {member.filename: member for member in members}
        self.sizes: Mapping[str, int] = {n: m.file_size for n, m in self._members.items()}

    def read(self, name: str) -> bytes:
        """The content of a member. Raises BadArchive for one that is damaged."""
        member = self._members[name]
        self._file.seek(_content_of(member))
        packed = self._file.read(member.compress_size)
        try:
            content = _unpacked(packed, member)
        except zlib.error as error:
            raise BadArchive(f"member {name!r} cannot be read: {error}") from None
        if zlib.crc32(content) != member.CRC:
            raise BadArchive(f"member {name!r} cannot be read: it is damaged")
        return content


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
                members = content.infolist()
                _require_plain(members, limit)
                _require_gapless(file, members, content.start_dir)
                yield Archive(file, members)
        except zipfile.BadZipFile as error:
            raise BadArchive(f"it is no zip file: {str(error).lower()}") from None


def _unpacked(packed: bytes, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type == zipfile.ZIP_STORED:
        content, is_whole = packed, True
    else:
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        content = unpack.decompress(packed, member.file_size + 1)
        is_whole = unpack.eof and not unpack.unused_data
    if len(content) != member.file_size or not is_whole:
        raise BadArchive(f"member {member.filename!r} has another size than the list says")
    return content


def _content_of(member: zipfile.ZipInfo) -> int:
    """Where the content of a member begins, which has a plain name and nothing extra."""
    return member.header_offset + _LOCAL.size + len(member.filename)


def _require_gapless(file: BinaryIO, members: list[zipfile.ZipInfo], listed: int) -> None:
    """Refuse whatever is not a member, the list of them, or its end; and what is told twice."""
    at = 0
    for member in sorted(members, key=lambda one: one.header_offset):
        if member.header_offset != at:
            raise BadArchive(f"there is something else before its member {member.filename!r}")
        file.seek(at)
        if file.read(_content_of(member) - at) != _header(member):
            raise BadArchive(
                f"member {member.filename!r} is called or packed otherwise than the list says"
            )
        at = _content_of(member) + member.compress_size
    if listed != at:
        raise BadArchive("there is something else before its list of members")
    size = sum(_LISTED_BYTES + len(member.filename) for member in members)
    file.seek(listed + size)
    if not _is_end(file.read(), len(members), size, listed):
        raise BadArchive("there is something else after its list of members")


def _header(member: zipfile.ZipInfo) -> bytes:
    """What has to stand before the content of a member."""
    year, month, day, hour, minute, second = member.date_time
    return (
        _LOCAL.pack(
            b"PK\x03\x04",
            member.extract_version,
            member.flag_bits,
            member.compress_type,
            hour << 11 | minute << 5 | second // 2,
            (year - 1980) << 9 | month << 5 | day,
            member.CRC,
            member.compress_size,
            member.file_size,
            len(member.filename),
            0,
        )
        + member.filename.encode()
    )


def _is_end(end: bytes, count: int, size: int, at: int) -> bool:
    """Whether these are the bytes after the list: as ZIP64 where it is too long for less."""
    is_long = count > _MOST_16 or size > _MOST_32 or at > _MOST_32
    short = struct.pack(
        "<4s4H2LH",
        _END, 0, 0, *[min(count, _MOST_16)] * 2, min(size, _MOST_32), min(at, _MOST_32), 0,
    )  # fmt: skip
    if not is_long:
        return end == short
    long = struct.pack("<2L4Q", 0, 0, count, count, size, at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + size, 1)
    begin = b"PK\x06\x06" + struct.pack("<Q", 44)
    # In between are the versions of who wrote it.
    return end.startswith(begin) and end[16:] == long + locator + short


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"cannot read {str(path)!r}: {reason}") from None


def _require_plain(members: list[zipfile.ZipInfo], limit: Callable[[str], int | None]) -> None:
    if not 0 < len(members) <= _MOST_MEMBERS:
        raise BadArchive(f"it has {len(members)} members, expected 1 to {_MOST_MEMBERS}")
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        most = limit(name)
        if most is None or name != member.filename:
            raise BadArchive(f"neither a bundle nor a proof has a member named {name[:200]!r}")
        if name in seen:
            raise BadArchive(f"it has two members named {name!r}")
        if member.file_size > most:
            raise BadArchive(f"member {name!r} has {member.file_size} bytes, more than {most}")
        if _is_odd(member):
            raise BadArchive(
                f"member {name!r} is no plain file: encrypted, a link, or packed oddly"
            )
        if member.extra or member.comment:
            raise BadArchive(f"member {name!r} has something extra, by which it could be renamed")
        seen.add(name)
    if (total := sum(member.file_size for member in members)) > _MOST_BYTES:
        raise BadArchive(f"its members have {total} bytes, more than {_MOST_BYTES}")


def _is_odd(member: zipfile.ZipInfo) -> bool:
    is_link = (member.external_attr >> 16) & _FILE_TYPE == _SYMLINK
    is_flagged = bool(member.flag_bits & ~_HARMLESS_FLAGS)
    return is_flagged or is_link or member.compress_type not in _METHODS


def limits(*table: tuple[str, int]) -> Callable[[str], int | None]:
    """Say by name how large a member may be: the first pattern that fits, None for none."""
    compiled = [(re.compile(pattern), most) for pattern, most in table]

    def limit(name: str) -> int | None:
        return next((most for pattern, most in compiled if pattern.fullmatch(name)), None)

    return limit
