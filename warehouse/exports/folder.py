"""The folder that exports go to: whole versions, and a link to the newest.

    DIR/
      latest -> 2026-11-25T02-00-00Z-7      replaced in one step; what readers open
      2026-11-25T02-00-00Z-7/               never changed once it has its name
      2026-11-24T02-00-00Z-6/               stays for those who are reading it

A version is written where nobody looks, flushed to disk, and only then named and linked to:
a reader sees a whole export or the whole one before it, whenever the writer dies. What one
left half-written is removed by the next.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from warehouse.errors import CannotStore
from warehouse.exports.manifest import MANIFEST, Manifest, read_manifest
from warehouse.files import exclusive_lock, flush_folder, storing

_VERSION: Final = re.compile(r"\d{4,5}-\d\d-\d\dT\d\d-\d\d-\d\dZ-(\d{1,9})")
_OURS: Final = ".tallybook-"
_LOCK: Final = f"{_OURS}lock"
_DRAFT: Final = f"{_OURS}draft"
_LINK: Final = f"{_OURS}link"
_GONE: Final = f"{_OURS}gone-"
_WAIT_SECONDS: Final = 10.0


class ExportFolder:
    """A folder of exports. Everything but `opened` wants its lock to be held."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def latest(self) -> Path:
        return self.path / "latest"

    @contextmanager
    def opened(self, *, outside: Path) -> Iterator[None]:
        """Make the folder if need be, and hold it alone; what a killed export left is gone.

        Raises CannotStore where it lies in the folder `outside` or takes no links, Locked
        where another export runs.
        """
        root = outside.resolve()
        if self.path == root or root in self.path.parents:
            raise CannotStore(
                f"{str(self.path)!r} lies in the warehouse {str(root)!r}",
                hint="Name a folder outside of it with --to.",
            )
        with storing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self.path / _LOCK, wait_seconds=_WAIT_SECONDS):
            self._sweep()
            self._require_links()
            yield

    def newest(self) -> Manifest | None:
        """The manifest of the version that `latest` leads to; None where there is none yet.

        Raises CannotStore where `latest` is somebody else's, LedgerFailure where the
        manifest cannot be read.
        """
        if not os.path.lexists(self.latest):
            return None
        target = str(self.latest.readlink()) if self.latest.is_symlink() else ""
        if not _VERSION.fullmatch(target):
            raise CannotStore(
                f"{str(self.latest)!r} is there already, and no export made it",
                hint="Name another folder with --to, or move it away.",
            )
        version = self.path / target
        return read_manifest(version) if version.exists() else None

    def is_intact(self, manifest: Manifest) -> bool:
        """Whether the files of a version are there, each as long as its manifest says."""
        try:
            sizes = [(self.path / manifest.version / f.path).stat().st_size for f in manifest.files]
        except OSError:
            return False
        return sizes == [file.bytes for file in manifest.files]

    def new_name(self, now: datetime) -> str:
        """A name for the next version: when it was begun, and a number that only grows."""
        numbers = [int(found[1]) for found in map(_VERSION.fullmatch, self._names()) if found]
        return f"{now:%Y-%m-%dT%H-%M-%SZ}-{max(numbers, default=0) + 1}"

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A folder to write a version in. Raises CannotStore; what is not published goes."""
        draft = self.path / _DRAFT
        with storing(draft):
            draft.mkdir()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def publish(self, draft: Path, name: str) -> None:
        """Give a draft its name, durably, and let `latest` lead to it. Raises CannotStore."""
        _flush(draft)
        version = self.path / name
        with storing(version):
            draft.rename(version)
            flush_folder(self.path)
        link = self.path / _LINK
        with storing(self.latest):
            link.symlink_to(name)
            link.replace(self.latest)
            flush_folder(self.path)

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` versions, and never the one that `latest` leads to."""
        found = [name for name in self._names() if self._is_version(name)]
        found.sort(key=_number, reverse=True)
        # The next export tries again: this one has succeeded.
        with suppress(OSError):
            for name in found[keep:]:
                if name != str(self.latest.readlink()):
                    gone = self.path / f"{_GONE}{name}"
                    (self.path / name).rename(gone)
                    shutil.rmtree(gone)

    def _names(self) -> list[str]:
        with storing(self.path):
            return [entry.name for entry in self.path.iterdir()]

    def _is_version(self, name: str) -> bool:
        return bool(_VERSION.fullmatch(name)) and (self.path / name / MANIFEST).is_file()

    def _sweep(self) -> None:
        for name in self._names():
            if name == _DRAFT or name.startswith(_GONE):
                shutil.rmtree(self.path / name, ignore_errors=True)
            if name == _LINK:
                with storing(self.path / name):
                    (self.path / name).unlink()

    def _require_links(self) -> None:
        # Asked first: where there are none, nothing should have been written.
        link = self.path / _LINK
        try:
            link.symlink_to(".")
            link.unlink()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CannotStore(
                f"cannot make symbolic links in {str(self.path)!r}: {reason}",
                hint="latest is one, because nothing else can be replaced in one step: "
                "export to a file system that has them, and copy from there.",
            ) from error


def take_over(old: Path, new: Path) -> None:
    """Let a finished part be in another version too, at no cost where there are hard links."""
    with storing(new):
        try:
            os.link(old, new)
        except OSError:
            shutil.copyfile(old, new)
            new.chmod(old.stat().st_mode)


def _flush(draft: Path) -> None:
    # Everything below it, then itself: what has a name must have its bytes on disk.
    for path in sorted(draft.rglob("*"), reverse=True):
        with storing(path):
            if path.is_dir():
                flush_folder(path)
            else:
                _finish(path)
    with storing(draft):
        flush_folder(draft)


def _finish(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        mode = os.fstat(descriptor).st_mode
        if mode & 0o222:
            # A part belongs to several versions: nobody should edit it in one of them.
            os.fchmod(descriptor, mode & 0o555)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _number(name: str) -> int:
    found = _VERSION.fullmatch(name)
    return int(found[1]) if found else 0
