"""Rows kept beside the numbers: names of applications, environments and projects.

Never a person's name, address or token, nor a hash of one.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Listing:
    """A query whose rows are kept with each snapshot. Markers as in a statistic's SQL."""

    name: str
    meaning: str
    sql: str
    needs: tuple[str, ...]
    since: str


APPS: Final = Listing(
    name="names.apps",
    meaning="Applications whose SDK Unleash remembers. Unleash itself forgets them within a day.",
    sql="SELECT app_name FROM client_instances GROUP BY app_name ORDER BY app_name",
    needs=("client_instances.app_name",),
    since="4.17",
)
CHANGES: Final = Listing(
    name="names.changes",
    meaning="Changes of the last 90 days per environment and day, with the environment's type now.",
    sql="SELECT s.environment, coalesce(e.type, '') AS type, s.day, s.updates"
    " FROM stat_environment_updates AS s LEFT JOIN environments AS e ON e.name = s.environment"
    " WHERE s.day > {day_90_ago} AND s.day <= ({today})::date"
    " ORDER BY s.environment, s.day",
    needs=(
        "stat_environment_updates.day",
        "stat_environment_updates.environment",
        "stat_environment_updates.updates",
        "environments.name",
        "environments.type",
    ),
    since="5.6",
)
FLAGS: Final = Listing(
    name="names.flags",
    meaning="Feature flags per project, active and archived.",
    sql="SELECT coalesce(project, '') AS project,"
    " count(*) FILTER (WHERE archived_at IS NULL) AS active,"
    " count(*) FILTER (WHERE archived_at IS NOT NULL) AS archived"
    " FROM features GROUP BY project ORDER BY project",
    needs=("features.project", "features.archived_at"),
    since="4.17",
)

LISTINGS: Final = (APPS, CHANGES, FLAGS)
