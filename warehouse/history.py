"""Reading single snapshots back: the newest, the then newest, and the one before."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from warehouse.analysis.names import did_you_mean
from warehouse.errors import Failure
from warehouse.payload import Snapshot
from warehouse.query import ask
from warehouse.record import decode
from warehouse.relations import text


class NoSnapshot(Failure):
    """Nothing was recorded of that source, or not yet at that time."""


class Pair(NamedTuple):
    """A snapshot and the one before it of the same instance, if there is one."""

    snapshot: Snapshot
    before: Snapshot | None


# Written out, not handed over as parameters: see warehouse/analysis/reading.py.
_NEWEST_TWO = """
    SELECT l.payload
    FROM (
        SELECT log, index, taken_at FROM snapshots
        WHERE instance = {source} AND taken_at <= {at}
        ORDER BY taken_at DESC, index DESC
        LIMIT 2
    ) AS s
    JOIN ledger AS l ON l.log = s.log AND l.index = s.index
    ORDER BY s.taken_at DESC, s.index DESC
"""


def sources(root: Path) -> list[str]:
    """The names of all instances in the history."""
    return [
        name for (name,) in ask(root, "SELECT DISTINCT instance FROM instances ORDER BY 1").rows
    ]


def newest_two(root: Path, source: str, at: datetime | None = None) -> Pair:
    """The newest snapshot of `source` up to `at`, and the one before it. Raises NoSnapshot."""
    until = f"TIMESTAMP {text(at.isoformat(sep=' '))}" if at else "'infinity'"
    found = ask(root, _NEWEST_TWO.format(source=text(source), at=until)).rows
    payloads = [decode(row[0]) for row in found]
    snapshots = [payload for payload in payloads if isinstance(payload, Snapshot)]
    if not snapshots:
        raise no_snapshot_of(source, sources(root), at)
    newest, *before = snapshots
    # A database that was rebuilt is another instance under the old name.
    return Pair(newest, next((s for s in before if s.instance == newest.instance), None))


def no_snapshot_of(source: str, known: Sequence[str], at: datetime | None = None) -> NoSnapshot:
    """The failure to say that there is none of `source`, or not as early as `at`."""
    if source in known and at is not None:
        return NoSnapshot(
            f"no snapshot of {source!r} as early as {at:%Y-%m-%d %H:%M} UTC",
            hint='When it begins: tallybook sql "SELECT * FROM instances"',
        )
    if known:
        guess = did_you_mean(source, known)
        there = f"There are some of: {', '.join(known)}"
        return NoSnapshot(f"no snapshot of {source!r}", hint=f"{guess} {there}" if guess else there)
    return NoSnapshot("the history has no snapshot yet", hint="Take the first: tallybook snapshot")
