"""What plots draw: lines in strands that end at gaps, panels of one family, labels that tell."""

import re
from dataclasses import replace

import pytest

from tests.made_series import PROD, STAGING, USERS, a_series, missed, night
from warehouse.analysis.plots import plot, thinned
from warehouse.analysis.series import Series, Statistic
from warehouse.analysis.strands import Panel, panels
from warehouse.payload import Instance

LAST7, LAST30 = (Statistic(f"activeUsers.last{n}", "people") for n in (7, 30))


def only(*series: Series, rate: bool = False) -> Panel:
    (panel,) = panels(series, rate=rate)
    return panel


def strands(series: Series) -> list[tuple[str, list[float]]]:
    (line,) = only(series).lines
    return [(s.provenance, [value for _, value in s.dots]) for s in line.strands]


def test_a_line_ends_where_a_gap_begins() -> None:
    series = a_series([1, 2, None, 4, 5])

    assert strands(series) == [("observed", [1, 2]), ("observed", [4, 5])]


def test_a_link_to_what_was_not_observed_is_no_more_certain() -> None:
    series = a_series([1, 2, 3, 4, 5, 6], reconstructed=[0, 1, 4])

    assert strands(series) == [
        ("reconstructed", [1, 2, 3]),
        ("observed", [3, 4]),
        ("reconstructed", [4, 5, 6]),
        ("observed", [6]),
    ]


def test_every_provenance_has_strands_of_its_own() -> None:
    series = a_series([1, 2, 3])
    points = [
        replace(point, provenance=provenance)
        for point, provenance in zip(
            series.points, ["imported", "recorded", "observed"], strict=True
        )
    ]

    found = strands(replace(series, points=tuple(points)))

    assert found == [("imported", [1]), ("recorded", [1, 2, 3]), ("observed", [3])]


def test_a_rate_is_drawn_from_the_second_point_on() -> None:
    panel = only(a_series([1, 3, 7]), rate=True)

    assert (panel.unit, panel.dots) == ("people per day", [(night(1), 2.0), (night(2), 4.0)])
    assert panels([a_series([1])], rate=True) == []


def test_a_family_shares_a_panel_and_others_have_their_own() -> None:
    series = [a_series([1], statistic=each) for each in (LAST7, USERS, LAST30)]

    found = [
        (panel.title, panel.instance, [line.label for line in panel.lines])
        for panel in panels(series)
    ]

    assert found == [("activeUsers", "prod", ["last7", "last30"]), ("users", "", ["prod"])]


def test_lines_of_several_instances_are_named_after_them() -> None:
    one, two = a_series([1], statistic=LAST7), a_series([2], statistic=LAST7, instance=STAGING)
    three = a_series([1], statistic=LAST30)

    assert [line.label for line in only(one, two).lines] == ["prod", "staging"]
    assert only(one, two).title == "activeUsers.last7"
    assert [line.label for line in only(one, two, three).lines] == [
        "prod last7",
        "staging last7",
        "prod last30",
    ]


def test_two_databases_of_one_name_are_told_apart() -> None:
    clone = a_series([2], instance=Instance("99999999-0000", PROD.name))

    assert [line.label for line in only(a_series([1]), clone).lines] == [
        "prod (4c1b6b6e)",
        "prod (99999999)",
    ]


def test_gaps_and_upgrades_are_the_panels_where_all_is_of_one_instance() -> None:
    releases = ["8.1.0", "8.1.0", "8.2.0", "8.2.0"]
    series = a_series([1, 2, 3, 4], releases=releases, left_out=[1], slots=missed(1))
    other = a_series([5, 6], instance=STAGING)

    alone, together = only(series), only(series, other)

    assert (alone.gaps, alone.upgrades) == (series.gaps, series.upgrades)
    assert alone.lines[0].upgraded == ()
    assert (together.gaps, together.upgrades) == ((), ())
    assert together.lines[0].upgraded == (((night(2), 3), "8.2.0"),)


def test_a_change_of_definition_is_marked_at_the_next_point_there_is() -> None:
    definitions = ["a"] * 10 + ["b"] * 30

    nightly = a_series(list(range(40)), definitions=definitions)
    monthly = a_series(list(range(40)), definitions=definitions, by="month")

    assert only(nightly).lines[0].redefined == ((night(10), 10),)
    assert only(monthly).lines[0].redefined == ((night(30), 30),)


@pytest.mark.parametrize("count", [1, 5, 800, 801, 10_000])
def test_thinning_keeps_ends_and_extremes(count: int) -> None:
    dots = [(night(n), float((n * 7919) % 1000)) for n in range(count)]

    kept = thinned(dots)

    assert len(kept) <= max(count if count <= 800 else 0, 808)
    assert (kept[0], kept[-1]) == (dots[0], dots[-1])
    assert kept == sorted(set(kept))
    assert min(v for _, v in kept) == min(v for _, v in dots)
    assert max(v for _, v in kept) == max(v for _, v in dots)


@pytest.mark.parametrize("values", [(1,), (5, 5), (1, 2, 3), (0, 1e12), (-5, 5)])
def test_a_plot_is_as_wide_as_asked_for(values: tuple[float, ...]) -> None:
    drawn = plot(only(a_series(values)), width=60, height=12, colour=False)

    lines = drawn.splitlines()
    assert "\x1b[" not in drawn
    assert len(lines) == 12
    assert max(map(len, lines)) <= 60


def test_a_plot_in_colour_has_one() -> None:
    assert "\x1b[" in plot(only(a_series([1, 2])), width=60)


def test_a_gap_stays_empty_in_a_plot() -> None:
    gap = re.compile("(?<=[⠀-⣿]) +(?=[⠀-⣿])")

    whole = plot(only(a_series([5.0] * 40)), width=90, colour=False)
    torn = plot(only(a_series([5.0] * 40, left_out=range(15, 25))), width=90, colour=False)

    assert gap.findall(whole) == []
    (empty,) = gap.findall(torn)
    assert 18 < len(empty) < 26


def test_a_plot_marks_what_happened() -> None:
    series = a_series(
        list(range(40)),
        reconstructed=range(5),
        releases=["8.1.0"] * 20 + ["8.2.0"] * 20,
        definitions=["a"] * 30 + ["b"] * 10,
    )

    drawn = plot(only(series), width=100, colour=False)
    together = plot(only(series, a_series([3, 4], instance=STAGING)), width=100, colour=False)

    assert "8.2.0" in drawn
    assert "◆" in drawn
    assert "prod, reconstructed" in drawn
    assert "▲" in together
    assert "staging" in together


def test_many_upgrades_are_named_where_there_is_room() -> None:
    releases = [f"8.{number // 2}.0" for number in range(80)]

    drawn = plot(only(a_series(list(range(80)), releases=releases)), width=80, colour=False)

    named = [word for word in drawn.replace("│", " ").split() if word.startswith("8.")]
    assert 3 < len(named) < 10
    assert drawn.count("┬") < 10
