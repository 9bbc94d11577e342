"""Reading single snapshots back: the newest, the then newest, and the one before."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from warehouse.errors import Failure
from warehouse.payload import Snapshot
from warehouse.query import ask
from warehouse.record import decode
from warehouse.trends import Series, resolve, series_of


class NoSnapshot(Failure):
    """Nothing was recorded of that source, or not yet at that time."""


class Pair(NamedTuple):
    """A snapshot and the one before it of the same instance, if there is one."""

    snapshot: Snapshot
    before: Snapshot | None


_NEWEST_TWO = """
    SELECT l.payload
    FROM (
        SELECT log, index, taken_at FROM snapshots
        WHERE instance = $source AND taken_at <= coalesce($at, taken_at)
        ORDER BY taken_at DESC, index DESC
        LIMIT 2
    ) AS s
    JOIN ledger AS l ON l.log = s.log AND l.index = s.index
    ORDER BY s.taken_at DESC, s.index DESC
"""


_SERIES = """
    SELECT instance, statistic, taken_at, value
    FROM statistic_values
    WHERE statistic IN (SELECT unnest($wanted))
      AND instance = coalesce($source, instance)
      AND taken_at >= coalesce($since, taken_at)
      AND taken_at <= coalesce($until, taken_at)
"""


def sources(root: Path) -> list[str]:
    """The names of all instances in the history."""
    return [
        name for (name,) in ask(root, "SELECT DISTINCT instance FROM instances ORDER BY 1").rows
    ]


def newest_two(root: Path, source: str, at: datetime | None = None) -> Pair:
    """The newest snapshot of `source` up to `at`, and the one before it. Raises NoSnapshot."""
    payloads = [decode(row[0]) for row in ask(root, _NEWEST_TWO, {"source": source, "at": at}).rows]
    snapshots = [payload for payload in payloads if isinstance(payload, Snapshot)]
    if not snapshots:
        raise _none_of(root, source, at)
    newest, *before = snapshots
    # A database that was rebuilt is another instance under the old name.
    return Pair(newest, next((s for s in before if s.instance == newest.instance), None))


def read_series(
    root: Path,
    statistics: Sequence[str],
    source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Series]:
    """Statistics over time, one series per instance and statistic. Raises BadInput, NoSnapshot."""
    known = [name for (name,) in ask(root, "SELECT statistic FROM statistics").rows]
    wanted = resolve(statistics, known)
    if source is not None and source not in sources(root):
        raise _none_of(root, source, None)
    parameters = {"wanted": wanted, "source": source, "since": since, "until": until}
    rows = ask(root, _SERIES, parameters).rows
    order = {name: place for place, name in enumerate(wanted)}
    rows.sort(key=lambda row: (row[0], order[row[1]], row[2]))
    return series_of(rows)


def _none_of(root: Path, source: str, at: datetime | None) -> NoSnapshot:
    known = sources(root)
    if source in known and at is not None:
        return NoSnapshot(
            f"no snapshot of {source!r} as early as {at:%Y-%m-%d %H:%M} UTC",
            hint='When it begins: tallybook sql "SELECT * FROM instances"',
        )
    if known:
        return NoSnapshot(
            f"no snapshot of {source!r}", hint=f"There are some of: {', '.join(known)}"
        )
    return NoSnapshot("the history has no snapshot yet", hint="Take the first: tallybook snapshot")
