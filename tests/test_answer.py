"""The endpoint's JSON out of a record: the same names, nesting, types and checksum."""

import hashlib
import json

import pytest

from tests.builders import PROD, SOME_STATS, a_snapshot
from warehouse.answer import endpoint_answer, endpoint_checksum, plain
from warehouse.payload import Release, Value

UNLEASH_8_2: dict[str, Value] = {
    "users": 25,
    "serviceAccounts": 2,
    "apiTokens.client": 3,
    "apiTokens.admin": 1,
    "activeUsers.last7": 4,
    "activeUsers.last30": 9,
    "activeUsers.last60": 12,
    "activeUsers.last90": 15,
    "licensedUsers": 24,
    "featureToggles": 80,
    "archivedFeatureToggles": 10,
    "projects": 3,
    "contextFields": 5,
    "roles": 6,
    "customRootRoles": 1,
    "customRootRolesInUse": 0,
    "groups": 2,
    "environments": 2,
    "segments": 7,
    "strategies": 1,
    "SAMLenabled": False,
    "OIDCenabled": True,
    "passwordAuthEnabled": True,
    "SCIMenabled": False,
    "clientApps.allTime": 8,
    "clientApps.30d": 8,
    "clientApps.7d": 6,
    "featureExports": 1,
    "featureImports": 0,
    "productionChanges.last30": 5,
    "productionChanges.last60": 6,
    "productionChanges.last90": 9,
    "previousDayMetricsBucketsCount.enabledCount": 100,
    "previousDayMetricsBucketsCount.variantCount": 20,
    "maxEnvironmentStrategies": 4,
    "maxConstraintValues": 30,
    "maxConstraints": 5,
    "releaseTemplates": 1,
    "releasePlans": 2,
    "edgeInstanceUsage.2026-10": "1.25",
    "edgeInstanceUsage.2026-11": "2",
    "readOnlyUsers": 0,
    "staleFeatureToggles": 3,
}


def test_the_answer_is_that_of_unleash() -> None:
    snapshot = a_snapshot(stats=UNLEASH_8_2)

    answer = endpoint_answer(snapshot)

    counts = "25" + "80" + "3" + "6" + "2" + "2" + "7"
    assert answer == {
        "timestamp": "2026-11-23T02:00:00.000Z",
        "instanceId": PROD.id,
        "versionOSS": "8.2.0",
        "versionEnterprise": "",
        "users": 25,
        "serviceAccounts": 2,
        "apiTokens": {"admin": 1, "client": 3},
        "activeUsers": {"last7": 4, "last30": 9, "last60": 12, "last90": 15},
        "licensedUsers": 24,
        "featureToggles": 80,
        "archivedFeatureToggles": 10,
        "projects": 3,
        "contextFields": 5,
        "roles": 6,
        "customRootRoles": 1,
        "customRootRolesInUse": 0,
        "groups": 2,
        "environments": 2,
        "segments": 7,
        "strategies": 1,
        "SAMLenabled": False,
        "OIDCenabled": True,
        "passwordAuthEnabled": True,
        "SCIMenabled": False,
        "clientApps": [
            {"range": "7d", "count": 6},
            {"range": "30d", "count": 8},
            {"range": "allTime", "count": 8},
        ],
        "featureExports": 1,
        "featureImports": 0,
        "productionChanges": {"last30": 5, "last60": 6, "last90": 9},
        "previousDayMetricsBucketsCount": {"enabledCount": 100, "variantCount": 20},
        "maxEnvironmentStrategies": 4,
        "maxConstraintValues": 30,
        "maxConstraints": 5,
        "releaseTemplates": 1,
        "releasePlans": 2,
        "edgeInstanceUsage": {"2026-11": 2, "2026-10": 1.25},
        "readOnlyUsers": 0,
        "sum": hashlib.sha256((PROD.id + counts).encode()).hexdigest(),
    }
    assert list(answer)[-2:] == ["readOnlyUsers", "sum"]


def test_periods_come_in_their_own_order() -> None:
    text = json.dumps(endpoint_answer(a_snapshot(stats=UNLEASH_8_2)))

    assert '"activeUsers": {"last7": 4, "last30": 9, "last60": 12, "last90": 15}' in text
    assert '"edgeInstanceUsage": {"2026-11": 2, "2026-10": 1.25}' in text


def test_what_was_unavailable_has_no_field() -> None:
    snapshot = a_snapshot(
        stats={"users": 1},
        unavailable={"projects": "no such column", "apiTokens": "permission denied"},
    )

    assert endpoint_answer(snapshot).keys() == {
        "timestamp", "instanceId", "versionOSS", "versionEnterprise", "users",
    }  # fmt: skip


def test_a_server_without_tokens_has_an_empty_object_of_them() -> None:
    assert endpoint_answer(a_snapshot(stats={"users": 1}))["apiTokens"] == {}


def test_both_versions_are_passed_on() -> None:
    release = Release(oss="8.2", enterprise="8.2.1", evidence="server")

    answer = endpoint_answer(a_snapshot(unleash=release))

    assert (answer["versionOSS"], answer["versionEnterprise"]) == ("8.2", "8.2.1")


@pytest.mark.parametrize("missing", ["users", "featureToggles", "projects", "roles", "segments"])
def test_there_is_no_sum_where_a_part_of_it_is_missing(missing: str) -> None:
    stats = {name: value for name, value in SOME_STATS.items() if name != missing}

    assert endpoint_checksum(a_snapshot(stats=stats)) is None
    assert "sum" not in endpoint_answer(a_snapshot(stats=stats))


def test_the_sum_is_no_signature() -> None:
    one = a_snapshot(stats={**SOME_STATS, "users": 1, "featureToggles": 23})
    other = a_snapshot(stats={**SOME_STATS, "users": 12, "featureToggles": 3})

    assert endpoint_checksum(one) == endpoint_checksum(other)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (True, True), ("2", 2), ("2.50", 2.5), ("0", 0), ("1000000000000", 10**12)],
)
def test_a_decimal_becomes_a_number_again(value: Value, number: float) -> None:
    assert plain(value) == number
    assert type(plain(value)) is type(number)
