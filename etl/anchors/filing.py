"""Keepers that are files: a folder elsewhere, and the metrics of node_exporter."""

import os
from pathlib import Path
from typing import Final

from etl.anchors.handover import FORK, Handover, NotKept
from etl.anchors.tables import FileTable, PrometheusTable
from warehouse.anchors import INFO_SERIES, NOTE_LABEL
from warehouse.files import publish_new, replace

_SIZE: Final = "tallybook_checkpoint_size"
_TIME: Final = "tallybook_checkpoint_timestamp_seconds"
_METRICS: Final = """\
# HELP {size} Records under the newest signed checkpoint of the log.
# TYPE {size} gauge
{size}{{origin="{origin}"}} {records}
# HELP {time} When that checkpoint was handed over.
# TYPE {time} gauge
{time}{{origin="{origin}"}} {seconds:.3f}
# HELP {info} The whole signed note of that checkpoint.
# TYPE {info} gauge
{info}{{origin="{origin}",{label}="{note}"}} 1
"""


def file_note(table: FileTable, handover: Handover) -> None:
    """Put the note into a folder, in a file of its own. Raises NotKept and CannotStore."""
    folder = Path(table.folder)
    if not folder.is_dir():
        # Made anew it could be the empty place where a disk should be mounted.
        raise NotKept(f"there is no folder {str(folder)!r}")
    target = folder / f"{handover.file_name}.note"
    keep_once(target, folder / f".{target.name}.{os.getpid()}", handover.note.encode())


def keep_once(target: Path, draft: Path, content: bytes) -> None:
    """Give a name to some content for ever. Raises NotKept where it has another, CannotStore."""
    try:
        publish_new(target, draft, content)
    except FileExistsError:
        if target.read_bytes() != content:
            raise NotKept(
                f"{FORK}: {str(target)!r} holds another checkpoint of as many records"
            ) from None


def write_metrics(table: PrometheusTable, handover: Handover) -> None:
    """Say in a metrics file what the newest checkpoint is. Raises CannotStore."""
    target = Path(table.file)
    content = _METRICS.format(
        size=_SIZE,
        time=_TIME,
        info=INFO_SERIES,
        label=NOTE_LABEL,
        origin=_escaped(handover.checkpoint.origin),
        records=handover.checkpoint.size,
        seconds=handover.at.timestamp(),
        note=_escaped(handover.note),
    )
    # The collector reads *.prom: a draft must not be one.
    replace(target, target.with_name(f".{target.name}.{os.getpid()}"), content.encode())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
