"""Sealing: the commits of past epochs are folded into sorted files, and go after a while.

Nothing is ever changed in place, and nothing that a reader may have open is taken away: a new
epoch begins, the files of a part are written and named one after the other, a new catalogue
names them. What it names no more is deleted a day later. A killed sealing leaves what counts
for nothing; the next one does it again. Commits go on meanwhile, and need not wait.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pyarrow as pa

from warehouse import catalog
from warehouse.cores import cores
from warehouse.files import adopt, exclusive_lock, flush_folder, storing
from warehouse.layout import Layout
from warehouse.ledger import open_hot, reading
from warehouse.sealed.names import FIXED
from warehouse.sealed.parts import KINDS, Part
from warehouse.sealed.plan import MOST_RECORDS, Fold, Piece, Unfoldable, fold
from warehouse.sealed.shapes import values_of, wide_of
from warehouse.sealed.sweeping import sweep
from warehouse.sealed.writing import in_groups, write_values, write_wide, writing_ledger

LOCK_FILE: Final = "seal.lock"
GRACE_SECONDS: Final = 24 * 3600
_WAIT_SECONDS: Final = 30
# A process takes a third of a second to start; so many records are sealed in that time.
_WORTH_A_POOL: Final = 20_000


@dataclass(frozen=True)
class Sealed:
    """What a sealing did: the parts it made, the records in them, the files it took away."""

    parts: tuple[Part, ...] = ()
    records: int = 0
    removed: int = 0


def seal(
    root: Path,
    *,
    most: int = MOST_RECORDS,
    grace_seconds: float = GRACE_SECONDS,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sealed:
    """Fold all commits of the warehouse in `root` into parts, and merge small parts.

    `most` is how many records a part may have; files that no catalogue names are removed once
    they are older than `grace_seconds`. `progress` hears how many records of how many are done.
    Doing it again changes nothing. Raises NoWarehouse, Locked, CannotStore, Unreadable and
    Unfoldable; then what counted before still does.
    """
    layout = Layout(root)
    layout.require()
    with storing(layout.sealed):
        for kind in KINDS:
            (layout.sealed / kind).mkdir(parents=True, exist_ok=True)
        flush_folder(layout.root)
        flush_folder(layout.sealed)
    with exclusive_lock(layout.sealed / LOCK_FILE, wait_seconds=_WAIT_SECONDS):
        layout.make_drafts()
        done = _fold_all(layout, most, progress)
        catalog.refresh(root)
        return replace(done, removed=sweep(layout, grace_seconds))


def _fold_all(layout: Layout, most: int, progress: Callable[[int, int], None]) -> Sealed:
    made: list[Part] = []
    while True:
        _begin_epoch(layout)
        folds = fold(_pieces(layout), most=most)
        of = sum(part.size for part in made) + sum(part.size for part, _ in folds)
        for part in _made(layout, folds):
            made.append(part)
            progress(sum(p.size for p in made), of)
        # A commit that came into an epoch just left is folded with all of it once more.
        if not folds or not _left_behind(layout):
            return Sealed(tuple(made), sum(part.size for part in made))


def _begin_epoch(layout: Layout) -> None:
    """Let those who commit from now on do it elsewhere than in the epoch that is folded."""
    live = layout.live_epoch()
    if any(True for _ in layout.commits(live)):
        with storing(layout.hot):
            layout.epoch(live + 1).mkdir(exist_ok=True)
            flush_folder(layout.hot)


def _left_behind(layout: Layout) -> bool:
    _, epochs, commits = layout.standing()
    return any(number < layout.live_epoch() for number in (*epochs, *(n for n, _ in commits)))


def _pieces(layout: Layout) -> Iterator[Piece]:
    live = layout.epoch(layout.live_epoch())
    for key, first, path, end in layout.record_files():
        if end is not None:
            yield Piece(key, first, end, path.name.partition(".")[0], str(path), is_part=True)
        elif path.parent != live:
            rows, month = _measured(path)
            yield Piece(key, first, first + rows, month, str(path))


def _measured(commit: Path) -> tuple[int, str]:
    opened = open_hot(commit)
    with reading(commit):
        times = opened.read(columns=["recorded_at"])["recorded_at"]
        if not len(times):
            raise ValueError("no record")
        return len(times), times[0].as_py().isoformat()[: len("2026-11")]


def _made(layout: Layout, folds: Sequence[Fold]) -> Iterator[Part]:
    """Make all parts, side by side where there is much to do, and give each that is there."""
    if len(folds) < 2 or sum(part.size for part, _ in folds) < _WORTH_A_POOL:
        for part, pieces in folds:
            _make(layout, part, pieces)
            yield part
        return
    # spawn: whoever calls may have threads, and holds a lock that no child may keep.
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        running = [(part, pool.submit(_make, layout, part, pieces)) for part, pieces in folds]
        for part, future in running:
            future.result()
            yield part


def _make(layout: Layout, part: Part, pieces: Sequence[Piece]) -> None:
    paths = [Path(piece.path) for piece in pieces]
    drafts = {kind: layout.drafts / f"seal-{kind}-{part.first}-{os.getpid()}" for kind in KINDS}
    try:
        _write(drafts, _tables(paths))
        # In this order: a part counts from its `ledger` on.
        for kind in ("values", "wide", "ledger"):
            adopt(layout.part(part, kind), drafts[kind])
    except Unfoldable as error:
        between = f"{str(paths[0])!r} to {str(paths[-1])!r}"
        raise Unfoldable(f"{error}, in {between}", hint=error.hint) from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _write(drafts: Mapping[str, Path], tables: Iterable[pa.Table]) -> None:
    # In this order: should anything fail, the file is closed once nobody writes to it any more.
    with writing_ledger(drafts["ledger"]) as write, ThreadPoolExecutor(1) as pool:
        wide = wide_of(_written_meanwhile(in_groups(tables), write, pool))
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write_wide, drafts["wide"], wide)
        write_values(drafts["values"], values_of(wide))
        written.result()


def _written_meanwhile(
    tables: Iterable[pa.Table], write: Callable[[pa.Table], None], pool: Executor
) -> Iterator[pa.Table]:
    """What sorted files are made of; while that is done, the whole table is written."""
    before: Future[None] | None = None
    for table in tables:
        if before:
            before.result()
        before = pool.submit(write, table)
        yield table.select([*FIXED, "type", "stats"])
    if before:
        before.result()


def _tables(paths: Iterable[Path]) -> Iterator[pa.Table]:
    for path in paths:
        opened = open_hot(path)
        for group in range(opened.num_row_groups):
            with reading(path):
                yield opened.read_row_group(group)
