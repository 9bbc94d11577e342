"""What `trend` prints: tables, remarks and JSON, whatever happened to the history."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from tests.made_series import NOBODY, STAGING, a_series, missed
from warehouse.analysis import trend_report
from warehouse.analysis.series import Series, Statistic
from warehouse.analysis.trend_report import print_trend, remarks, trend_json
from warehouse.analysis.words import percent, subtitle

SWITCH = Statistic("SAMLenabled", "on or off", "switch")


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed, on wide paper."""
    sheet = io.StringIO()
    out = Console(file=sheet, width=200, markup=False, emoji=False, highlight=False)
    monkeypatch.setattr(trend_report, "console", lambda **_: out)
    return sheet


def lines(paper: io.StringIO) -> list[str]:
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def test_a_trend_is_a_line_of_a_table_and_a_plot(
    paper: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    print_trend([a_series([100, 125, 120, 110])], rate=False)

    assert lines(paper) == [
        "instance  statistic  from        first  to          last  change   growth  trend",
        "prod      users      2026-03-01    100  2026-03-04   110     +10  +10.0 %  ▁█▇▄",
        "",
        "users  people",
    ]
    drawn = capsys.readouterr().out.splitlines()
    assert len(drawn) == 16
    assert drawn[-1].split() == ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]


def test_close_moments_are_told_to_the_second(paper: io.StringIO) -> None:
    print_trend([a_series([1, 2])], rate=False)

    assert "2026-03-01 02:00:00" in lines(paper)[1]


def test_a_rate_has_a_column_and_is_what_is_drawn(paper: io.StringIO) -> None:
    print_trend([a_series([10, 12, 20, 21])], rate=True)

    head, line, *_, title = lines(paper)
    assert head.split()[-3:] == ["per", "day", "trend"]
    assert line.split()[-5:] == ["+11", "+110", "%", "+3.667", "▂█▁"]
    assert title == "users  people per day"


def test_bars_have_a_space_where_a_gap_is(paper: io.StringIO) -> None:
    print_trend([a_series([1, 2, None, 8])], rate=False)

    assert lines(paper)[1].endswith("▁▂ █")


def test_one_snapshot_is_no_trend_yet(
    paper: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    print_trend([a_series([7])], rate=False)

    assert lines(paper)[-1] == "one snapshot only: a trend begins with the second"
    assert capsys.readouterr().out == ""


def test_periods_are_rows_with_what_happened_in_them(paper: io.StringIO) -> None:
    series = a_series(
        list(range(100, 192)),
        by="month",
        left_out=range(25, 65),
        slots=missed(*range(30, 60)),
        reconstructed=range(25),
        releases=["8.1.0"] * 70 + ["8.2.0"] * 22,
        definitions=["a"] * 80 + ["b"] * 12,
    )

    print_trend([series], rate=True)

    assert lines(paper)[:5] == [
        "prod  users  people, the last value of each month (UTC)",
        "month    taken at          value  change   growth  per day",
        "2026-03  2026-03-25 02:00    124                            reconstructed",
        f"         2026-03-25–05-05      –                            30 slot(s) missed: {NOBODY}",
        "2026-05  2026-05-31 02:00    191     +67  +54.0 %       +1  "
        "Unleash 8.1.0 → 8.2.0, definition changed",
    ]


def test_a_gap_that_lasts_is_the_last_row(paper: io.StringIO) -> None:
    print_trend([a_series([1, 2], by="month", slots=missed(40))], rate=False)

    assert lines(paper)[3].split() == [
        *("2026-03-02–04-10", "–", "1", "slot(s)", "missed:", *NOBODY.split()),
    ]


def test_a_switch_is_on_or_off(paper: io.StringIO) -> None:
    print_trend([a_series([1, 0, 0, 0], statistic=SWITCH)], rate=False)

    assert lines(paper)[1].split()[2:] == ["2026-03-01", "on", "2026-03-04", "off", "−1", "█▁▁▁"]


def test_remarks_tell_what_the_numbers_do_not() -> None:
    series = a_series(
        list(range(40)),
        left_out=[10, 11, 20],
        slots=[*missed(10, 11), *missed(40)],
        reconstructed=[0, 1, 2],
        releases=["8.1.0"] * 30 + ["8.2.0"] * 10,
        definitions=["a"] * 35 + ["b"] * 5,
    )

    assert remarks([series]) == [
        f"prod: gap from 2026-03-10 02:00 to 2026-03-13 02:00, 2 slot(s) missed: {NOBODY}",
        "prod: gap from 2026-03-20 02:00 to 2026-03-22 02:00, no snapshot",
        f"prod: gap from 2026-04-09 02:00 and lasting, 1 slot(s) missed: {NOBODY}",
        "prod: Unleash 8.1.0 → 8.2.0 at 2026-03-31",
        "prod: users: definition changed at 2026-04-05",
        "prod: users: 3 of 37 values are reconstructed, not observed",
    ]


def test_what_statistics_share_is_told_once() -> None:
    roles = Statistic("roles", "roles")
    both = [a_series([1, 2, 3], slots=missed(3), statistic=s) for s in (SWITCH, roles)]
    other = a_series([1, 2], slots=missed(2), instance=STAGING)

    assert [line.split()[0] for line in remarks([*both, other])] == ["prod:", "staging:"]


def test_of_many_remarks_the_newest_are_told() -> None:
    lost = range(5, 60, 5)
    series = a_series(list(range(60)), left_out=lost, slots=missed(*lost))

    told = remarks([series])

    assert len(told) == 7
    assert told[0] == "prod: 5 earlier gaps; all with --json"


@pytest.mark.parametrize("provenance", ["reconstructed", "recorded", "imported"])
def test_every_other_provenance_is_told_everywhere(
    provenance: str, paper: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    made = a_series([1, 2, 3, 4], by="day")
    first = replace(made.points[0], provenance=provenance)
    series = replace(made, points=(first, *made.points[1:]))

    print_trend([series], rate=False)

    assert lines(paper)[2].endswith(provenance)
    assert f"prod: users: 1 of 4 values are {provenance}, not observed" in lines(paper)
    assert f"prod, {provenance}" in capsys.readouterr().out
    assert trend_json([series])[0]["points"][0]["provenance"] == provenance


def test_a_trend_as_json_has_it_all() -> None:
    series = a_series(
        [100, 110, None, 120],
        by=None,
        slots=missed(2),
        releases=["8.1.0", "8.2.0", "8.2.0", "8.2.0"],
        definitions=["a", "a", "a", "b"],
        reconstructed=[0],
    )

    (told,) = trend_json([series])

    assert json.loads(json.dumps(told)) == told
    assert {**told, "points": told["points"][-1:]} == {
        "instance": "prod",
        "instance_id": "4c1b6b6e-0000-4000-8000-000000000001",
        "statistic": "users",
        "unit": "people",
        "kind": "count",
        "by": None,
        "change": 20,
        "growth": 20.0,
        "change_per_day": pytest.approx(20 / 3),
        "points": [
            {
                "taken_at": "2026-03-04T02:00:00.000Z",
                "period": None,
                "value": 120,
                "change": 10,
                "growth": pytest.approx(100 / 11),
                "change_per_day": 5.0,
                "after_gap": True,
                "provenance": "observed",
                "definition": "b",
                "version_oss": "8.2.0",
            }
        ],
        "gaps": [
            {
                "begin": "2026-03-02T02:00:00.000Z",
                "end": "2026-03-04T02:00:00.000Z",
                "lasting": False,
                "cause": f"1 slot(s) missed: {NOBODY}",
                "missed": [{"due_at": "2026-03-03T02:00:00.000Z", "reason": NOBODY}],
                "unavailable": 1,
            }
        ],
        "upgrades": [{"at": "2026-03-02T02:00:00.000Z", "before": "8.1.0", "after": "8.2.0"}],
        "redefinitions": [{"at": "2026-03-04T02:00:00.000Z", "before": "a", "after": "b"}],
    }
    assert told["points"][0]["provenance"] == "reconstructed"


@pytest.mark.parametrize(
    ("growth", "text"),
    [
        (None, ""),
        (0.0, ""),
        (0.04, ""),
        (4.26, "+4.3 %"),
        (-0.5, "−0.5 %"),
        (250.4, "+250 %"),
        (-100.0, "−100 %"),
    ],
)
def test_growth_is_written_with_its_sign(growth: float | None, text: str) -> None:
    assert percent(growth) == text


@pytest.mark.parametrize(
    ("series", "told"),
    [
        (a_series([1]), "2026-03-01 UTC"),
        (a_series([1, 2]), "2026-03-01 to 2026-03-02 UTC"),
        (
            a_series([1] * 40, by="month"),
            "2026-03-31 to 2026-04-09 UTC, the last value of each month",
        ),
    ],
)
def test_a_picture_says_from_when_to_when(series: Series, told: str) -> None:
    assert subtitle([series]) == told
