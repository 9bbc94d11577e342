"""The comparison itself: what it lets pass and what it finds."""

import pytest

from tests.real_unleash.comparison import differences
from tests.real_unleash.deviations import Deviation, Special

NOON = "2026-11-23T12:00:00.000Z"
ANSWER: dict[str, object] = {
    "timestamp": NOON,
    "users": 7,
    "SAMLenabled": True,
    "activeUsers": {"last7": 3, "last30": 4},
    "clientApps": [{"range": "7d", "count": 1}, {"range": "allTime", "count": 2}],
}


def answer(**changed: object) -> dict[str, object]:
    return {**ANSWER, **changed}


def deviation(field: str, *, endpoint: object, ours: object) -> Deviation:
    return Deviation(field, ("8.2.0",), "always", endpoint, ours, "because")


def test_the_same_answer_has_no_differences() -> None:
    assert differences(answer(), answer()) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"users": 8}, "users: expected 7, got 8"),
        ({"users": "7"}, "users: expected 7, got '7'"),
        ({"users": 7.0}, "users: expected 7, got 7.0"),
        ({"users": None}, "users: expected 7, got None"),
        ({"SAMLenabled": 1}, "SAMLenabled: expected True, got 1"),
        ({"groups": 2}, "groups: expected no such field, got 2"),
        ({"activeUsers": {"last7": 3}}, "activeUsers.last30: expected 4, got no such field"),
        (
            {"activeUsers": {"last7": 4, "last30": 4}},
            "activeUsers.last7: expected 3, got 4",
        ),
        (
            {"clientApps": [{"range": "7d", "count": 1}, {"range": "30d", "count": 2}]},
            "clientApps[1].range: expected 'allTime', got '30d'",
        ),
        (
            {"clientApps": []},
            "clientApps: expected [{'range': '7d', 'count': 1}, {'range': 'allTime', 'count': 2}],"
            " got []",
        ),
    ],
)
def test_one_changed_field_is_one_difference(changed: dict[str, object], found: str) -> None:
    assert differences(answer(), answer(**changed)) == [found]


def test_a_field_that_is_missing_is_a_difference() -> None:
    ours = {name: value for name, value in ANSWER.items() if name != "users"}

    assert differences(answer(), ours) == ["users: expected 7, got no such field"]


def test_null_stands_for_a_field_that_the_endpoint_does_not_have() -> None:
    assert differences(answer(), answer(readOnlyUsers=None)) == []


def test_timestamps_of_the_same_minute_are_the_same() -> None:
    assert differences(answer(), answer(timestamp="2026-11-23T12:00:59.123456Z")) == []


@pytest.mark.parametrize(
    ("timestamp", "found"),
    [
        (
            "2026-11-23T13:00:00.000Z",
            f"timestamp: expected about '{NOON}', got '2026-11-23T13:00:00.000Z'",
        ),
        (
            "2026-11-23 12:00:00",
            f"timestamp: expected an instant like '{NOON}', got '2026-11-23 12:00:00'",
        ),
        (Special.ABSENT, f"timestamp: expected an instant like '{NOON}', got no such field"),
    ],
)
def test_other_timestamps_are_a_difference(timestamp: object, found: str) -> None:
    assert differences(answer(), answer(timestamp=timestamp)) == [found]


def test_a_deviation_is_right_when_both_sides_are_as_it_says() -> None:
    rightly = [deviation("SAMLenabled", endpoint="false", ours=False)]

    found = differences(answer(SAMLenabled="false"), answer(SAMLenabled=False), rightly)

    assert found == []


def test_a_deviation_that_is_not_there_any_more_is_found() -> None:
    rightly = [deviation("SAMLenabled", endpoint="false", ours=False)]

    found = differences(answer(SAMLenabled=False), answer(SAMLenabled=True), rightly)

    assert found == [
        "SAMLenabled of the endpoint: expected 'false', got False",
        "SAMLenabled: expected False, got True",
    ]


def test_a_field_that_only_we_answer_must_be_what_was_counted() -> None:
    rightly = [deviation("readOnlyUsers", endpoint=Special.ABSENT, ours=10)]

    assert differences(answer(), answer(readOnlyUsers=10), rightly) == []
    assert differences(answer(), answer(readOnlyUsers=11), rightly) == [
        "readOnlyUsers: expected 10, got 11"
    ]
    assert differences(answer(), answer(), rightly) == [
        "readOnlyUsers: expected 10, got no such field"
    ]


def test_an_endpoint_that_failed_is_compared_by_its_answer_before() -> None:
    rightly = [deviation("users", endpoint=Special.FAILS, ours=6)]

    assert differences(answer(), answer(users=6), rightly) == []
    assert differences(answer(), answer(users=7), rightly) == ["users: expected 6, got 7"]
