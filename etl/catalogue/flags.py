"""Feature flags: how many, of which kind, how old."""

from typing import Final

from etl.statistic import Probe, Statistic

FLAGS: Final = Probe(
    subject="flags",
    source="features",
    needs=("features.archived_at",),
    statistics=(
        Statistic(
            name="featureToggles",
            meaning="Feature flags that are not archived.",
            sql="count(*) FILTER (WHERE archived_at IS NULL)",
            unit="flags",
            since="4.17",
        ),
        Statistic(
            name="archivedFeatureToggles",
            meaning="Feature flags that are archived.",
            sql="count(*) FILTER (WHERE archived_at IS NOT NULL)",
            unit="flags",
            since="4.17",
        ),
        Statistic(
            name="staleFeatureToggles",
            meaning="Feature flags marked stale, not archived.",
            sql="count(*) FILTER (WHERE archived_at IS NULL AND stale)",
            needs=("features.stale",),
            unit="flags",
            since="4.17",
        ),
        Statistic(
            name="potentiallyStaleFeatureToggles",
            meaning="Feature flags older than their type's expected lifetime, not archived.",
            sql="count(*) FILTER (WHERE archived_at IS NULL AND potentially_stale)",
            needs=("features.potentially_stale",),
            unit="flags",
            since="5.3",
        ),
    ),
)


FLAGS_BY_TYPE: Final = Probe(
    subject="flags",
    source="features WHERE archived_at IS NULL",
    needs=("features.archived_at", "features.type"),
    label="coalesce(type, 'none')",
    statistics=(
        Statistic(
            name="featureTogglesByType",
            meaning="Feature flags that are not archived, by type.",
            sql="count(*)",
            unit="flags",
            since="4.17",
        ),
    ),
)


LIFECYCLES: Final = Probe(
    subject="flags",
    source="(SELECT DISTINCT ON (feature) stage FROM feature_lifecycles"
    " ORDER BY feature, created_at DESC NULLS LAST, stage) AS s",
    needs=(
        "feature_lifecycles.feature",
        "feature_lifecycles.stage",
        "feature_lifecycles.created_at",
    ),
    label="stage",
    statistics=(
        Statistic(
            name="featureLifecycles",
            meaning="Feature flags by the stage of their life that they entered last.",
            sql="count(*)",
            unit="flags",
            since="5.12",
        ),
    ),
)


UNKNOWN_FLAGS: Final = Probe(
    subject="flags",
    source="unknown_flags",
    needs=("unknown_flags.name",),
    statistics=(
        Statistic(
            name="unknownFlags",
            meaning="Reports of flags that an SDK asked for and Unleash does not know.",
            sql="count(*)",
            unit="reports",
            since="6.9.2",
        ),
        Statistic(
            name="unknownFlagNames",
            meaning="Distinct names of flags that Unleash does not know.",
            sql="count(DISTINCT name)",
            unit="flags",
            since="6.9.2",
        ),
    ),
)


PROBES: Final = (FLAGS, FLAGS_BY_TYPE, LIFECYCLES, UNKNOWN_FLAGS)
