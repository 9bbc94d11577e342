"""What people see: rows, changes and sparklines, whatever the names in them."""

import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from etl.statistic import Unavailable
from tests.builders import A_MONDAY, DAY, SOME_STATS, a_history, a_reading
from warehouse.history import newest_two
from warehouse.show import day_bars, snapshot_tables
from warehouse.terminal import cell, console, signed, sparkline, table

NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001  # the warehouse keeps UTC without a zone
ODD = "[bold]name[/nothing] :smile: [link=x]"


def show(columns: Sequence[str], *rows: Sequence[str], right: Sequence[str] = ()) -> None:
    made = table(columns, right=right)
    for row in rows:
        made.add_row(*row)
    console().print(made)


def test_a_table_without_a_terminal_is_as_wide_as_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(["name", "n"], ("x" * 300, "1"))

    assert capsys.readouterr().out == f"{'name':<300}  n\n{'x' * 300}  1\n"


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show([ODD], (ODD,))

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [ODD, ODD]


def test_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    show(["who", "users"], ("prod", "5"), ("staging", "12345"), right=["users"])

    assert capsys.readouterr().out == "who      users\nprod         5\nstaging  12345\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_colour_is_for_terminals_alone(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    else:
        monkeypatch.delenv("FORCE_COLOR", raising=False)

    show(["n"], ("1",))

    assert ("\x1b[" in capsys.readouterr().out) is terminal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (3, "3"),
        (3.0, "3"),
        (3.25, "3.25"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (b"\x01\xab", "01ab"),
        ("text", "text"),
    ],
)
def test_a_cell_shows_a_value(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [(None, ""), (0.0, ""), (5.0, "+5"), (-3.0, "−3"), (0.12345, "+0.123"), (-1200.5, "−1200.5")],
)
def test_a_change_has_its_sign(change: float | None, text: str) -> None:
    assert signed(change) == text


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([1], "▁"),
        ([5, 5, 5], "▁▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7, 0], "█▁"),
        ([-10, 0, 10], "▁▅█"),
    ],
)
def test_a_sparkline_has_a_bar_per_value(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_snapshot_is_shown_by_subject_with_its_changes(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    stats = {**SOME_STATS, "users": 125, "averageFlags": "47", "SAMLenabled": False}
    history.take(
        a_reading(
            {**stats, f"apiTokens.{ODD}": 1},
            taken_at=A_MONDAY + DAY,
            unavailable=[Unavailable("projectsByMode", "schema", "older than 4.22")],
            remarks={"roles": "1 malformed row left out"},
        )
    )

    shown = printed(history.root)

    assert shown[0].startswith("prod  Unleash 8.2.0  2026-11-24 02:00 UTC  record 2 of example.com")
    assert shown[1].endswith("PostgreSQL 18.0 (primary), changes since 2026-11-23 02:00 UTC")
    lines = {tuple(line.split()) for line in shown}
    assert {
        ("users", "125", "+5", "▁█", "pieces"),
        ("averageFlags", "47", "−1.5", "█▁", "pieces"),
        ("SAMLenabled", "off", "changed", "█▁"),
        ("roles", "6", "▁▁", "pieces", "(1", "malformed", "row", "left", "out)"),
        ("projectsByMode", "–", "older", "than", "4.22"),
        (*f"apiTokens.{ODD}".split(), "1", "pieces"),
    } <= lines


def test_a_snapshot_comes_with_its_last_thirty_days(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    values = {0: 900, 40: 100, 41: 102, 43: 104, 69: 107}
    for day, users in values.items():
        history.take(a_reading({"users": users}, taken_at=A_MONDAY + day * DAY))
    history.take(a_reading({"users": 106}, taken_at=A_MONDAY + 69 * DAY + DAY / 24))

    lines = printed(history.root)

    (line,) = [line for line in lines if line.split()[:1] == ["users"]]
    assert "last 30 days" in lines[2]
    assert line.split(maxsplit=3)[3].rsplit(maxsplit=1) == [f"▁▃ ▆{' ' * 25}█", "pieces"]


def test_a_history_of_one_day_has_no_bars(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": 1}))

    assert "days" not in printed(history.root)[2]


def test_a_day_without_a_value_is_an_empty_place() -> None:
    days = {date(2026, 2, 27): 1.0, date(2026, 3, 1): 8.0}

    assert day_bars(days, date(2026, 3, 2)) == "▁ █ "


def printed(root: Path) -> list[str]:
    out = Console(file=io.StringIO(), width=400, markup=False, emoji=False, highlight=False)
    for renderable in snapshot_tables(root, [newest_two(root, "prod")]):
        out.print(renderable)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()
