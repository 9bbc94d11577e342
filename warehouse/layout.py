"""Where everything lies in a warehouse folder, and how the files are named.

    <warehouse>/
      _tmp/                             drafts; nothing here counts
      definitions/<sha256>.json         what the statistics meant, by the hash of these bytes
      hot/epoch=000000/<log>.<index>.parquet    one file per commit: the records and their values
      sealed/<kind>/<period>.<log>.<first>-<end>.parquet    many commits, folded and sorted
      checkpoints.log                   the signed head of each commit once more, as plain text
      anchors/                          what keepers elsewhere answered: timestamps, receipts
      catalog.duckdb                    views only; can be rebuilt at any time
      catalog.json                      what the views were built for

A commit's name is its position: 16 hex digits of SHA-256 of the log's origin and
the index of the first record in it. The same records must get the same name on
every retry, and a name can be created only once. What is sealed, and what of both is
read: `warehouse.sealed.parts`.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from warehouse.errors import NoWarehouse
from warehouse.files import storing
from warehouse.sealed.parts import KINDS, Commit, Part, Standing, part_of, standing

_HOT_NAME = re.compile(r"([0-9a-f]{16})\.([0-9]{12})\.parquet")
_EPOCH_NAME = re.compile(r"epoch=([0-9]{6})")


class RecordFile(NamedTuple):
    """A file of records: of one commit, or of many. Ordered by log, then by position.

    `end` is one more than the last index of a sealed one, as its name says; None of a commit's.
    """

    log_key: str
    first_index: int
    path: Path
    end: int | None = None


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
    def sealed(self) -> Path:
        return self.root / "sealed"

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
        return max(self.epochs(), default=0)

    def part(self, part: Part, kind: str) -> Path:
        """One of the files of a part."""
        return self.sealed / kind / part.name

    def commit_file(self, epoch: int, commit: Commit) -> Path:
        """The file of a commit that lies in an epoch."""
        return self.epoch(epoch) / f"{commit.log_key}.{commit.first:012d}.parquet"

    def hot_name(self, origin: str, first_index: int) -> str:
        return f"{log_key(origin)}.{first_index:012d}.parquet"

    def holds(self, origin: str, first_index: int) -> bool:
        """Whether there is a commit of this log that begins at `first_index`."""
        name = self.hot_name(origin, first_index)
        if any(os.access(f"{self.epoch(number)}/{name}", os.F_OK) for number in self.epochs()):
            return True
        commit = Commit(log_key(origin), first_index)
        return any(part.holds(commit) for part in self.parts())

    def record_files(self) -> list[RecordFile]:
        """Every file of records that counts, by log and position, without a hole meanwhile."""
        # While a folder is listed a new name may be missed and a newer one seen. Whatever
        # stands before what the first look saw, a second look cannot miss.
        newest = {file.log_key: file.first_index for file in self._listed()}
        return [file for file in self._listed() if file.first_index <= newest.get(file.log_key, -1)]

    def commit_files(self) -> list[Path]:
        """The files of commits that are read one by one."""
        return [file.path for file in self.record_files() if file.end is None]

    def part_files(self, kind: str) -> list[Path]:
        """The files of one kind of the parts that count."""
        return [self.part(part, kind) for part in self.standing().parts]

    def standing(self) -> Standing:
        """What of the parts and of the epochs is read, as they are there now."""
        return standing([*self.parts()], {n: [*self.commits(n)] for n in self.epochs()})

    def parts(self) -> Iterator[Part]:
        """Every part of which all files are there."""
        kinds = [self.part_names(kind) for kind in KINDS]
        for name in sorted(set.intersection(*kinds)):
            if part := part_of(name):
                yield part

    def part_names(self, kind: str) -> set[str]:
        """The names of the files of one kind, those of parts alone."""
        return {name for name in _names(self.sealed / kind) if part_of(name)}

    def commits(self, epoch: int) -> Iterator[Commit]:
        """The commits that lie in an epoch."""
        for name in _names(self.epoch(epoch)):
            if found := _HOT_NAME.fullmatch(name):
                yield Commit(found[1], int(found[2]))

    def stray_files(self) -> list[Path]:
        """Parquet files that are no commit's, although views read them, or may."""
        return sorted(
            path
            for number in self.epochs()
            for path in self.epoch(number).glob("*.parquet")
            if not _HOT_NAME.fullmatch(path.name)
        )

    def epochs(self) -> Iterator[int]:
        """The numbers of the epochs that are there, in no order."""
        for name in _names(self.hot):
            if found := _EPOCH_NAME.fullmatch(name):
                yield int(found[1])

    def _listed(self) -> list[RecordFile]:
        parts, epochs, commits = self.standing()
        sealed = (RecordFile(p.log_key, p.first, self.part(p, "ledger"), p.end) for p in parts)
        whole = ((number, commit) for number in epochs for commit in self.commits(number))
        hot = (RecordFile(*c, self.commit_file(number, c)) for number, c in (*whole, *commits))
        return sorted([*sealed, *hot])

    def make_drafts(self) -> None:
        """Make the folder for drafts where it is missing: copies often leave out empty folders."""
        with storing(self.drafts):
            self.drafts.mkdir(exist_ok=True)
            if self.drafts.is_symlink():
                # What lies in there is swept: it has to be ours.
                raise OSError(errno.ELOOP, "it is a link to somewhere else")

    def require(self) -> None:
        """Raise NoWarehouse unless there is a warehouse here."""
        # What is sealed is one without `hot`: copies often leave out empty folders.
        if not (self.hot.is_dir() or self.sealed.is_dir()):
            raise NoWarehouse(
                f"no warehouse in {str(self.root)!r}",
                hint="Name its folder with --warehouse, or make one with: "
                "tallybook init DIR --source NAME=URL",
            )


def _names(folder: Path) -> list[str]:
    # Not by glob: every commit asks, and it takes ten times as long.
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def as_glob(path: Path) -> str:
    """Write a path as a pattern that matches it and nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


@lru_cache(maxsize=64)
def log_key(origin: str) -> str:
    """Return what names a log in file names: 16 hex digits of its origin's SHA-256."""
    return hashlib.sha256(origin.encode()).hexdigest()[:16]
