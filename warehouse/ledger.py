"""The ledger on disk: immutable Parquet files, one per commit.

The file name is the position, and a name can be created only once, so two
writers can never both be the forty-second. Readers need no lock: a file is
either absent or complete. Nothing is ever changed in place.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.columns import table_of
from warehouse.errors import BrokenHistory, LedgerFailure
from warehouse.files import flush_folder, publish_new, storing
from warehouse.layout import Layout, log_key
from warehouse.payload import AnyPayload
from warehouse.record import Record, parse
from warehouse.rows import HOT_SCHEMA, Row

_ABANDONED_SECONDS: Final = 3600
# In a file of few rows, setting up the compression of a column costs more than the column,
# except for those that make up its size; and setting up zstd a fifth of the whole file.
_FEW_ROWS: Final = 64
# Readers take a file group by group: this many records are in memory at once.
_GROUP_ROWS: Final = 2048
_LARGE_COLUMNS: Final = {
    "payload": "snappy",
    "stats.key_value.key": "snappy",
    "stats.key_value.value": "snappy",
}
# The last: a time that no calendar of Python's has.
_READ_ERRORS: Final = (pa.ArrowException, OSError, ValueError, OverflowError)


class Unreadable(BrokenHistory):
    """A file that should hold records cannot be read as Parquet."""


class Ledger:
    """The records of a warehouse folder."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)

    def create(self) -> None:
        """Make an empty warehouse. An existing one stays as it is."""
        with storing(self.layout.root):
            for folder in (self.layout.drafts, self.layout.definitions, self.layout.epoch(0)):
                folder.mkdir(parents=True, exist_ok=True)
                flush_folder(folder.parent)

    def sweep_drafts(self) -> None:
        """Remove what a killed writer left in `_tmp`. Call it under the writer's lock."""
        self.layout.make_drafts()
        for draft in self.layout.drafts.iterdir():
            with suppress(OSError):
                # Records are drafted under the lock. A catalogue is not: whoever drafts
                # that one may be alive.
                if ".parquet." in draft.name or _is_abandoned(draft):
                    draft.unlink()

    def commit(
        self,
        records: Sequence[Record],
        checkpoint: str,
        contents: Sequence[AnyPayload] | None = None,
    ) -> Path:
        """Append records that follow one another, all or none, durably; return their file.

        `checkpoint` is the signed head of their log with the last of them, `contents` what
        their payloads say, where somebody has read them already. Appending the
        same records again is no error: the file is already there.
        Raises LedgerFailure when the place is taken by other records, CannotStore
        when the disk does not take them.
        """
        if contents is None:
            contents = [parse(record.payload) for record in records]
        table = table_of(records, contents, checkpoint)
        name = self.layout.hot_name(contents[0].log, contents[0].index)
        target = self._live_folder() / name
        draft = self.layout.drafts / f"{name}.{os.getpid()}"
        try:
            publish_new(target, draft, _parquet(table))
        except FileExistsError:
            self._require_same(target, records)
        return target

    def _live_folder(self) -> Path:
        folder = self.layout.epoch(self.layout.live_epoch())
        if not folder.exists():
            # Nothing but an empty one is ever missing: copies often leave those out.
            with storing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                flush_folder(folder.parent)
                flush_folder(folder.parent.parent)
        return folder

    def _require_same(self, target: Path, records: Sequence[Record]) -> None:
        if [r.payload for r in read_records(target)] != [r.payload for r in records]:
            raise LedgerFailure(
                f"{str(target)!r} already holds other records",
                hint="Two signers with one origin have written here. Keep the folder as it is "
                "and run: tallybook verify",
            )

    def keep_definitions(self, content: bytes, sha256: str) -> None:
        """Keep what the statistics mean under the hash that snapshots name it by."""
        target = self.layout.definitions / f"{sha256}.json"
        if target.exists():
            return
        draft = self.layout.drafts / f"{sha256}.{os.getpid()}"
        with suppress(FileExistsError):
            publish_new(target, draft, content)

    def end_of(self, origin: str) -> int:
        """How many records of this log there are: one more than the newest index, or 0."""
        mine = [f for f in self.layout.record_files() if f.log_key == log_key(origin)]
        if not mine:
            return 0
        newest = mine[-1]
        return newest.first_index + _row_count(newest.path)

    def checkpoints(self, origin: str, after: int) -> Iterator[str]:
        """The checkpoints of this log over more than `after` records, in order."""
        for file in self.layout.record_files():
            if file.log_key == log_key(origin) and (file.end or file.first_index + 1) > after:
                # Of a sealed file perhaps only the end is new.
                newer = max(0, after - file.first_index)
                yield from checkpoints_in(file.path, since=newer)

    def records(self) -> Iterator[Record]:
        """Every record of every log, in order. Raises Unreadable for a damaged file."""
        for file in self.layout.record_files():
            yield from read_records(file.path)


def _is_abandoned(draft: Path) -> bool:
    return time.time() - draft.stat().st_mtime > _ABANDONED_SECONDS


def open_hot(path: Path) -> pq.ParquetFile:
    """Open a hot file, its columns those they have to be. Raises Unreadable."""
    with reading(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        if not file.schema_arrow.equals(HOT_SCHEMA):
            # DuckDB would take other types for what they are, and so answer differently.
            raise ValueError(
                f"expected columns {_columns(HOT_SCHEMA)}, found {_columns(file.schema_arrow)}"
            )
    return file


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a hot file is read into Unreadable."""
    try:
        yield
    except _READ_ERRORS as error:
        raise Unreadable(f"cannot read {str(path)!r}: {error}") from error


def read_rows(path: Path) -> list[Row]:
    """The rows of one hot file as they stand there. Raises Unreadable."""
    file = open_hot(path)
    with reading(path):
        rows: list[Row] = file.read().to_pylist()
    return rows


def read_records(path: Path) -> list[Record]:
    """The signed records of one hot file. Raises Unreadable."""
    return [
        Record(row["payload"], row["signature"], row["key_id"].hex()) for row in read_rows(path)
    ]


def checkpoints_in(path: Path, *, since: int = 0) -> list[str]:
    """The checkpoints in a file, without those of its first `since` records. Raises Unreadable."""
    file = open_hot(path)
    with reading(path):
        notes = file.read(columns=["checkpoint"])["checkpoint"].slice(since).to_pylist()
    return [note for note in notes if note is not None]


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _row_count(path: Path) -> int:
    with reading(path):
        return int(pq.read_metadata(path).num_rows)


def _parquet(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=_GROUP_ROWS,
        compression="zstd" if table.num_rows > _FEW_ROWS else _LARGE_COLUMNS,
        write_page_checksum=True,
        # A hot file has few rows: statistics and dictionaries would be larger than what
        # they help to find.
        write_statistics=False,
        use_dictionary=False,
        store_schema=False,
    )
    return memoryview(sink.getvalue())
