"""Whether catalog.duckdb, which anybody may open, answers from the history and nothing else."""

from collections.abc import Collection
from typing import Final

from warehouse.catalog import contents, earlier_contents, expected_contents
from warehouse.checks.findings import Place, Report
from warehouse.contract import fingerprint
from warehouse.errors import CannotStore, LedgerFailure
from warehouse.layout import Layout
from warehouse.ledger import Unreadable
from warehouse.stamp import Stamp, read_stamp

# A snapshot may be taken, and a new catalogue made, while one is looked at.
_LOOKS: Final = 2


def check_catalogue(layout: Layout, statistics: Collection[str], report: Report) -> None:
    """Compare the catalogue with the one that this history would get now.

    `statistics` are the names in the history. A catalogue that lacks some of them, or that
    another release made, is stale. One that was made for another place, and is right there,
    is only told: no command of ours would ask it here.
    """
    if not layout.catalog.is_file():
        return
    place = Place(file=str(layout.catalog))
    log = layout.catalog.with_name(f"{layout.catalog.name}.wal")
    if log.exists() or log.is_symlink():
        report.find("CATALOG_MISMATCH", "no write-ahead log beside it", log.name, place)
        return
    for _ in range(_LOOKS):
        try:
            different = _difference(layout, frozenset(statistics), report)
        except CannotStore:
            # A temporary folder that is full says nothing of the catalogue.
            raise
        except (LedgerFailure, Unreadable) as error:
            report.find("CATALOG_MISMATCH", "a catalogue that DuckDB opens", str(error), place)
            return
        if not different:
            return
    report.find("CATALOG_MISMATCH", "the views of this history", ", ".join(different[:5]), place)


def _difference(layout: Layout, statistics: frozenset[str], report: Report) -> list[str]:
    """The names of what differs; none where the catalogue is right, or known to be of elsewhere."""
    stamp = read_stamp(layout)
    elsewhere = stamp.root if stamp and stamp.root != str(layout.root.resolve()) else None
    found = contents(layout.catalog, exactly=elsewhere is None)
    expected = expected_contents(layout, statistics, at=elsewhere)
    if found == expected:
        report.catalogue_of = elsewhere
        return []
    if stamp and _is_stale(layout, stamp, found, elsewhere):
        report.stale_catalogue = True
        return []
    return sorted(dict(set(found.items()) ^ set(expected.items())))


def _is_stale(layout: Layout, stamp: Stamp, found: dict[str, str], elsewhere: str | None) -> bool:
    if stamp.contract != fingerprint():
        return True
    # One that reads what came later, and leaves out what came before, was never right.
    return _reads_from_the_beginning(layout, stamp) and found == earlier_contents(
        layout, stamp, at=elsewhere
    )


def _reads_from_the_beginning(layout: Layout, stamp: Stamp) -> bool:
    """Whether it names every record of every log from the first on to where it ends, each once.

    A log that has begun since may be left out: all that it has lies where commits go now.
    """
    parts = [*layout.parts()]
    commits = {number: [*layout.commits(number)] for number in layout.epochs()}
    single = [commit for number, commit in stamp.commits if commit in commits.get(number, ())]
    if not {*stamp.parts} <= {part.name for part in parts} or len(single) < len(stamp.commits):
        # What is no part and no commit has no place in a history.
        return False
    starts = {(part.log_key, at) for part in parts for at in (part.first, part.end)}
    starts |= {(c.log_key, c.first) for epoch in commits.values() for c in epoch}
    named = [(p.log_key, p.first, p.end) for p in parts if p.name in stamp.parts]
    for key, first in [*single, *(c for number in stamp.epochs for c in commits.get(number, ()))]:
        later = [at for log, at in starts if log == key and at > first]
        named.append((key, first, min(later, default=first + 1)))
    ends = dict.fromkeys((key for key, _ in starts), 0)
    for key, first, end in sorted(named):
        if first != ends[key]:
            return False
        ends[key] = end
    older = {part.log_key for part in parts}
    older |= {c.log_key for n, epoch in commits.items() if n < layout.live_epoch() for c in epoch}
    return bool(named) and all(ends[key] for key in older)
