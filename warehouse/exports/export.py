"""An export, from beginning to end.

Everything in a version is bounded by the same positions of each log, under signed
checkpoints. A version that continues another has its parts, unchanged, and one more. It does
so only with exactly the same columns; otherwise, and for Excel, everything is written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.exports.asked import Asked, settle
from warehouse.exports.folder import ExportFolder
from warehouse.exports.manifest import Manifest
from warehouse.exports.plan import Plan, look, plan
from warehouse.exports.shapes import SHAPES
from warehouse.exports.tables import tables_of
from warehouse.exports.writing import Progress, VersionWriter
from warehouse.layout import Layout
from warehouse.query import reading


@dataclass(frozen=True)
class Exported:
    """What an export made, or found made already: `added` has the new rows of each table.

    Empty, where there was nothing new. `why_anew` says why everything was written again
    although an earlier export was to be continued.
    """

    folder: Path
    manifest: Manifest
    added: Mapping[str, int]
    why_anew: str | None = None

    @property
    def latest(self) -> Path:
        return self.folder / "latest"


def export(
    root: Path,
    to: Path,
    asked: Asked,
    *,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Exported:
    """Export the history of the warehouse in `root` into the folder `to`.

    Either `to`/latest leads to a whole new version afterwards or it leads where it did;
    running it again is always right. `now` (UTC) only names the version.

    Raises BadInput, NoWarehouse, NoSnapshot, Locked, CannotStore, LedgerFailure, BrokenHistory.
    """
    Layout(root).require()
    folder = ExportFolder(to)
    with folder.opened(outside=root):
        settled = settle(asked, folder.newest(), folder.path)
        reach = look(root, settled)
        is_intact = settled.continued is not None and folder.is_intact(settled.continued)
        if settled.continued and is_intact and not reach.snapshots:
            return Exported(folder.path, settled.continued, {})
        with reading(root) as connection:
            tables = tables_of(connection, SHAPES[settled.shape])
            planned = plan(settled, reach, tables, is_intact=is_intact)
            writer = VersionWriter(connection, planned, folder.path, progress)
            moment = now or datetime.now(UTC)
            with folder.draft() as draft:
                manifest = writer.write(draft, folder.new_name(moment), moment)
                folder.publish(draft, manifest.version)
        folder.prune(asked.keep)
    return Exported(folder.path, manifest, _added(planned, manifest), planned.why_anew)


def _added(planned: Plan, manifest: Manifest) -> dict[str, int]:
    """How many rows of the tables that grow were not in the version before."""
    base = planned.base
    return {
        table.name: manifest.rows(table.name) - (base.rows(table.name) if base else 0)
        for table in planned.tables
        if table.shape.grows
    }
