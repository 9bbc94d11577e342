"""Zip files that two programs could read in two ways, or that do harm; and why they are refused."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable

from tests.forged_proofs import a_proof_zip


def members(*, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A good proof, zipped by somebody else's program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in a_proof_zip(11, 6).items():
            archive.writestr(name, content)
    return out.getvalue()


def with_member(name: str, content: bytes = b"", **attributes: object) -> bytes:
    """The same with one member more."""
    out = io.BytesIO(members())
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        # It warns of a name that is there already.
        with warnings.catch_warnings(action="ignore"):
            archive.writestr(info, content)
    return out.getvalue()


def encrypted() -> bytes:
    content = bytearray(members())
    # The flag stands in both headers of the first member.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def renamed(old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return members().replace(old, new)


def damaged() -> bytes:
    content = bytearray(members(method=zipfile.ZIP_STORED))
    place = content.index(b'"users":120')
    content[place + 8] ^= 1
    return bytes(content)


def larger_than_it_is() -> bytes:
    """Say in the list of members that one is far larger than what is packed."""
    content = bytearray(members())
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 1 << 30)
    return bytes(content)


def renaming(name: str, other: str) -> bytes:
    """The extra field by which Info-ZIP's unzip gives a member another name (0x7075)."""
    content = b"\1" + struct.pack("<I", zlib.crc32(name.encode())) + other.encode()
    return struct.pack("<2H", 0x7075, len(content)) + content


def extra_at_the_member() -> bytes:
    """The same in the member's own header only: the list knows nothing of it."""
    extra = renaming("data.csv", "README.txt")
    content = with_member("data.csv", b"a\n", extra=extra)
    place = content.rindex(b"PK\x01\x02")
    listed = bytearray(content[place:].replace(extra, b""))
    listed[30:32] = b"\0\0"
    end = listed.index(b"PK\x05\x06")
    (size,) = struct.unpack_from("<L", listed, end + 12)
    listed[end + 12 : end + 16] = struct.pack("<L", size - len(extra))
    return content[:place] + bytes(listed)


def with_comment() -> bytes:
    out = io.BytesIO(members())
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"more"
    return out.getvalue()


def unlisted(*, last: bool = True) -> bytes:
    """Take a member out of the list, and leave it where it was."""
    out = io.BytesIO(with_member("data.csv", b"a\n"))
    with zipfile.ZipFile(out, "a") as archive:
        place = len(archive.filelist) - (1 if last else 2)
        del archive.filelist[place]
        archive.comment = b""
    return out.getvalue()


def bytes_before_the_end() -> bytes:
    content = members()
    return content[:-22] + b"more" + content[-22:]


def overlapping() -> bytes:
    """Let the second member be where the first one is."""
    content = bytearray(members())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[second + 42 : second + 46] = bytes(4)
    return bytes(content)


def more_than_it_says() -> bytes:
    """Say of a packed member, in both places, that it is shorter: some programs believe that."""
    content = bytearray(members())
    listed = content.index(b"PK\x01\x02")
    (size,) = struct.unpack_from("<L", content, 22)
    for place in (22, listed + 24):
        content[place : place + 4] = struct.pack("<L", size - 1)
    return bytes(content)


ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "it is no zip file, or goes on after its end"),
    "no zip": (lambda: b"PK\x03\x04 and no more", "it is no zip file, or goes on after its end"),
    "no members": (
        lambda: b"PK\x05\x06" + bytes(18),
        "it has 0 members, expected 1 to 1000000",
    ),
    "an end that lies": (
        lambda: members()[:50] + members()[-22:],
        "it is no zip file: bad offset for central directory",
    ),
    "bytes after it": (
        lambda: members() + b"\n",
        "it is no zip file, or goes on after its end",
    ),
    "bytes before it": (
        lambda: b"#!/bin/sh\n" + members(),
        "there is something else before its member 'README.txt'",
    ),
    "a name for other programs": (
        lambda: with_member("data.csv", b"a\n", extra=renaming("data.csv", "README.txt")),
        "member 'data.csv' has something extra, by which it could be renamed",
    ),
    "a name for other programs, at the member only": (
        extra_at_the_member,
        "member 'data.csv' is called or packed otherwise than the list says",
    ),
    "another name at the member": (
        lambda: members().replace(b"record.sig", b"record.gis", 1),
        "member 'record.sig' is called or packed otherwise than the list says",
    ),
    "another size at the member": (
        lambda: members()[:22] + b"\0\0" + members()[24:],
        "member 'README.txt' is called or packed otherwise than the list says",
    ),
    "a comment on a member": (
        lambda: with_member("data.csv", b"a\n", comment=b"more"),
        "member 'data.csv' has something extra, by which it could be renamed",
    ),
    "a comment": (with_comment, "it is no zip file, or goes on after its end"),
    "a member that is not listed": (
        unlisted,
        "there is something else before its list of members",
    ),
    "another file in a gap": (
        lambda: unlisted(last=False),
        "there is something else before its member 'data.csv'",
    ),
    "bytes before its end": (
        bytes_before_the_end,
        "it is no zip file: bad magic number for central directory",
    ),
    "another count at its end": (
        lambda: members()[:-12] + b"\1\0" + members()[-10:],
        "there is something else after its list of members",
    ),
    "two members in one place": (
        overlapping,
        "there is something else before its member 'verify.sh'",
    ),
    "more than it says": (
        more_than_it_says,
        "member 'README.txt' has another size than the list says",
    ),
    "the same name twice": (
        lambda: with_member("record.json", b"{}"),
        "it has two members named 'record.json'",
    ),
    "a way out": (
        lambda: with_member("../../etc/passwd"),
        "neither a bundle nor a proof has a member named '../../etc/passwd'",
    ),
    "a way from the top": (
        lambda: with_member("/etc/passwd"),
        "neither a bundle nor a proof has a member named '/etc/passwd'",
    ),
    "a way of another system": (
        lambda: with_member("payloads\\1.json"),
        r"neither a bundle nor a proof has a member named 'payloads\\1.json'",
    ),
    "a folder": (
        lambda: with_member("payloads/"),
        "neither a bundle nor a proof has a member named 'payloads/'",
    ),
    "an index with a zero before it": (
        lambda: with_member("payloads/01.json"),
        "neither a bundle nor a proof has a member named 'payloads/01.json'",
    ),
    "a line break in a name": (
        lambda: with_member("record.json\n"),
        r"neither a bundle nor a proof has a member named 'record.json\n'",
    ),
    "a zero byte in a name": (
        lambda: renamed(b"record.json", b"record.js\0n"),
        r"neither a bundle nor a proof has a member named 'record.js\x00n'",
    ),
    "a link": (
        lambda: with_member("data.csv", b"/etc/passwd", external_attr=0o120777 << 16),
        "member 'data.csv' is no plain file: encrypted, a link, or packed oddly",
    ),
    "another packing": (
        lambda: with_member("data.csv", b"a", compress_type=zipfile.ZIP_BZIP2),
        "member 'data.csv' is no plain file: encrypted, a link, or packed oddly",
    ),
    "encrypted": (
        encrypted,
        "member 'README.txt' is no plain file: encrypted, a link, or packed oddly",
    ),
    "a bomb": (
        lambda: with_member("payloads/1.json", bytes((1 << 20) + 1)),
        "member 'payloads/1.json' has 1048577 bytes, more than 1048576",
    ),
    "a size that is a lie": (
        larger_than_it_is,
        "member 'README.txt' has 1073741824 bytes, more than 1048576",
    ),
    "a damaged member": (
        damaged,
        "member 'record.json' cannot be read: it is damaged",
    ),
}
