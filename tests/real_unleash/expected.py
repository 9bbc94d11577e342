"""What the life of an instance (life.py, enterprise.py) must add up to, counted by hand.

Nearly every number is there once only: a statistic that answers its neighbour's number is seen.
"""

from datetime import UTC, datetime

from tests.real_unleash.releases import Release

Json = dict[str, object]

ADMIN_TOKENS = 11
TOKENS_BY_TYPE = {"client": 12, "backend": 15, "frontend": 17}
FLAGS = 25
ARCHIVED_FLAGS = 9
DELETED_FLAGS = 3
SEGMENTS = 16
CONTEXT_FIELDS = 13
STRATEGIES = 20
EXPORTS = 8
IMPORTS = 5
MOST_STRATEGIES = 21
MOST_CONSTRAINTS = 29
MOST_CONSTRAINT_VALUES = 37
PROJECTS = 6
GROUPS = 27
ENVIRONMENTS = 4
ROLES = 34
CUSTOM_ROOT_ROLES = 18
SERVICE_ACCOUNTS = 7
APPS_7D, APPS_30D, APPS_EVER = 22, 24, 26
PRODUCTION_30, PRODUCTION_60, PRODUCTION_90 = 137, 259, 388
BUCKETS, VARIANT_BUCKETS = 41, 43
TEMPLATES, PLANS = 35, 36

EDGE_MONTHS = 12
EDGE_BUCKET_SECONDS = 300
# One bucket in six has rows: one per node, and the months have 1, 2, 3, … nodes, newest first.
EDGE_STEP_SECONDS = 6 * EDGE_BUCKET_SECONDS


def counted_by_hand(release: Release, now: datetime) -> Json:
    """Return every field that depends on the life alone, as Unleash 8.2.0 would answer it."""
    return {
        "users": 32,
        "serviceAccounts": SERVICE_ACCOUNTS,
        "apiTokens": {"admin": ADMIN_TOKENS, **TOKENS_BY_TYPE, "odd": 1},
        "activeUsers": {"last7": 14, "last30": 19, "last60": 23, "last90": 28},
        "licensedUsers": 30,
        "readOnlyUsers": 10,
        "featureToggles": FLAGS,
        "archivedFeatureToggles": ARCHIVED_FLAGS,
        "projects": PROJECTS,
        "contextFields": CONTEXT_FIELDS,
        "roles": ROLES,
        "customRootRoles": CUSTOM_ROOT_ROLES,
        "customRootRolesInUse": 3,
        "groups": GROUPS,
        "environments": ENVIRONMENTS,
        "segments": SEGMENTS,
        "strategies": STRATEGIES,
        "SAMLenabled": release.switches.saml,
        "OIDCenabled": release.switches.oidc,
        "passwordAuthEnabled": release.switches.password,
        "SCIMenabled": release.switches.scim,
        "clientApps": [
            {"range": "7d", "count": APPS_7D},
            {"range": "30d", "count": APPS_30D},
            {"range": "allTime", "count": APPS_EVER},
        ],
        "featureExports": EXPORTS,
        "featureImports": IMPORTS,
        "productionChanges": {
            "last30": PRODUCTION_30,
            "last60": PRODUCTION_60,
            "last90": PRODUCTION_90,
        },
        "previousDayMetricsBucketsCount": {
            "enabledCount": BUCKETS,
            "variantCount": VARIANT_BUCKETS,
        },
        "maxEnvironmentStrategies": MOST_STRATEGIES,
        "maxConstraintValues": MOST_CONSTRAINT_VALUES,
        "maxConstraints": MOST_CONSTRAINTS,
        "releaseTemplates": TEMPLATES,
        "releasePlans": PLANS,
        "edgeInstanceUsage": edge_usage(now),
    }


def edge_usage(now: datetime) -> dict[str, float]:
    """Return month → mean number of Edge nodes, of the rows that enterprise.py writes."""
    months = edge_months(now)
    ends = [now, *months]
    return {
        f"{month:%Y-%m}": _mean_nodes(month, end, nodes)
        for nodes, (month, end) in enumerate(zip(months, ends, strict=False), start=1)
    }


def edge_months(now: datetime) -> list[datetime]:
    """Return the first instants of the current month and the 11 before it, newest first."""
    newest = now.year * 12 + now.month - 1
    return [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        for number in range(newest, newest - EDGE_MONTHS, -1)
    ]


def _mean_nodes(start: datetime, end: datetime, nodes: int) -> float:
    seconds = int((end - start).total_seconds())
    rows = nodes * -(-seconds // EDGE_STEP_SECONDS)
    mean = round(rows / (seconds // EDGE_BUCKET_SECONDS), 3)
    # As JavaScript writes numbers: 1, never 1.0.
    return int(mean) if mean == int(mean) else mean
