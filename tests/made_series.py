"""Makers of sightings and series for tests of the analyses: nightly at two, from a Sunday on."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from warehouse.analysis.gaps import MissedSlot
from warehouse.analysis.periods import Unit
from warehouse.analysis.series import Series, Sighting, Statistic, make_series
from warehouse.payload import Instance

FIRST_NIGHT = datetime(2026, 3, 1, 2)  # noqa: DTZ001  # the warehouse keeps UTC without a zone
DAY = timedelta(days=1)
PROD = Instance("4c1b6b6e-0000-4000-8000-000000000001", "prod")
STAGING = Instance("5d2c7c7f-0000-4000-8000-000000000002", "staging")
USERS = Statistic("users", "people")
NOBODY = "the source could not be reached"


def night(number: int) -> datetime:
    """The moment of the numbered night."""
    return FIRST_NIGHT + number * DAY


def sightings(
    values: Sequence[float | None],
    *,
    left_out: Iterable[int] = (),
    reconstructed: Iterable[int] = (),
    releases: Sequence[str] = (),
    definitions: Sequence[str] = (),
) -> list[Sighting]:
    """One sighting a night; `left_out` are nights without a snapshot."""
    absent, not_observed = set(left_out), set(reconstructed)
    return [
        Sighting(
            night(number),
            value,
            "reconstructed" if number in not_observed else "observed",
            releases[number] if releases else "8.2.0",
            definitions[number] if definitions else "a",
        )
        for number, value in enumerate(values)
        if number not in absent
    ]


def missed(*nights: int, reason: str = NOBODY) -> list[MissedSlot]:
    """Slots of these nights that were missed."""
    return [MissedSlot(night(number), reason) for number in nights]


def a_series(
    values: Sequence[float | None],
    *,
    by: Unit | None = None,
    instance: Instance = PROD,
    statistic: Statistic = USERS,
    slots: Sequence[MissedSlot] = (),
    **marks: Iterable[int] | Sequence[str],
) -> Series:
    """A series of nightly values."""
    return make_series(instance, statistic, sightings(values, **marks), slots, by)  # type: ignore[arg-type]
