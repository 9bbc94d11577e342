"""What a statistic is, and how one becomes SQL for the schema that is there. Pure.

A probe is one scan of one table; its statistics are expressions in that scan.
SQL is written once for all Unleash releases: what stands in `[[table.column: …]]`
is kept only where the schema has that column, so `users` counts with the
predicates an older database has columns for. `{windows}` are filled in with the
instant of the snapshot.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from etl.functions import FUNCTIONS
from etl.functions import SCHEMA as FUNCTION_SCHEMA
from warehouse.definitions import Definition
from warehouse.record import canonical, sha256_hex

_OPTIONAL: Final = re.compile(r"\[\[([\w.]+): (.*?)\]\]", re.DOTALL)

# Moments that windows begin at, as PostgreSQL computes them from the instant of
# the snapshot: calendar months are calendar months. The session's zone is UTC.
WINDOWS: Final[Mapping[str, str]] = {
    "now": "now()",
    "week_ago": "now() - interval '1 week'",
    "month_ago": "now() - interval '1 month'",
    "two_months_ago": "now() - interval '2 months'",
    "three_months_ago": "now() - interval '3 months'",
    "days_7_ago": "now() - interval '7 days'",
    "days_30_ago": "now() - interval '30 days'",
    "day_30_ago": "(now() - interval '30 days')::date",
    "day_60_ago": "(now() - interval '60 days')::date",
    "day_90_ago": "(now() - interval '90 days')::date",
    "this_month": "date_trunc('month', now())",
    "eleven_months_ago": "date_trunc('month', now()) - interval '11 months'",
    "today": "current_date::timestamptz",
    "yesterday": "current_date::timestamptz - interval '1 day'",
}


@dataclass(frozen=True)
class Statistic:
    """One number of Unleash.

    `sql` is an expression in the scan of its probe. `kind` is `count`, `bytes`, `ratio` (a
    decimal) or `switch` (true or false). `since` is the first release whose schema can
    tell it. `needs` names what it reads beyond its probe's own needs.
    """

    name: str
    meaning: str
    sql: str
    since: str
    needs: tuple[str, ...] = ()
    unit: str = ""
    kind: str = "count"
    window: str = ""


@dataclass(frozen=True)
class Odd:
    """Rows that a count leaves out because they are malformed: which, and how to name one."""

    where: str
    example: str
    reason: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """One scan: `SELECT <its statistics> FROM <source>`.

    With a `label` there is one value per label, named `statistic.label`, and the
    set of labels is open. `cost` orders parallel reading: heavy ones first.
    """

    subject: str
    source: str
    needs: tuple[str, ...]
    statistics: tuple[Statistic, ...]
    label: str | None = None
    odd: Odd | None = None
    cost: int = 1


@dataclass(frozen=True)
class Schema:
    """The columns of a database, as `table.column`: those there are, and those we may read.

    `functions` are those of `etl.functions` that stand in for the table of their name.
    """

    columns: frozenset[str]
    readable: frozenset[str]
    functions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unavailable:
    """A statistic without a value, and why.

    `cause` is `schema` (this release has no such column, nothing to worry about),
    `permission`, `timeout` or `error`.
    """

    statistic: str
    cause: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """All statistics there are, as data."""

    probes: tuple[Probe, ...]

    def statistics(self) -> Iterator[tuple[Probe, Statistic]]:
        """Every statistic with its probe, in the order of the dictionary."""
        for probe in self.probes:
            for statistic in probe.statistics:
                yield probe, statistic

    def columns(self) -> frozenset[str]:
        """Every column that any statistic reads, as `table.column`."""
        found: set[str] = set()
        for probe, statistic in self.statistics():
            found |= {*needed(probe, statistic), *optional(probe, statistic)}
        return frozenset(found)

    def tables(self) -> frozenset[str]:
        """Every table that any statistic reads."""
        return frozenset(column.partition(".")[0] for column in self.columns())

    def definitions(self) -> list[Definition]:
        """The dictionary, as it is kept beside the numbers."""
        return [define(probe, statistic) for probe, statistic in self.statistics()]


def define(probe: Probe, statistic: Statistic) -> Definition:
    """Describe a statistic for its readers, with the hash of what decides its value."""
    sql = query(replace(probe, odd=None), (statistic,))
    decisive = {"name": statistic.name, "sql": sql, "kind": statistic.kind}
    return Definition(
        name=statistic.name,
        subject=probe.subject,
        meaning=statistic.meaning,
        unit=statistic.unit,
        kind=statistic.kind,
        window=statistic.window,
        labelled=probe.label is not None,
        since=statistic.since,
        reads=sorted(set(needed(probe, statistic)) | set(optional(probe, statistic))),
        sql=sql,
        hash=sha256_hex(canonical(decisive)),
    )


def query(probe: Probe, statistics: tuple[Statistic, ...]) -> str:
    """The SELECT of some statistics of a probe, markers still in it."""
    columns = [f'{statistic.sql} AS "{statistic.name}"' for statistic in statistics]
    if probe.label:
        columns.insert(0, f"{probe.label} AS label")
    if probe.odd:
        columns.append(f"count(*) FILTER (WHERE {probe.odd.where}) AS odd_rows")
        columns.append(f"min({probe.odd.example}) FILTER (WHERE {probe.odd.where}) AS odd_example")
    grouped = " GROUP BY 1" if probe.label else ""
    return f"SELECT {', '.join(columns)} FROM {probe.source}{grouped}"


def fit(sql: str, schema: Schema, moments: Mapping[str, str]) -> str:
    """Make SQL fit a schema and an instant: drop what it lacks, fill in the windows."""
    fitted = _OPTIONAL.sub(lambda m: m[2] if m[1] in schema.columns else "", sql)
    for name in schema.functions:
        fitted = re.sub(rf"\bFROM {name}\b", f"FROM {FUNCTION_SCHEMA}.{name}() AS {name}", fitted)
    for name, literal in moments.items():
        fitted = fitted.replace("{" + name + "}", literal)
    return fitted


def needed(probe: Probe, statistic: Statistic) -> tuple[str, ...]:
    """The columns without which there is no value."""
    odd = probe.odd.needs if probe.odd else ()
    return tuple(dict.fromkeys((*probe.needs, *statistic.needs, *odd)))


def optional(probe: Probe, statistic: Statistic) -> tuple[str, ...]:
    """The columns that are read where the schema has them."""
    markers = _OPTIONAL.findall(f"{probe.source} {statistic.sql}")
    return tuple(dict.fromkeys(column for column, _ in markers))


def why_unavailable(probe: Probe, statistic: Statistic, schema: Schema) -> Unavailable | None:
    """Say why this database cannot tell a statistic, before asking it."""
    needs = needed(probe, statistic)
    beside = [column for column in optional(probe, statistic) if column in schema.columns]
    return why_unlisted(statistic.name, needs, statistic.since, schema, also=beside)


def why_unlisted(
    name: str, needs: Sequence[str], since: str, schema: Schema, *, also: Sequence[str] = ()
) -> Unavailable | None:
    """Say why a schema cannot tell what needs these columns, and may read `also`; None if it can.

    The reason names the column, and whether it is missing or closed to us.
    """
    missing = [column for column in needs if column not in schema.columns]
    if missing and missing[0].partition(".")[0] in FUNCTIONS:
        reason = "only the tokens' secrets tell, which Tallybook never reads"
        return Unavailable(name, "schema", f"{reason}; tallybook grants makes a function for it")
    if missing:
        reason = f"{missing[0]}: not in this schema, Unleash older than {since}"
        return Unavailable(name, "schema", reason)
    read = dict.fromkeys((*needs, *also))
    closed = [column for column in read if column not in schema.readable]
    if closed:
        return Unavailable(name, "permission", f"{', '.join(closed)}: permission denied")
    return None
