"""Each kind of anchor, and who sees to it."""

from typing import Final

from etl.anchors.filing import file_note, write_metrics
from etl.anchors.handover import Handover, NotKept
from etl.anchors.posting import post, secret_headers
from etl.anchors.repository import push_note
from etl.anchors.stamping import keep_timestamp
from etl.anchors.tables import (
    AnchorTable,
    FileTable,
    GitTable,
    HttpTable,
    PrometheusTable,
    Rfc3161Table,
)

_A_NOTE: Final = {"Content-Type": "text/plain; charset=utf-8"}


def keep(table: AnchorTable, handover: Handover) -> None:
    """Hand the whole signed note to a keeper; come back when it has it.

    Handing over the same note again is fine. Raises NotKept and CannotStore.
    """
    match table:
        case FileTable():
            file_note(table, handover)
        case GitTable():
            push_note(table, handover)
        case HttpTable():
            headers = {**secret_headers(table.header_file), **_A_NOTE}
            post(table.url, handover.note.encode(), handover, headers)
        case Rfc3161Table():
            keep_timestamp(table, handover)
        case PrometheusTable():
            write_metrics(table, handover)
        case _:
            raise NotKept(f"nobody sees to anchors of kind {table.kind!r}")
