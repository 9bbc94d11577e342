"""Files that survive a power cut, and locks that do not survive their holder.

A file appears whole or not at all: it is drafted where nobody looks, flushed,
and only then given its name. Operating-system errors come out as `CannotStore`,
naming the path.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from warehouse.errors import CannotStore, Locked

# macOS has no other.
_flush_content = getattr(os, "fdatasync", os.fsync)
_ADVICE = {
    errno.ENOSPC: "Free some space on that disk and run it again; nothing was half-written.",
    errno.EDQUOT: "Free some of the quota and run it again; nothing was half-written.",
    errno.EROFS: "The file system is mounted read-only: mount it writable, or move the folder.",
    errno.EACCES: "Run as the user who owns the folder, or give this user write access.",
    errno.EPERM: "Run as the user who owns the folder, or give this user write access.",
    errno.EIO: "The disk reports an error; look at the system log before writing any more.",
}


@contextmanager
def storing(what: Path) -> Iterator[None]:
    """Turn an operating-system error into a `CannotStore` that names `what`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotStore(
            f"cannot write {str(what)!r}: {reason}", hint=_ADVICE.get(error.errno or 0)
        ) from error


def publish_new(target: Path, draft: Path, content: bytes | memoryview) -> None:
    """Give `target` to `content`, durably; refuse to replace a file.

    Raises FileExistsError when the name is taken, CannotStore for everything
    else that goes wrong. The draft is gone afterwards, whatever happens.
    """
    try:
        _write_flushed(draft, content)
        if not _link(draft, target):
            raise FileExistsError(target)
        with storing(target.parent):
            flush_folder(target.parent)
    finally:
        _forget(draft)


def replace(target: Path, draft: Path, content: bytes | memoryview, *, mode: int = 0o666) -> None:
    """Put `content` in the place of `target`, durably and at once. Raises CannotStore."""
    try:
        _write_flushed(draft, content, mode)
        _rename(draft, target)
    except BaseException:
        _forget(draft)
        raise


def adopt(target: Path, draft: Path) -> None:
    """Put the finished file `draft` in the place of `target`, durably and at once."""
    with storing(draft):
        descriptor = os.open(draft, os.O_RDONLY)
        with _closing(descriptor):
            os.fsync(descriptor)
    _rename(draft, target)


def flush(target: Path) -> None:
    """Make a file and its name durable, whoever wrote them. Raises CannotStore."""
    with storing(target):
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        with _closing(descriptor):
            os.fsync(descriptor)
        flush_folder(target.parent)


def overwrite(target: Path, start: int, content: bytes | memoryview) -> None:
    """Put `content` over what a file has from `start` on, durably, not at once.

    Neither the name nor the size of the file changes, so the disk has little to do; whoever
    reads the file has to tell what is written whole. Raises CannotStore.
    """
    with storing(target):
        descriptor = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
        with _closing(descriptor):
            os.lseek(descriptor, start, os.SEEK_SET)
            _write_all(descriptor, content)
            _flush_content(descriptor)


def _write_flushed(path: Path, content: bytes | memoryview, mode: int = 0o666) -> None:
    with storing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with _closing(descriptor):
            _write_all(descriptor, content)
            os.fsync(descriptor)


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        # An error of the disk must not get lost: it is raised here as well.
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes | memoryview) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _link(draft: Path, target: Path) -> bool:
    # link(), not rename(): it refuses to replace a name that exists.
    with storing(target):
        try:
            os.link(draft, target)
        except FileExistsError:
            return False
    return True


def _rename(draft: Path, target: Path) -> None:
    with storing(target):
        draft.replace(target)
        flush_folder(target.parent)


def _forget(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink()


def flush_folder(folder: Path) -> None:
    """Make the names in `folder` durable, not only the contents behind them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read, if it is one: a pipe or a device would never end. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, *, most: int) -> bytes:
    """Read a regular file of no more than `most` bytes. Raises OSError."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most} bytes", str(path))
    return content


@contextmanager
def exclusive_lock(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold `path` alone; the operating system frees it when the process ends, however it ends.

    Waits its turn for up to `wait_seconds`, then raises Locked with the process
    id that the holder left in the file.
    """
    with storing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for_lock(descriptor, path, wait_seconds)
        # Always as wide: truncating the file first would cost as much as a flush.
        os.pwrite(descriptor, f"{os.getpid():<12}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise Locked(
                    f"{str(path)!r} is held by process {holder}, "
                    f"which did not finish within {wait_seconds:g} s",
                    hint="Let the other tallybook finish, or end it, and run this again.",
                ) from None
            time.sleep(0.02)
        else:
            return
