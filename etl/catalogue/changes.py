"""Changes: what people and machines did to the flags."""

from typing import Final

from etl.statistic import Probe, Statistic

TRANSFERS: Final = Probe(
    subject="changes",
    source="events WHERE type IN ('features-exported', 'features-imported')",
    needs=("events.type",),
    statistics=(
        Statistic(
            name="featureExports",
            meaning="Exports of feature flags since the beginning.",
            sql="count(*) FILTER (WHERE type = 'features-exported')",
            unit="exports",
            since="4.17",
        ),
        Statistic(
            name="featureImports",
            meaning="Imports of feature flags since the beginning.",
            sql="count(*) FILTER (WHERE type = 'features-imported')",
            unit="imports",
            since="4.17",
        ),
    ),
    cost=3,
)


def _production(days: int) -> Statistic:
    return Statistic(
        name=f"productionChanges.last{days}",
        meaning=f"Changes within the last {days} days in environments that are of type production "
        "now.",
        sql=f"coalesce(sum(updates) FILTER (WHERE day > {{day_{days}_ago}}), 0)::bigint",
        unit="changes",
        window=f"{days} days",
        since="5.6",
    )


PRODUCTION_CHANGES: Final = Probe(
    subject="changes",
    source="stat_environment_updates AS s JOIN environments AS e ON e.name = s.environment"
    " WHERE e.type = 'production' AND s.day > {day_90_ago}",
    needs=(
        "stat_environment_updates.day",
        "stat_environment_updates.environment",
        "stat_environment_updates.updates",
        "environments.name",
        "environments.type",
    ),
    statistics=(_production(30), _production(60), _production(90)),
)


CHANGE_REQUESTS: Final = Probe(
    subject="changes",
    source="change_requests",
    needs=("change_requests.state",),
    label="state",
    statistics=(
        Statistic(
            name="changeRequests",
            meaning="Change requests by state.",
            sql="count(*)",
            unit="change requests",
            since="4.17",
        ),
    ),
)


RELEASES: Final = Probe(
    subject="releases",
    source="release_plan_definitions",
    needs=("release_plan_definitions.discriminator",),
    statistics=(
        Statistic(
            name="releaseTemplates",
            meaning="Release templates that are not archived.",
            sql="count(*) FILTER (WHERE discriminator = 'template'"
            "[[release_plan_definitions.archived_at:  AND archived_at IS NULL]])",
            unit="templates",
            since="6.4",
        ),
        Statistic(
            name="releasePlans",
            meaning="Release plans, archived ones included.",
            sql="count(*) FILTER (WHERE discriminator = 'plan')",
            unit="plans",
            since="6.4",
        ),
    ),
)


PROBES: Final = (TRANSFERS, PRODUCTION_CHANGES, CHANGE_REQUESTS, RELEASES)
