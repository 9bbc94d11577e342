"""What the analyses ask of the views, and nothing of the files behind them.

Values are written into the statements, quoted: given a parameter, DuckDB looks whether it is
one of pandas' and imports all of that, 0.3 s, where it is installed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from warehouse.analysis.comparison import definition
from warehouse.analysis.gaps import MissedSlot
from warehouse.analysis.names import resolve
from warehouse.analysis.periods import Unit
from warehouse.analysis.seats import LICENSED, Row
from warehouse.analysis.series import OBSERVED, Series, Sighting, Statistic, make_series
from warehouse.errors import BadInput, QueryFailure
from warehouse.history import no_snapshot_of
from warehouse.payload import Instance
from warehouse.query import reading
from warehouse.relations import quoted, text

Ask = Callable[[str], list[tuple[Any, ...]]]
_FIRST_VALUE: Final = 6


@dataclass(frozen=True)
class Range:
    """Which snapshots: of these sources (none: of all), and when; both ends included, UTC."""

    sources: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def condition(self, column: str = "taken_at") -> str:
        """The same as SQL."""
        conditions = ["true"]
        if self.sources:
            conditions.append(f"instance IN ({', '.join(map(text, self.sources))})")
        if self.since:
            conditions.append(f"{column} >= {_moment(self.since)}")
        if self.until:
            conditions.append(f"{column} <= {_moment(self.until)}")
        return " AND ".join(conditions)


class Extent(NamedTuple):
    """How far the history of one source goes: its first and newest snapshot (UTC), how many."""

    source: str
    first: datetime
    last: datetime
    snapshots: int


@contextmanager
def asking(root: Path) -> Iterator[Ask]:
    """Open the views of the warehouse in `root` for several questions in a row.

    Raises NoWarehouse, and QueryFailure in DuckDB's words.
    """
    try:
        with reading(root) as connection:
            yield lambda sql: connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise QueryFailure(
            f"cannot read the history: {error}",
            hint="Find out what is damaged with: tallybook verify",
        ) from error


def read_trends(
    root: Path, names: Sequence[str], within: Range, by: Unit | None = None
) -> list[Series]:
    """Read statistics over time: a series per instance and statistic that has a value there.

    By instance, then in the order asked for. Raises BadInput for a statistic and NoSnapshot for
    a source that the history does not know.
    """
    with asking(root) as ask:
        wanted = _wanted(ask, names, within)
        rows = ask(_sightings(wanted, within))
        if not rows:
            read_extents(ask, within.sources)
        missed = _missed(ask, within)
        hashes = _definitions(ask, {row[5] for row in rows if row[5]}, wanted)
    made = []
    for (instance_id, name), group in groupby(rows, key=lambda row: row[:2]):
        instance, members = Instance(instance_id, name), list(group)
        for place, (statistic, _) in enumerate(wanted, start=_FIRST_VALUE):
            by_set = hashes.get(statistic.name, {})
            sightings = [
                Sighting(row[2], row[place], row[3], row[4] or "", by_set.get(row[5]))
                for row in members
            ]
            slots = missed.get(instance, ())
            if any(sighting.value is not None for sighting in sightings):
                made.append(make_series(instance, statistic, sightings, slots, by))
    return made


def read_seats(root: Path, sources: Sequence[str]) -> list[Row]:
    """Read the licensed users of these sources, or of all, by time. Raises NoSnapshot."""
    within = Range(tuple(sources))
    with asking(root) as ask:
        read_extents(ask, within.sources)
        known = read_statistics(ask)
        if LICENSED not in known:
            return []
        column = quoted(known[LICENSED][1])
        return ask(
            f"SELECT instance, taken_at, {column}::DOUBLE, provenance FROM snapshots "
            f"WHERE {column} IS NOT NULL AND {within.condition()} ORDER BY taken_at, index"
        )


def read_statistics(ask: Ask) -> dict[str, tuple[Statistic, str]]:
    """Every statistic of the history with its column in `snapshots`, in the dictionary's order."""
    rows = ask("SELECT statistic, column_name, unit, kind FROM statistics")
    return {name: (Statistic(name, unit, kind), column) for name, column, unit, kind in rows}


def read_hashes(ask: Ask, sets: Sequence[str]) -> dict[tuple[str, str], str]:
    """The hash of every definition in these sets, by set and statistic."""
    rows = ask(
        "SELECT definitions, statistic, definition FROM definitions "
        f"WHERE definitions IN ({', '.join(map(text, [*sets, '']))})"
    )
    return {(definitions, statistic): found for definitions, statistic, found in rows}


def read_last_days(
    ask: Ask, instance: Instance, until: datetime, days: int
) -> dict[str, dict[date, float]]:
    """The last observed value of each of the last days of an instance, by statistic.

    Oldest first; a day without a value is left out.
    """
    begin = datetime.combine(until.date(), time()) - timedelta(days=days - 1)
    within = Range((instance.name,), begin, until)
    rows = ask(
        "SELECT statistic, taken_at::DATE AS day, arg_max(value, taken_at) FROM statistic_values "
        f"WHERE {within.condition()} AND instance_id = {text(instance.id)} "
        f"AND provenance = {text(OBSERVED)} GROUP BY ALL ORDER BY day"
    )
    found: dict[str, dict[date, float]] = {}
    for statistic, day, value in rows:
        found.setdefault(statistic, {})[day] = value
    return found


def read_extents(ask: Ask, sources: Sequence[str]) -> list[Extent]:
    """How far the history of these sources goes, or of all.

    Raises NoSnapshot for one that the history does not know, and for an empty history.
    """
    rows = ask(
        "SELECT instance, min(first_taken_at), max(last_taken_at), sum(snapshots)::BIGINT "
        "FROM instances GROUP BY instance ORDER BY instance"
    )
    known = {row[0]: Extent(*row) for row in rows}
    for source in sources or ([] if known else [""]):
        if source not in known:
            raise no_snapshot_of(source, list(known))
    return [known[source] for source in sources or known]


def _wanted(ask: Ask, names: Sequence[str], within: Range) -> list[tuple[Statistic, str]]:
    known = read_statistics(ask)
    try:
        return [known[name] for name in resolve(names, list(known))]
    except BadInput:
        # Of an empty history, or of a source that nobody knows, that is what has to be said.
        read_extents(ask, within.sources)
        raise


def _sightings(wanted: Sequence[tuple[Statistic, str]], within: Range) -> str:
    values = ", ".join(f"{quoted(column)}::DOUBLE" for _, column in wanted)
    return (
        "SELECT instance_id, instance, taken_at, provenance, version_oss, definitions, "
        f"{values} FROM snapshots WHERE {within.condition()} "
        "ORDER BY instance, instance_id, taken_at, index"
    )


def _missed(ask: Ask, within: Range) -> dict[Instance, list[MissedSlot]]:
    rows = ask(
        "SELECT instance_id, instance, due_at, reason FROM gaps "
        f"WHERE {within.condition('due_at')} ORDER BY due_at"
    )
    found: dict[Instance, list[MissedSlot]] = {}
    for instance_id, name, due_at, reason in rows:
        found.setdefault(Instance(instance_id, name), []).append(MissedSlot(due_at, reason))
    return found


def _definitions(
    ask: Ask, sets: Iterable[str], wanted: Sequence[tuple[Statistic, str]]
) -> dict[str, dict[str, str]]:
    hashes = read_hashes(ask, sorted(sets))
    return {
        statistic.name: {
            each: found for each in sets if (found := definition(hashes, each, statistic.name))
        }
        for statistic, _ in wanted
    }


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP {text(moment.isoformat(sep=' '))}"
