"""Every field that a real Unleash answers equals Tallybook's, but for what deviations.py says."""

import hashlib
from dataclasses import replace

import pytest

from tests.real_unleash.agreements import ODDITIES, Oddity
from tests.real_unleash.api import Refused
from tests.real_unleash.changes import changed
from tests.real_unleash.comparison import differences
from tests.real_unleash.deviations import (
    AFTER_A_CHANGE,
    ALWAYS,
    WITHOUT_SERVER,
    Deviation,
    Special,
)
from tests.real_unleash.expected import counted_by_hand
from tests.real_unleash.ours import Tallybook
from tests.real_unleash.releases import RELEASES
from tests.real_unleash.story import LivedIn, wait_for_calm

# A life takes a minute, and may wait for the end of a five-minute bucket.
pytestmark = [pytest.mark.real_unleash, pytest.mark.timeout(900)]

ANY_INSTANCE_HAS = {"timestamp", "instanceId", "versionOSS", "versionEnterprise", "sum"}
SUMMED = (
    "instanceId",
    "users",
    "featureToggles",
    "projects",
    "roles",
    "groups",
    "environments",
    "segments",
)


def test_the_endpoint_answers_what_was_counted_by_hand(instance: LivedIn) -> None:
    counted = counted_by_hand(instance.release, instance.lived_at)

    answered = {k: v for k, v in instance.answer.items() if k not in ANY_INSTANCE_HAS}

    assert answered == {k: v for k, v in counted.items() if k not in instance.release.not_answered}


def test_the_endpoint_sums_what_the_facts_say(instance: LivedIn) -> None:
    summed = "".join(str(instance.answer[name]) for name in SUMMED)

    assert instance.answer["sum"] == hashlib.sha256(summed.encode()).hexdigest()
    assert instance.answer["versionOSS"] == str(instance.release)
    assert instance.answer["versionEnterprise"] == ""


def test_every_field_is_the_same(instance: LivedIn, tallybook: Tallybook) -> None:
    wait_for_calm(seconds=15)

    endpoint, ours = instance.ask(), tallybook.answer()

    assert differences(endpoint, ours, _deviations(ALWAYS, instance)) == []


def test_what_the_schema_lacks_is_not_invented(instance: LivedIn, tallybook: Tallybook) -> None:
    ours = tallybook.answer()

    assert {name: ours.get(name) for name in instance.release.not_in_schema} == dict.fromkeys(
        instance.release.not_in_schema
    )


def test_without_the_server_only_what_is_certain_of_the_release_is_said(
    instance: LivedIn, tallybook: Tallybook
) -> None:
    wait_for_calm(seconds=15)

    endpoint, ours = instance.ask(), tallybook.answer(knows_server=False)

    rightly = _deviations((*ALWAYS, WITHOUT_SERVER), instance)
    assert differences(endpoint, ours, rightly) == []


def _on_its_releases(deviation: Deviation) -> list[object]:
    return [
        pytest.param(
            release,
            deviation,
            id=f"{release}-{deviation.field}-{deviation.situation}",
            marks=pytest.mark.xdist_group(str(release)),
        )
        for release in RELEASES
        if str(release) in deviation.releases
    ]


@pytest.mark.parametrize(
    ("instance", "deviation"),
    [case for deviation in AFTER_A_CHANGE for case in _on_its_releases(deviation)],
    indirect=["instance"],
)
def test_a_deviation_is_as_the_table_says(
    instance: LivedIn, tallybook: Tallybook, deviation: Deviation
) -> None:
    wait_for_calm(seconds=15)
    endpoint = instance.ask()

    with changed(instance.database_url, deviation.change):
        if deviation.endpoint is Special.FAILS:
            with pytest.raises(Refused, match=": 500: "):
                instance.ask()
        else:
            endpoint = instance.ask()
        ours = tallybook.answer()

    assert differences(endpoint, ours, _deviations((*ALWAYS, deviation), instance)) == []


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.name)
def test_odd_rows_are_counted_alike(
    instance: LivedIn, tallybook: Tallybook, oddity: Oddity
) -> None:
    wait_for_calm(seconds=15)

    with changed(instance.database_url, oddity.change):
        endpoint, ours = instance.ask(), tallybook.answer()

    assert differences(endpoint, ours, _deviations(ALWAYS, instance)) == []


def _deviations(deviations: tuple[Deviation, ...], instance: LivedIn) -> list[Deviation]:
    """Return those of this release, with the numbers in place that were counted by hand."""
    counted = counted_by_hand(instance.release, instance.lived_at)

    def filled_in(answer: object, field: str) -> object:
        return counted[field] if answer is Special.COUNTED else answer

    return [
        replace(
            deviation,
            endpoint=filled_in(deviation.endpoint, deviation.field),
            ours=filled_in(deviation.ours, deviation.field),
        )
        for deviation in deviations
        if str(instance.release) in deviation.releases
    ]
