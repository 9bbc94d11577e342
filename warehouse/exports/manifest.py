"""What an export says about itself: `manifest.json`, and what the next one reads in it.

It names every file with its SHA-256, and how far in each log the export reaches, with the
signed checkpoint over exactly that. The next export continues from these positions: by
position, not by time, so that records which come late are neither missed nor taken twice.
"""

from pathlib import Path
from typing import Final

import msgspec

from warehouse.errors import LedgerFailure
from warehouse.files import read_regular

MANIFEST: Final = "manifest.json"
_MOST: Final = 64 << 20


class LogEnd(msgspec.Struct, frozen=True):
    """How far an export reaches in a log: records before `until`, all under `checkpoint`."""

    origin: str
    until: int
    checkpoint: str


class ExportedFile(msgspec.Struct, frozen=True):
    """A file of an export: its path beside the manifest, and its rows of each table in it."""

    path: str
    rows: dict[str, int]
    bytes: int
    sha256: str


class TableColumns(msgspec.Struct, frozen=True):
    """The columns of a table, in their order, each with its type in SQL."""

    table: str
    columns: tuple[tuple[str, str], ...]


class Filters(msgspec.Struct, frozen=True):
    """What was left out on purpose: other instances, and what was taken before `since` (UTC)."""

    instance: str | None = None
    since: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an export. `continues` is the version whose parts it took over."""

    type: str = "tallybook/export/v1"
    version: str
    made_at: str
    tool: str
    format: str
    shape: str
    filters: Filters
    continues: str | None
    logs: tuple[LogEnd, ...]
    tables: tuple[TableColumns, ...]
    files: tuple[ExportedFile, ...]

    def parts(self, table: str) -> list[ExportedFile]:
        """The files of a table, in their order."""
        return [file for file in self.files if table in file.rows]

    def rows(self, table: str) -> int:
        """How many rows of a table there are."""
        return sum(file.rows[table] for file in self.parts(table))

    @property
    def bytes(self) -> int:
        """How large all files are together."""
        return sum(file.bytes for file in self.files)


def manifest_json(manifest: Manifest) -> bytes:
    """Write a manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(version: Path) -> Manifest:
    """Read the manifest of a version. Raises LedgerFailure where it cannot be read."""
    path = version / MANIFEST
    try:
        return msgspec.json.decode(read_regular(path, most=_MOST), type=Manifest)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise LedgerFailure(
            f"cannot read {str(path)!r}: {error}",
            hint="Delete that folder and the link latest to begin anew.",
        ) from error
