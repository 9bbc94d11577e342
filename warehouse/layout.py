"""Where everything lies in a warehouse folder, and how the files are named.

    <warehouse>/
      _tmp/                             drafts; nothing here counts
      definitions/<sha256>.json         what the statistics meant, by the hash of these bytes
      hot/epoch=000000/<log>.<index>.parquet    one file per commit: the records and their values
      checkpoints.log                   the signed head of each commit once more, as plain text
      anchors/                          what keepers elsewhere answered: timestamps, receipts
      catalog.duckdb                    views only; can be rebuilt at any time
      catalog.json                      what the views were built for

A commit's name is its position: 16 hex digits of SHA-256 of the log's origin and
the index of the first record in it. The same records must get the same name on
every retry, and a name can be created only once.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from warehouse.errors import NoWarehouse
from warehouse.files import storing

_HOT_NAME = re.compile(r"([0-9a-f]{16})\.([0-9]{12})\.parquet")
_EPOCH_NAME = re.compile(r"epoch=([0-9]{6})")
EPOCH_GLOB = f"epoch={'[0-9]' * 6}"


class HotFile(NamedTuple):
    """A commit's file. Ordered by log, then by position."""

    log_key: str
    first_index: int
    path: Path


class Layout(NamedTuple):
    """The paths inside one warehouse folder."""

    root: Path

    @property
    def drafts(self) -> Path:
        return self.root / "_tmp"

    @property
    def definitions(self) -> Path:
        return self.root / "definitions"

    @property
    def hot(self) -> Path:
        return self.root / "hot"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints.log"

    @property
    def anchors(self) -> Path:
        return self.root / "anchors"

    @property
    def catalog(self) -> Path:
        return self.root / "catalog.duckdb"

    @property
    def catalog_stamp(self) -> Path:
        return self.root / "catalog.json"

    def epoch(self, number: int) -> Path:
        return self.hot / f"epoch={number:06d}"

    def live_epoch(self) -> int:
        """The epoch that commits go to: the newest there is."""
        return max(self._epochs(), default=0)

    def hot_name(self, origin: str, first_index: int) -> str:
        return f"{log_key(origin)}.{first_index:012d}.parquet"

    def holds(self, origin: str, first_index: int) -> bool:
        """Whether there is a commit of this log that begins at `first_index`."""
        name = self.hot_name(origin, first_index)
        return any(os.access(f"{self.epoch(number)}/{name}", os.F_OK) for number in self._epochs())

    def hot_files(self) -> list[HotFile]:
        """Every commit's file, by log and position, without a hole while somebody writes."""
        # While a folder is listed a new name may be missed and a newer one seen. Whatever
        # stands before what the first look saw, a second look cannot miss.
        newest = {file.log_key: file.first_index for file in self._listed()}
        return [file for file in self._listed() if file.first_index <= newest.get(file.log_key, -1)]

    def _listed(self) -> list[HotFile]:
        named = ((path, _HOT_NAME.fullmatch(path.name)) for path in self._parquet_files())
        return sorted(HotFile(name[1], int(name[2]), path) for path, name in named if name)

    def stray_files(self) -> list[Path]:
        """Parquet files that are no commit's, although the views would read them."""
        return sorted(p for p in self._parquet_files() if not _HOT_NAME.fullmatch(p.name))

    def make_drafts(self) -> None:
        """Make the folder for drafts where it is missing: copies often leave out empty folders."""
        with storing(self.drafts):
            self.drafts.mkdir(exist_ok=True)
            if self.drafts.is_symlink():
                # What lies in there is swept: it has to be ours.
                raise OSError(errno.ELOOP, "it is a link to somewhere else")

    def require(self) -> None:
        """Raise NoWarehouse unless there is a warehouse here."""
        if not self.hot.is_dir():
            raise NoWarehouse(
                f"no warehouse in {str(self.root)!r}",
                hint="Name its folder with --warehouse, or make one with: "
                "tallybook init DIR --source NAME=URL",
            )

    def _epochs(self) -> Iterator[int]:
        # Not by glob: every commit asks, and it takes twenty times as long.
        with suppress(OSError), os.scandir(self.hot) as entries:
            for entry in entries:
                if name := _EPOCH_NAME.fullmatch(entry.name):
                    yield int(name[1])

    def _parquet_files(self) -> Iterator[Path]:
        for number in self._epochs():
            yield from self.epoch(number).glob("*.parquet")


def as_glob(path: Path) -> str:
    """Write a path as a pattern that matches it and nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


@lru_cache(maxsize=64)
def log_key(origin: str) -> str:
    """Return what names a log in file names: 16 hex digits of its origin's SHA-256."""
    return hashlib.sha256(origin.encode()).hexdigest()[:16]
