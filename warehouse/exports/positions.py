"""Which records an export takes: stretches of each log, bounded by signed checkpoints.

Every query of one export is bounded by the same positions, so what is appended meanwhile is
in none of its tables, and in the next export.
"""

from collections.abc import Sequence
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from warehouse.errors import LedgerFailure
from warehouse.exports.manifest import Filters, LogEnd
from warehouse.exports.tables import ask_history
from warehouse.note import parse_checkpoint
from warehouse.relations import text

_ENDS = """
    SELECT log, max(index) + 1, arg_max(checkpoint, index)
    FROM ledger WHERE checkpoint IS NOT NULL GROUP BY log ORDER BY log
"""


class Stretch(NamedTuple):
    """Records of a log: from position `begin` on, before `until`."""

    origin: str
    begin: int
    until: int


def log_ends(connection: DuckDBPyConnection) -> tuple[LogEnd, ...]:
    """The newest checkpoint of every log. Raises MalformedNote, LedgerFailure."""
    ends = tuple(LogEnd(*row) for row in ask_history(connection, _ENDS))
    for end in ends:
        said = parse_checkpoint(end.checkpoint)
        if (said.origin, said.size) != (end.origin, end.until):
            raise LedgerFailure(
                f"record {end.until - 1} of {end.origin!r} carries the checkpoint of "
                f"{said.size} records of {said.origin!r}",
                hint="Find out what is damaged with: tallybook verify",
            )
    return ends


def whole(ends: Sequence[LogEnd]) -> list[Stretch]:
    """Everything up to the ends."""
    return [Stretch(end.origin, 0, end.until) for end in ends]


def newer(ends: Sequence[LogEnd], before: Sequence[LogEnd]) -> list[Stretch]:
    """What came after an earlier export. A log that it did not know counts from its beginning."""
    known = {end.origin: end.until for end in before}
    return [Stretch(end.origin, known.get(end.origin, 0), end.until) for end in ends]


def require_continuation(
    connection: DuckDBPyConnection, ends: Sequence[LogEnd], before: Sequence[LogEnd]
) -> None:
    """Raise LedgerFailure unless this history goes on from where an earlier export ended."""
    reached = {end.origin: end.until for end in ends}
    for old in before:
        if reached.get(old.origin, 0) < old.until:
            raise _another_history(
                f"{old.until} records of {old.origin!r} were exported, "
                f"and the history has {reached.get(old.origin, 0)}"
            )
        last = f"log = {text(old.origin)} AND index = {old.until - 1}"
        found = ask_history(
            connection, f"SELECT checkpoint FROM ledger WHERE {last} AND checkpoint IS NOT NULL"
        )
        exported = parse_checkpoint(old.checkpoint).root
        if any(parse_checkpoint(note).root != exported for (note,) in found):
            raise _another_history(
                f"the first {old.until} records of {old.origin!r} are not those that were exported"
            )


def condition(stretches: Sequence[Stretch], filters: Filters) -> str:
    """The stretches and filters as SQL over the columns log, index, instance and taken_at."""
    inside = " OR ".join(
        f"(log = {text(s.origin)} AND index >= {s.begin} AND index < {s.until})" for s in stretches
    )
    parts = [f"({inside or 'false'})"]
    if filters.instance is not None:
        parts.append(f"instance = {text(filters.instance)}")
    if filters.since is not None:
        parts.append(f"taken_at >= TIMESTAMP {text(filters.since)}")
    return " AND ".join(parts)


def _another_history(reason: str) -> LedgerFailure:
    return LedgerFailure(
        f"the export cannot be continued: {reason}",
        hint="Export this history into another folder, and run tallybook verify.",
    )
