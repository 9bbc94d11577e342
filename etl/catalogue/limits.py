"""Limits: the largest of everything, as Unleash grows slow beyond some size."""

from typing import Final

from etl.statistic import Odd, Probe, Statistic

_LIVE_STRATEGIES = (
    "feature_strategies AS s JOIN features AS f ON f.name = s.feature_name"
    " WHERE f.archived_at IS NULL"
)


STRATEGIES_PER_ENVIRONMENT: Final = Probe(
    subject="limits",
    source=f"(SELECT count(*) AS n FROM {_LIVE_STRATEGIES}"
    " GROUP BY s.feature_name, s.environment) AS t",
    needs=(
        "feature_strategies.feature_name",
        "feature_strategies.environment",
        "features.name",
        "features.archived_at",
    ),
    statistics=(
        Statistic(
            name="maxEnvironmentStrategies",
            meaning="Most strategies of one flag in one environment; archived flags left out.",
            sql="coalesce(max(n), 0)",
            unit="strategies",
            since="4.17",
        ),
    ),
    cost=4,
)


CONSTRAINTS: Final = Probe(
    subject="limits",
    source="(SELECT s.id, jsonb_typeof(s.constraints) AS kind,"
    " CASE WHEN jsonb_typeof(s.constraints) = 'array' THEN s.constraints END AS constraints"
    f" FROM {_LIVE_STRATEGIES}) AS t",
    needs=(
        "feature_strategies.id",
        "feature_strategies.feature_name",
        "feature_strategies.constraints",
        "features.name",
        "features.archived_at",
    ),
    statistics=(
        Statistic(
            name="maxConstraints",
            meaning="Most constraints of one strategy; archived flags left out.",
            sql="coalesce(max(jsonb_array_length(constraints)), 0)",
            unit="constraints",
            since="4.17",
        ),
        Statistic(
            name="maxConstraintValues",
            meaning="Most values of one constraint; archived flags left out.",
            sql="coalesce(max((SELECT max(CASE WHEN jsonb_typeof(c->'values') = 'array'"
            " THEN jsonb_array_length(c->'values') ELSE 0 END)"
            " FROM jsonb_array_elements(constraints) AS c)), 0)",
            unit="values",
            since="4.17",
        ),
    ),
    odd=Odd(
        where="kind <> 'array' OR jsonb_path_exists(constraints,"
        ' \'$[*].values.type() ? (@ != "array" && @ != "null")\')',
        example="id",
        reason="constraints, or the values of one, are no JSON array",
    ),
    cost=10,
)


SIZES: Final = Probe(
    subject="limits",
    source="(SELECT sum(bytes) AS bytes,"
    " sum(sum(bytes)) OVER (PARTITION BY project_name, environment) AS project_bytes"
    " FROM (SELECT feature_name, project_name, environment,"
    " coalesce(pg_column_size(constraints), 0)"
    "[[feature_strategies.variants:  + coalesce(pg_column_size(variants), 0)]]"
    " + coalesce(pg_column_size(parameters), 0) AS bytes FROM feature_strategies) AS s"
    " GROUP BY project_name, environment, feature_name) AS t",
    needs=(
        "feature_strategies.feature_name",
        "feature_strategies.project_name",
        "feature_strategies.environment",
        "feature_strategies.constraints",
        "feature_strategies.parameters",
    ),
    statistics=(
        Statistic(
            name="largestFeatureEnvironmentSize",
            meaning="Bytes that the strategies of one flag in one environment take, the most.",
            sql="coalesce(max(bytes), 0)::bigint",
            unit="bytes",
            kind="bytes",
            since="4.17",
        ),
        Statistic(
            name="largestProjectEnvironmentSize",
            meaning="Bytes that the strategies of one project in one environment take, the most.",
            sql="coalesce(max(project_bytes), 0)::bigint",
            unit="bytes",
            kind="bytes",
            since="4.17",
        ),
    ),
    cost=9,
)


PROJECT_SIZES: Final = Probe(
    subject="limits",
    source="(SELECT count(*) AS n FROM feature_environments AS e"
    " JOIN features AS f ON f.name = e.feature_name"
    " WHERE f.archived_at IS NULL GROUP BY f.project) AS t",
    needs=(
        "feature_environments.feature_name",
        "features.name",
        "features.project",
        "features.archived_at",
    ),
    statistics=(
        Statistic(
            name="largestProjectFeatureEnvironments",
            meaning="Flags times environments of one project, the most; archived flags left out.",
            sql="coalesce(max(n), 0)",
            unit="flag environments",
            since="4.17",
        ),
    ),
    cost=4,
)


PROBES: Final = (STRATEGIES_PER_ENVIRONMENT, CONSTRAINTS, SIZES, PROJECT_SIZES)
