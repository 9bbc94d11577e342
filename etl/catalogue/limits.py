"""Limits: the largest of everything, as Unleash grows slow beyond some size."""

from typing import Final

from etl.statistic import Odd, Probe, Statistic

_LIVE_STRATEGIES = (
    "feature_strategies AS s JOIN features AS f ON f.name = s.feature_name"
    " WHERE f.archived_at IS NULL"
)


CONSTRAINTS: Final = Probe(
    subject="limits",
    # `#> '{}'` unpacks a constraint list once, and OFFSET 0 keeps the planner from unpacking
    # it again for every use. A length of -1 stands for a list that is none.
    source="(SELECT id, n, v, jsonb_typeof(v) AS kind FROM (SELECT id, n, jsonb_array_elements("
    "CASE WHEN n < 0 THEN '[null]'::jsonb ELSE list END)->'values' AS v"
    " FROM (SELECT id, list, CASE jsonb_typeof(list) WHEN 'array' THEN jsonb_array_length(list)"
    " ELSE -1 END AS n FROM (SELECT s.id, s.constraints #> '{}' AS list"
    f" FROM {_LIVE_STRATEGIES} AND s.constraints IS NOT NULL OFFSET 0) AS unpacked OFFSET 0)"
    " AS counted OFFSET 0) AS split OFFSET 0) AS t",
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
            sql="greatest(max(n), 0)",
            unit="constraints",
            since="4.17",
        ),
        Statistic(
            name="maxConstraintValues",
            meaning="Most values of one constraint; archived flags left out.",
            sql="coalesce(max(CASE kind WHEN 'array' THEN jsonb_array_length(v) END), 0)",
            unit="values",
            since="4.17",
        ),
    ),
    odd=Odd(
        where="n < 0 OR kind NOT IN ('array', 'null')",
        example="id",
        reason="constraints, or the values of one, are no JSON array",
    ),
    cost=10,
)


STRATEGY_GROUPS: Final = Probe(
    subject="limits",
    # One scan for both groupings; a group of a project has no feature_name.
    source="(SELECT feature_name, count(*) AS n, sum("
    "coalesce(pg_column_size(constraints), 0) + coalesce(pg_column_size(parameters), 0)"
    "[[feature_strategies.variants:  + coalesce(pg_column_size(variants), 0)]]) AS bytes"
    " FROM feature_strategies GROUP BY GROUPING SETS"
    " ((feature_name, environment), (project_name, environment))) AS g"
    " LEFT JOIN features AS f ON f.name = g.feature_name",
    needs=(
        "feature_strategies.feature_name",
        "feature_strategies.project_name",
        "feature_strategies.environment",
        "feature_strategies.constraints",
        "feature_strategies.parameters",
        "features.name",
        "features.archived_at",
    ),
    statistics=(
        Statistic(
            name="maxEnvironmentStrategies",
            meaning="Most strategies of one flag in one environment; archived flags left out.",
            sql="coalesce(max(n) FILTER (WHERE f.name IS NOT NULL AND f.archived_at IS NULL), 0)",
            unit="strategies",
            since="4.17",
        ),
        Statistic(
            name="largestFeatureEnvironmentSize",
            meaning="Bytes that the strategies of one flag in one environment take, the most.",
            sql="coalesce(max(bytes) FILTER (WHERE feature_name IS NOT NULL), 0)::bigint",
            unit="bytes",
            kind="bytes",
            since="4.17",
        ),
        Statistic(
            name="largestProjectEnvironmentSize",
            meaning="Bytes that the strategies of one project in one environment take, the most.",
            sql="coalesce(max(bytes) FILTER (WHERE feature_name IS NULL), 0)::bigint",
            unit="bytes",
            kind="bytes",
            since="4.17",
        ),
    ),
    cost=7,
)


PROJECT_SIZES: Final = Probe(
    subject="limits",
    source="(SELECT project, count(*) AS n FROM features WHERE archived_at IS NULL"
    " GROUP BY project) AS f JOIN (SELECT project_id, count(*) AS n FROM project_environments"
    " GROUP BY project_id) AS e ON e.project_id = f.project",
    needs=("features.project", "features.archived_at", "project_environments.project_id"),
    statistics=(
        Statistic(
            name="largestProjectFeatureEnvironments",
            meaning="Flags times environments of one project, the most; archived flags left out.",
            sql="coalesce(max(f.n * e.n), 0)",
            unit="flag environments",
            since="4.17",
        ),
    ),
)


PROBES: Final = (STRATEGY_GROUPS, CONSTRAINTS, PROJECT_SIZES)
