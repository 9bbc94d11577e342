"""The shapes of an export: which tables it has, out of which view, and how they relate.

`wide` is a row per snapshot, `long` a row per snapshot and statistic. `star` is the long one
as a fact table with dimensions around it. Keys are natural ones, and related by one column
each, because that is all that Power BI and its kind can relate by. Data, no code: what the
columns mean is said by the comments in the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Reference:
    """A column whose values are found in the first key column of another table."""

    column: str
    table: str


@dataclass(frozen=True)
class TableShape:
    """A table to export.

    `query` is SQL with `{scope}` in place of the condition on positions and filters, and
    `{statistics}` and `{values}` of the names of all statistics and their columns. `view`
    is the one whose comments describe its columns, `told` describes what no view has.
    `grows`: new snapshots add rows and change none, so an export may continue an earlier one.
    """

    name: str
    view: str
    query: str
    key: tuple[str, ...]
    about: str = ""
    grows: bool = False
    references: tuple[Reference, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


_INSTANCE_KEY: Final = "instance || '/' || instance_id AS instance_key"
_TOLD_KEY: Final = "Name and id of the instance in one: relates to instances"

SNAPSHOTS: Final = TableShape(
    name="snapshots",
    view="snapshots",
    query="SELECT * FROM snapshots WHERE {scope}",
    key=("log", "index"),
    grows=True,
)
# The rows of the view statistic_values, out of the columns of `snapshots`: there each has a
# position. Of two snapshots of one moment the view's rows could not be told apart.
_VALUES: Final = """
    SELECT
        v.instance_id, v.instance, v.taken_at, v.statistic, v.value, v.provenance, d.definition,
        v.log, v.index
    FROM (
        SELECT
            instance_id, instance, taken_at, provenance, definitions, log, index,
            unnest({statistics}::VARCHAR[]) AS statistic, unnest({values}::DOUBLE[]) AS value
        FROM snapshots WHERE {scope}
    ) AS v
    LEFT JOIN (
        SELECT
            d.definitions, s.statistic,
            arg_max(d.definition, d.statistic = s.statistic) AS definition
        FROM statistics AS s
        JOIN definitions AS d ON d.statistic IN (s.statistic, split_part(s.statistic, '.', 1))
        GROUP BY d.definitions, s.statistic
    ) AS d ON d.definitions = v.definitions AND d.statistic = v.statistic
    WHERE v.value IS NOT NULL
"""
_POSITION: Final = {
    "log": "Origin of the log that holds the signed record",
    "index": "Position of the signed record in that log",
}
VALUES: Final = TableShape(
    name="statistic_values",
    view="statistic_values",
    query=_VALUES,
    key=("log", "index", "statistic"),
    grows=True,
    told=_POSITION,
)
FACTS: Final = TableShape(
    name="statistic_values",
    view="statistic_values",
    query=f"SELECT {_INSTANCE_KEY}, taken_at::DATE AS day, * FROM ({_VALUES})",
    key=("log", "index", "statistic"),
    grows=True,
    references=(
        Reference("instance_key", "instances"),
        Reference("day", "dates"),
        Reference("statistic", "statistics"),
        Reference("definition", "definitions"),
    ),
    told={
        **_POSITION,
        "instance_key": _TOLD_KEY,
        "day": "Day of the snapshot, UTC: relates to dates",
    },
)
# As the view has them, but of what is exported: the view may know newer snapshots already.
INSTANCES: Final = TableShape(
    name="instances",
    view="instances",
    query=f"""
        SELECT
            {_INSTANCE_KEY}, instance_id, instance,
            min(taken_at) AS first_taken_at, max(taken_at) AS last_taken_at,
            count(*) AS snapshots, max_by(version_oss, taken_at) AS version_oss
        FROM snapshots WHERE {{scope}} GROUP BY instance_id, instance ORDER BY instance_key
    """,
    key=("instance_key",),
    told={"instance_key": "Name and id in one"},
)
STATISTICS: Final = TableShape(
    name="statistics",
    view="statistics",
    query="SELECT * FROM statistics",
    key=("statistic",),
)
# The view has a row per set of definitions; most sets share nearly all of them.
DEFINITIONS: Final = TableShape(
    name="definitions",
    view="definitions",
    query="""
        SELECT * EXCLUDE (definitions, place)
        FROM (SELECT *, row_number() OVER () AS place FROM definitions)
        QUALIFY row_number() OVER (PARTITION BY definition ORDER BY place DESC) = 1
        ORDER BY place
    """,
    key=("definition",),
    about="One row per definition that a value was counted by, in its newest wording.",
)
# Whole years without a hole: what functions for "year to date" and the like ask for.
DATES: Final = TableShape(
    name="dates",
    view="dates",
    query="""
        SELECT
            day, year(day) AS year, quarter(day) AS quarter, month(day) AS month,
            dayofmonth(day) AS day_of_month, dayofyear(day) AS day_of_year,
            isoyear(day) AS iso_year, weekofyear(day) AS iso_week, isodow(day) AS weekday,
            dayname(day) AS weekday_name, monthname(day) AS month_name,
            date_trunc('week', day)::DATE AS week_start,
            date_trunc('month', day)::DATE AS month_start,
            date_trunc('quarter', day)::DATE AS quarter_start,
            isodow(day) >= 6 AS is_weekend
        FROM (
            SELECT unnest(generate_series(
                date_trunc('year', min(taken_at)),
                date_trunc('year', max(taken_at)) + INTERVAL 1 YEAR - INTERVAL 1 DAY,
                INTERVAL 1 DAY
            ))::DATE AS day
            FROM snapshots WHERE {scope}
        )
    """,
    key=("day",),
    about="One row per day of every year in which there is a snapshot.",
    told={
        "day": "Day, UTC",
        "year": "Year",
        "quarter": "Quarter of the year, 1 to 4",
        "month": "Month of the year, 1 to 12",
        "day_of_month": "Day of the month, from 1",
        "day_of_year": "Day of the year, from 1",
        "iso_year": "Year that the ISO week belongs to",
        "iso_week": "Week of that year by ISO 8601, 1 to 53",
        "weekday": "Day of the week, 1 is Monday",
        "weekday_name": "Its English name",
        "month_name": "English name of the month",
        "week_start": "Monday of its week",
        "month_start": "First day of its month",
        "quarter_start": "First day of its quarter",
        "is_weekend": "Whether it is a Saturday or a Sunday",
    },
)

SHAPES: Final[Mapping[str, tuple[TableShape, ...]]] = {
    "wide": (SNAPSHOTS,),
    "long": (VALUES,),
    "star": (FACTS, INSTANCES, STATISTICS, DEFINITIONS, DATES),
}
