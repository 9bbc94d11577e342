"""A version of an export is written into a folder: the data, what describes it, its manifest."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection
from msgspec.structs import replace

from warehouse.exports.describe import COLUMNS, DATA_PACKAGE, columns_csv, data_package_json
from warehouse.exports.excel import require_room, write_workbook
from warehouse.exports.folder import take_over
from warehouse.exports.manifest import MANIFEST, ExportedFile, Manifest, manifest_json
from warehouse.exports.plan import Plan
from warehouse.exports.tables import Table, batches, count_rows
from warehouse.exports.writers import WRITERS
from warehouse.files import storing

_WORKBOOK: Final = "tallybook.xlsx"

Progress = Callable[[int, float], None]


class VersionWriter:
    """Writes one version. `versions` is the folder in which the version to continue lies.

    `progress` is told how many rows are written, and the share of all that this is; without
    one, nobody counts them before.
    """

    def __init__(
        self,
        connection: DuckDBPyConnection,
        plan: Plan,
        versions: Path,
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._versions = versions
        self._progress = progress
        self._expected = self._count() if progress or plan.settled.format == "xlsx" else {}
        self._written = 0

    def write(self, draft: Path, name: str, now: datetime) -> Manifest:
        """Write everything into `draft`, the manifest last. Raises BadInput, CannotStore."""
        if self._plan.settled.format == "xlsx":
            files = [self._workbook(draft)]
        else:
            files = [file for table in self._plan.tables for file in self._parts(draft, table)]
        manifest = self._manifest(name, now, files)
        package = data_package_json(manifest, self._plan.tables)
        beside = [
            _put(draft / DATA_PACKAGE, package),
            _put(draft / COLUMNS, columns_csv(self._plan.tables)),
        ]
        manifest = replace(manifest, files=(*manifest.files, *beside))
        _put(draft / MANIFEST, manifest_json(manifest))
        return manifest

    def _count(self) -> dict[str, int]:
        return {
            table.name: count_rows(self._connection, table, self._plan.scope(table))
            for table in self._plan.tables
        }

    def _parts(self, draft: Path, table: Table) -> Iterator[ExportedFile]:
        form = self._plan.settled.format
        if not table.shape.grows:
            yield self._written_file(draft, f"{table.name}.{form}", table)
            return
        with storing(draft / table.name):
            (draft / table.name).mkdir()
        number = 1
        if base := self._plan.base:
            for part in base.parts(table.name):
                take_over(self._versions / base.version / part.path, draft / part.path)
                number += 1
                yield part
        yield self._written_file(draft, f"{table.name}/part-{number:06d}.{form}", table)

    def _written_file(self, draft: Path, path: str, table: Table) -> ExportedFile:
        write = WRITERS[self._plan.settled.format]
        rows = write(draft / path, table, self._batches(table))
        return _described(draft / path, path, {table.name: rows})

    def _workbook(self, draft: Path) -> ExportedFile:
        require_room(self._expected, self._plan.tables)
        sheets = ((table, self._batches(table)) for table in self._plan.tables)
        about = "\n".join(end.checkpoint for end in self._plan.reach.ends)
        rows = write_workbook(draft / _WORKBOOK, sheets, about)
        return _described(draft / _WORKBOOK, _WORKBOOK, rows)

    def _batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        return batches(self._connection, table, self._plan.scope(table), self._advance)

    def _advance(self, rows: int) -> None:
        self._written += rows
        if self._progress:
            total = sum(self._expected.values())
            self._progress(self._written, self._written / total if total else 1.0)

    def _manifest(self, name: str, now: datetime, files: list[ExportedFile]) -> Manifest:
        plan = self._plan
        return Manifest(
            version=name,
            made_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            tool=f"tallybook/{version_of('tallybook')}",
            format=plan.settled.format,
            shape=plan.settled.shape,
            filters=plan.settled.filters,
            continues=plan.base.version if plan.base else None,
            logs=plan.reach.ends,
            tables=tuple(table.outline() for table in plan.tables),
            files=tuple(files),
        )


def _put(path: Path, content: bytes) -> ExportedFile:
    with storing(path):
        path.write_bytes(content)
    return _described(path, path.name, {})


def _described(path: Path, name: str, rows: dict[str, int]) -> ExportedFile:
    # Read back: what is hashed is what the disk was given.
    with storing(path), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(name, rows, path.stat().st_size, sha256)
