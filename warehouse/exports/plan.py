"""What an export takes out of a history: decided by looking, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from warehouse import catalog
from warehouse.exports.asked import Settled
from warehouse.exports.manifest import Filters, LogEnd, Manifest
from warehouse.exports.positions import (
    condition,
    log_ends,
    newer,
    require_continuation,
    whole,
)
from warehouse.exports.tables import Table, ask_history
from warehouse.history import NoSnapshot
from warehouse.query import reading


@dataclass(frozen=True)
class Reach:
    """How far an export reaches: the ends of all logs, and how many snapshots are new to it.

    `everything` and `new` say as SQL which rows those are.
    """

    ends: tuple[LogEnd, ...]
    snapshots: int
    everything: str
    new: str


@dataclass(frozen=True)
class Plan:
    """An export that can be written. `base` is the version whose parts it takes over, if any.

    `why_anew` says why there is none although one should have been continued.
    """

    settled: Settled
    reach: Reach
    tables: tuple[Table, ...]
    base: Manifest | None
    why_anew: str | None

    def scope(self, table: Table) -> str:
        """Which rows of a table are to be written, as SQL."""
        return self.reach.new if self.base and table.shape.grows else self.reach.everything


def look(root: Path, settled: Settled) -> Reach:
    """How far the history goes, and whether there is anything new.

    Sees to it that every statistic in it has a column. Raises LedgerFailure, and NoSnapshot
    where there would be nothing in the whole export.
    """
    continued = settled.continued
    with reading(root) as connection:
        ends = log_ends(connection)
        stretches = whole(ends)
        if continued:
            require_continuation(connection, ends, continued.logs)
            stretches = newer(ends, continued.logs)
        new = condition(stretches, settled.filters)
        snapshots = ask_history(connection, f"SELECT count(*) FROM snapshots WHERE {new}")[0][0]
        if not snapshots and not continued:
            raise _nothing(connection, settled.filters)
    catalog.complete(root)
    return Reach(ends, snapshots, condition(whole(ends), settled.filters), new)


def plan(settled: Settled, reach: Reach, tables: tuple[Table, ...], *, is_intact: bool) -> Plan:
    """Decide whether the earlier export can be continued, or everything is written anew.

    `is_intact` says whether its files are there as it left them.
    """
    if settled.continued is None:
        return Plan(settled, reach, tables, None, None)
    why = _why_anew(settled, tables, settled.continued, is_intact)
    return Plan(settled, reach, tables, None if why else settled.continued, why)


def _why_anew(
    settled: Settled, tables: Sequence[Table], before: Manifest, is_intact: bool
) -> str | None:
    if not is_intact:
        return "files of the version before are not as it left them"
    if settled.format == "xlsx":
        return "nothing can be appended to a workbook"
    known = {outline.table: outline for outline in before.tables}
    changed = [t.name for t in tables if t.shape.grows and known.get(t.name) != t.outline()]
    return f"the columns of {', '.join(changed)} have changed" if changed else None


def _nothing(connection: DuckDBPyConnection, filters: Filters) -> NoSnapshot:
    query = "SELECT DISTINCT instance FROM instances ORDER BY 1"
    known = [name for (name,) in ask_history(connection, query)]
    if not known:
        return NoSnapshot(
            "the history has no snapshot yet", hint="Take the first: tallybook snapshot"
        )
    if filters.instance is not None and filters.instance not in known:
        return NoSnapshot(
            f"no snapshot of {filters.instance!r}", hint=f"There are some of: {', '.join(known)}"
        )
    whose = f" of {filters.instance!r}" if filters.instance is not None else ""
    return NoSnapshot(
        f"no snapshot{whose} since {filters.since} UTC",
        hint='When they end: tallybook sql "SELECT * FROM instances"',
    )
