"""What sealing left behind goes after a while: nobody has it open any more by then.

The time of such a file is when a catalogue named it last. Before a file of records is removed,
what it holds is compared with what the part holds that counts in its place.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa

from warehouse.files import storing
from warehouse.layout import Layout, RecordFile
from warehouse.ledger import Unreadable, open_hot, reading
from warehouse.sealed.parts import KINDS, Commit, Part, part_of, superseded

_SIGNED: Final = ["payload", "signature", "key_id", "checkpoint"]


def sweep(layout: Layout, grace_seconds: float) -> int:
    """Remove what counts no more, and has not for so long; say how many files. Call it alone."""
    before = time.time() - grace_seconds
    gone = [path for path in _uncounted(layout, before) if _remove(path)]
    for number in [*layout.epochs()]:
        if number < layout.live_epoch():
            with suppress(OSError):
                # Only an empty one goes: whatever else lies in it is not ours.
                layout.epoch(number).rmdir()
    return len(gone)


def _uncounted(layout: Layout, before: float) -> Iterator[Path]:
    """Files of records that are read elsewhere, and that no catalogue has named for so long."""
    parts = layout.standing().parts
    held = [
        RecordFile(*commit, layout.commit_file(number, commit))
        for number in layout.epochs()
        for commit in layout.commits(number)
    ]
    # Without its `ledger` a part is none, and the rest is a leftover.
    replaced = [
        RecordFile(part.log_key, part.first, layout.part(part, "ledger"), part.end)
        for part in layout.parts()
        if superseded(part, parts)
    ]
    for file in (*held, *replaced):
        if _is_older(file.path, before) and _is_kept(layout, file, parts):
            yield file.path
    yield from _leftovers(layout, before)


def _leftovers(layout: Layout, before: float) -> Iterator[Path]:
    whole = {part.name for part in layout.parts()}
    for kind in KINDS:
        for name in layout.part_names(kind) - whole:
            path = layout.sealed / kind / name
            if part_of(name) and _is_older(path, before):
                yield path


def _is_kept(layout: Layout, file: RecordFile, parts: Sequence[Part]) -> bool:
    """Whether parts hold exactly the records of a file."""
    commit = Commit(file.log_key, file.first_index)
    try:
        rows = _signed(file.path)
        holder = next((part for part in parts if part.holds(commit)), None)
        if holder is None or file.first_index + rows.num_rows > holder.end:
            return False
        ledger, offset = layout.part(holder, "ledger"), file.first_index - holder.first
        return bool(_signed(ledger, offset, rows.num_rows).equals(rows))
    except Unreadable:
        return False


def _signed(path: Path, first: int = 0, count: int | None = None) -> pa.Table:
    opened = open_hot(path)
    with reading(path):
        if count is None:
            return opened.read(columns=_SIGNED).combine_chunks()
        groups, skipped = [], 0
        at = 0
        for number in range(opened.num_row_groups):
            rows = opened.metadata.row_group(number).num_rows
            if at + rows <= first:
                skipped = at + rows
            elif at < first + count:
                groups.append(number)
            at += rows
        table = opened.read_row_groups(groups, columns=_SIGNED)
    return table.slice(first - skipped, count).combine_chunks()


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime <= before
    except OSError:
        return False


def _remove(path: Path) -> bool:
    with storing(path):
        path.unlink(missing_ok=True)
    return True
