"""Structure: what the flags are arranged in."""

from typing import Final

from etl.catalogue.rows import all_rows
from etl.statistic import Probe, Statistic

PROJECTS: Final = Probe(
    subject="structure",
    source="projects",
    needs=("projects.id",),
    statistics=(
        Statistic(
            name="projects",
            meaning="Projects that are not archived.",
            sql="count(*)[[projects.archived_at:  FILTER (WHERE archived_at IS NULL)]]",
            unit="projects",
            since="4.17",
        ),
    ),
)


PROJECT_MODES: Final = Probe(
    subject="structure",
    source="projects AS p LEFT JOIN project_settings AS s ON s.project = p.id"
    "[[projects.archived_at:  WHERE p.archived_at IS NULL]]",
    needs=("projects.id", "project_settings.project", "project_settings.project_mode"),
    label="coalesce(s.project_mode, 'open')",
    statistics=(
        Statistic(
            name="projectsByMode",
            meaning="Projects that are not archived, by collaboration mode.",
            sql="count(*)",
            unit="projects",
            since="4.22",
        ),
    ),
)


ENVIRONMENTS: Final = all_rows(
    "structure", "environments", "environments", "name", "Environments, disabled ones included."
)


CONTEXT_FIELDS: Final = all_rows(
    "structure",
    "contextFields",
    "context_fields",
    "name",
    "Context fields.",
    Statistic(
        name="projectContextFields",
        meaning="Context fields that belong to one project.",
        sql="count(*) FILTER (WHERE project IS NOT NULL)",
        needs=("context_fields.project",),
        unit="context fields",
        since="7.4.1",
    ),
)


SEGMENTS: Final = all_rows("structure", "segments", "segments", "id", "Segments.")


STRATEGIES: Final = all_rows(
    "structure",
    "strategies",
    "strategies",
    "name",
    "Strategy types, built-in and deprecated ones included.",
    Statistic(
        name="customStrategies",
        meaning="Strategy types that are not built in.",
        sql="count(*) FILTER (WHERE built_in <> 1)",
        needs=("strategies.built_in",),
        unit="strategies",
        since="4.17",
    ),
    Statistic(
        name="customStrategiesInUse",
        meaning="Strategy types that are not built in and that at least one flag uses.",
        sql="count(*) FILTER (WHERE built_in <> 1 AND name IN"
        " (SELECT DISTINCT used.strategy_name FROM feature_strategies AS used))",
        needs=("strategies.built_in", "feature_strategies.strategy_name"),
        unit="strategies",
        since="4.17",
    ),
)


PROBES: Final = (PROJECTS, PROJECT_MODES, ENVIRONMENTS, CONTEXT_FIELDS, SEGMENTS, STRATEGIES)
