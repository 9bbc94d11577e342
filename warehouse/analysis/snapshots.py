"""Which snapshots `tallybook diff` compares, read from the history."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from warehouse.analysis.comparison import Comparison, compare
from warehouse.analysis.reading import asking, read_extents, read_hashes, read_statistics
from warehouse.history import NoSnapshot, newest_two
from warehouse.payload import Snapshot


class Compared(NamedTuple):
    """What was compared, the units of the statistics, and which sources could not be."""

    comparisons: list[Comparison]
    units: dict[str, str]
    failures: list[NoSnapshot]


def compare_times(
    root: Path, before: datetime, after: datetime, source: str | None = None
) -> Compared:
    """Compare the newest snapshots up to two times, of one source or of each.

    A source that has none as early as that is among the failures. Raises NoSnapshot where this
    is so of all, and for a source that the history does not know.
    """
    with asking(root) as ask:
        known = [extent.source for extent in read_extents(ask, (source,) if source else ())]
    pairs: list[tuple[Snapshot, Snapshot]] = []
    failures: list[NoSnapshot] = []
    for name in known:
        try:
            pairs.append(
                (newest_two(root, name, before).snapshot, newest_two(root, name, after).snapshot)
            )
        except NoSnapshot as failure:
            failures.append(failure)
    if not pairs:
        raise failures[0]
    return _compared(root, pairs, failures)


def compare_sources(root: Path, one: str, other: str, at: datetime | None = None) -> Compared:
    """Compare the newest snapshots of two sources up to one time. Raises NoSnapshot."""
    with asking(root) as ask:
        read_extents(ask, (one, other))
    return _compared(
        root, [(newest_two(root, one, at).snapshot, newest_two(root, other, at).snapshot)]
    )


def _compared(
    root: Path,
    pairs: Sequence[tuple[Snapshot, Snapshot]],
    failures: Sequence[NoSnapshot] = (),
) -> Compared:
    sets = sorted({snapshot.definitions for pair in pairs for snapshot in pair})
    with asking(root) as ask:
        statistics = [statistic for statistic, _ in read_statistics(ask).values()]
        hashes = read_hashes(ask, sets)
    order = {statistic.name: place for place, statistic in enumerate(statistics)}
    return Compared(
        [compare(before, after, hashes, order) for before, after in pairs],
        {statistic.name: statistic.unit for statistic in statistics},
        list(failures),
    )
