"""The forecast: a line through daily values, an honest interval, and words where there is none."""

import math
import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.analysis.forecast import (
    FEWEST_VALUES,
    HORIZON_DAYS,
    WINDOW_DAYS,
    Forecast,
    crossing,
    fit,
    forecast,
    student_t,
)

START = date(2026, 3, 1)


def daily(*values: float) -> list[tuple[date, float]]:
    return [(START + timedelta(days=number), value) for number, value in enumerate(values)]


def noisy(days: int, slope: float, scatter: float, seed: int = 1) -> list[tuple[date, float]]:
    chance = random.Random(seed)  # noqa: S311  # no secret is made of it
    return daily(*(100 + slope * day + chance.gauss(0, scatter) for day in range(days)))


def test_a_straight_line_is_told_to_the_day() -> None:
    told = forecast(daily(*range(100, 130)), 150)

    then = START + timedelta(days=50)
    assert told == Forecast("expected", 30, 1.0, then, then, then)


def test_an_interval_lies_around_the_day() -> None:
    told = forecast(noisy(120, 0.5, 3), 200)

    assert told.verdict == "expected"
    assert told.earliest is not None
    assert told.on is not None
    assert told.latest is not None
    assert told.earliest < told.on < told.latest
    assert abs((told.on - (START + timedelta(days=200))).days) < 15


def test_more_scatter_is_a_wider_interval() -> None:
    calm, wild = (forecast(noisy(120, 0.5, scatter), 200) for scatter in (1, 6))

    assert width(calm) < width(wild)


def width(told: Forecast) -> int:
    assert told.earliest is not None
    assert told.latest is not None
    return (told.latest - told.earliest).days


def test_days_that_resemble_each_other_widen_the_interval() -> None:
    independent = noisy(150, 0.5, 3)
    chance, drift, alike = random.Random(1), 0.0, []  # noqa: S311
    for number, (day, _) in enumerate(independent):
        drift = 0.8 * drift + chance.gauss(0, 1.8)
        alike.append((day, 100 + 0.5 * number + drift))

    x = [float(number) for number in range(150)]
    fitted = fit(x, [value for _, value in alike])

    assert fitted.independent < 40
    assert width(forecast(independent, 200)) < width(forecast(alike, 200))


@pytest.mark.parametrize("values", [[], [5], [5] * (FEWEST_VALUES - 1)])
def test_too_few_values_tell_nothing(values: list[float]) -> None:
    assert forecast(daily(*values), 250) == Forecast("too few values", len(values))


def test_old_values_do_not_count_as_a_trend_of_today() -> None:
    long_ago = daily(*range(100, 150))
    lone = [(START + timedelta(days=50 + WINDOW_DAYS), 150.0)]

    assert forecast([*long_ago, *lone], 250) == Forecast("too few values", 1)


@pytest.mark.parametrize("step", [0, -1])
def test_flat_or_falling_never_gets_there(step: int) -> None:
    told = forecast(daily(*(100 + step * day for day in range(40))), 250)

    assert (told.verdict, told.per_day, told.on) == ("not growing", step, None)


def test_what_lies_beyond_the_horizon_is_not_told_as_a_day() -> None:
    told = forecast(daily(*(100 + 0.01 * day for day in range(60))), 250)

    assert (told.verdict, told.on, told.latest) == ("not within the horizon", None, None)


def test_growth_that_may_be_chance_is_too_uncertain() -> None:
    told = forecast(noisy(60, 0.01, 10, seed=5), 250)

    assert told.per_day is not None
    assert told.per_day > 0
    assert (told.verdict, told.on, told.latest) == ("too uncertain", None, None)


def test_an_interval_without_an_end_has_its_beginning() -> None:
    told = forecast(noisy(60, 0.12, 4, seed=4), 190)

    assert (told.verdict, told.on) == ("too uncertain", None)
    assert told.earliest is not None


@pytest.mark.parametrize(
    ("values", "since"),
    [([200, 240, 250, 251], 2), ([260, 240, 250], 2), ([260], 0), ([250, 250, 250], 0)],
)
def test_a_limit_that_is_reached_is_told_since_when(values: list[float], since: int) -> None:
    told = forecast(daily(*values), 250)

    assert (told.verdict, told.on) == ("reached", START + timedelta(days=since))


def test_a_limit_that_was_reached_once_may_be_ahead_again() -> None:
    told = forecast(daily(300, *range(100, 160)), 200)

    assert told.verdict in ("expected", "too uncertain", "not growing")


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)],
)
def test_the_quantiles_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=0.005)


def test_the_interval_is_the_band_solved_for_the_day() -> None:
    points = noisy(90, 0.4, 2)
    line = fit([(day - points[-1][0]).days for day, _ in points], [value for _, value in points])

    found = crossing(line, 180)

    assert found is not None
    for at in found:
        u = at - line.mean_x
        edge = student_t(line.independent - 2) * line.scatter
        edge *= math.sqrt(1 + 1 / line.independent + u * u / line.spread)
        assert abs(180 - (line.level + line.slope * at)) == pytest.approx(edge, rel=1e-9)


@given(
    st.lists(st.floats(0, 1e6), max_size=80),
    st.integers(1, 10**6),
    st.sets(st.integers(0, 79)),
)
def test_whatever_the_values_what_is_told_is_in_order(
    values: list[float], limit: int, unknown: set[int]
) -> None:
    points = [each for place, each in enumerate(daily(*values)) if place not in unknown]

    told = forecast(points, limit)

    if told.verdict == "expected":
        assert points[-1][0] < told.earliest <= told.on <= told.latest  # type: ignore[operator]
        assert (told.latest - points[-1][0]).days <= HORIZON_DAYS + 1  # type: ignore[operator]
    elif told.verdict != "reached":
        assert (told.on, told.latest) == (None, None)


def test_nineteen_of_twenty_intervals_hold_the_day() -> None:
    held = 0
    for seed in range(400):
        points = noisy(201, 0.5, 4, seed=seed)
        told = forecast(points[:120], limit=points[200][1])
        assert told.earliest is not None
        assert told.latest is not None
        held += told.earliest <= points[200][0] <= told.latest

    assert 0.92 < held / 400 < 0.99
