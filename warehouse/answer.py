"""The answer Unleash gives to `GET /api/admin/instance-admin/statistics`, out of a record.

Field names, nesting, types and order are those of Unleash 8.2.0. A statistic
that was unavailable has no field: any number there would be an invention.
"""

import hashlib
from decimal import Decimal
from typing import Final

from warehouse.contract import CHECKSUMMED
from warehouse.payload import Snapshot, Value

Answer = dict[str, object]

# The order of 8.2.0. A name with a dot, or one that labels hang on, is an object.
FIELDS: Final = (
    "users",
    "serviceAccounts",
    "apiTokens",
    "activeUsers",
    "licensedUsers",
    "featureToggles",
    "archivedFeatureToggles",
    "projects",
    "contextFields",
    "roles",
    "customRootRoles",
    "customRootRolesInUse",
    "groups",
    "environments",
    "segments",
    "strategies",
    "SAMLenabled",
    "OIDCenabled",
    "passwordAuthEnabled",
    "SCIMenabled",
    "clientApps",
    "featureExports",
    "featureImports",
    "productionChanges",
    "previousDayMetricsBucketsCount",
    "maxEnvironmentStrategies",
    "maxConstraintValues",
    "maxConstraints",
    "releaseTemplates",
    "releasePlans",
    "edgeInstanceUsage",
    "readOnlyUsers",
)
_NEWEST_FIRST: Final = {"edgeInstanceUsage"}
_MAY_BE_EMPTY: Final = {"apiTokens"}


def endpoint_answer(snapshot: Snapshot) -> Answer:
    """Build the endpoint's JSON for one snapshot."""
    answer: Answer = {
        "timestamp": snapshot.taken_at,
        "instanceId": snapshot.instance.id,
        "versionOSS": snapshot.unleash.oss,
        "versionEnterprise": snapshot.unleash.enterprise,
    }
    for field in FIELDS:
        if (value := _field(field, snapshot)) is not None:
            answer[field] = value
    if checksum := endpoint_checksum(snapshot):
        answer["sum"] = checksum
    return answer


def endpoint_checksum(snapshot: Snapshot) -> str | None:
    """Unleash's `sum`: SHA-256 of eight values with nothing between them.

    There is no secret in it and 1‖23 reads like 12‖3: a checksum, no signature.
    None when one of the values was unavailable.
    """
    values = [snapshot.stats.get(name) for name in CHECKSUMMED]
    if None in values:
        return None
    return hashlib.sha256("".join([snapshot.instance.id, *map(str, values)]).encode()).hexdigest()


def _field(field: str, snapshot: Snapshot) -> object:
    if field in snapshot.stats:
        return plain(snapshot.stats[field])
    prefix = f"{field}."
    nested = {
        name.removeprefix(prefix): plain(value)
        for name, value in snapshot.stats.items()
        if name.startswith(prefix)
    }
    if not nested:
        known_empty = field in _MAY_BE_EMPTY and field not in snapshot.unavailable
        return {} if known_empty else None
    if field == "clientApps":
        ranges = [key for key in ("7d", "30d", "allTime") if key in nested]
        return [{"range": key, "count": nested[key]} for key in ranges]
    # Shorter names first, so that last7 comes before last30.
    ordered = sorted(nested.items(), key=lambda item: (len(item[0]), item[0]))
    return dict(reversed(ordered) if field in _NEWEST_FIRST else ordered)


def plain(value: Value) -> int | float | bool:
    """A value as JSON has it: a decimal kept as text becomes a number again."""
    if not isinstance(value, str):
        return value
    exact = Decimal(value)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
