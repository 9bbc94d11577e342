"""docs/deviations.md says what the tests show, and a life is made of numbers that differ."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.real_unleash.deviations import ALL, DEVIATIONS, PAGE, page
from tests.real_unleash.expected import counted_by_hand, edge_months
from tests.real_unleash.releases import RELEASES, Release

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def test_the_page_is_current() -> None:
    hint = "run: python -m tests.real_unleash.deviations"

    assert PAGE.read_text() == page(), hint


def test_deviations_name_releases_that_the_tests_run() -> None:
    assert tuple(str(release) for release in RELEASES) == ALL
    assert {name for deviation in DEVIATIONS for name in deviation.releases} <= set(ALL)


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_no_two_statistics_of_a_life_have_the_same_number(release: Release) -> None:
    counted = counted_by_hand(release, NOW)
    edge = Counter(_numbers(counted.pop("edgeInstanceUsage")))
    others = Counter(_numbers(counted))

    assert 0 not in edge + others
    assert [number for number, times in edge.items() if times > 1] == []
    assert [number for number, times in others.items() if times > 1] == []


def test_edge_months_are_the_current_one_and_eleven_before() -> None:
    months = edge_months(NOW)

    assert [f"{month:%Y-%m-%d}" for month in months] == [
        *("2026-03-01", "2026-02-01", "2026-01-01", "2025-12-01", "2025-11-01", "2025-10-01"),
        *("2025-09-01", "2025-08-01", "2025-07-01", "2025-06-01", "2025-05-01", "2025-04-01"),
    ]


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in _numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in _numbers(part)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    return []
