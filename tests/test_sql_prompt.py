"""The prompt of `tallybook sql`: typed into at a terminal, as a person does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import tallybook
from tests.spoken import three_days
from tests.typing_hands import CTRL_C, CTRL_D, ENTER, TAB, UP, Terminal, at_a_terminal

ENDLESS = "SELECT count(*) FROM range(1000000000000);"
SIGN = "tallybook>"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings and three days of history, which nobody here changes."""
    return three_days(tmp_path_factory.mktemp("prompt") / "tally")


@pytest.fixture
def terminal(folder: Path, tmp_path: Path) -> Iterator[Terminal]:
    with at_a_terminal("sql", cwd=folder, env={"XDG_STATE_HOME": str(tmp_path)}) as made:
        made.see("Questions in SQL end with a semicolon. \\? lists the commands, \\q ends.")
        made.see(SIGN)
        yield made


def test_a_question_is_answered_and_the_next_one_asked(terminal: Terminal) -> None:
    terminal.type("SELECT instance, users FROM latest;", ENTER)
    answer = terminal.see("1 row, ")
    terminal.see(SIGN)
    terminal.type("SELECT 1; SELECT 'two' AS second;", ENTER)
    terminal.see("1 row, ")

    assert "instance  users" in answer
    assert "prod        122" in answer
    assert "second" in terminal.see("1 row, ")


def test_a_question_goes_on_until_its_semicolon(terminal: Terminal) -> None:
    terminal.type("SELECT 'a;", ENTER)
    terminal.type("b' AS text", ENTER)
    terminal.type(";", ENTER)

    assert "1 row, " in terminal.see("1 row, ")


def test_a_wrong_question_costs_its_answer_alone(terminal: Terminal) -> None:
    terminal.type("SELEC 1;", ENTER)
    terminal.see("error: Parser Error: syntax error")
    terminal.see(SIGN)
    terminal.type("DROP VIEW latest;", ENTER)
    terminal.see("error: the history answers questions only: expected SELECT, found DROP")
    terminal.see(SIGN)
    terminal.type("SELECT 42 AS answer;", ENTER)

    terminal.see("42")
    terminal.see("1 row, ")


def test_ctrl_c_cancels_a_question_and_clears_a_line(terminal: Terminal) -> None:
    terminal.type(ENDLESS, ENTER)
    terminal.see(ENDLESS)
    time.sleep(1.5)
    terminal.type(CTRL_C)
    terminal.see("cancelled")
    terminal.see(SIGN)
    terminal.type("nonsense", CTRL_C)
    terminal.see(SIGN)
    terminal.type("SELECT 42 AS answer;", ENTER)

    assert "error" not in terminal.see("1 row, ")


def test_a_question_that_takes_too_long_is_ended(terminal: Terminal) -> None:
    terminal.type("\\timeout 1", ENTER)
    terminal.see(SIGN)
    terminal.type(ENDLESS, ENTER)
    terminal.see("error: no answer within 1 s")
    terminal.see(SIGN)
    terminal.type("\\timeout soon", ENTER)

    terminal.see("error: 'soon' is no number of seconds")


def test_views_are_described(terminal: Terminal) -> None:
    terminal.type("\\d", ENTER)
    terminal.see("environment_changes  One row per instance, environment and day")
    terminal.see(SIGN)
    terminal.type("\\d gaps;", ENTER)
    terminal.see("due_at       TIMESTAMP  Slot of the schedule that was missed, UTC")
    terminal.see(SIGN)
    terminal.type("\\d gap", ENTER)

    terminal.see("hint: Did you mean gaps?")


def test_the_format_stays_until_it_is_changed(terminal: Terminal) -> None:
    terminal.type("\\format csv", ENTER)
    terminal.see(SIGN)
    terminal.type("SELECT 1 AS a, 2 AS b;", ENTER)
    terminal.see("a,b\n1,2\n")
    terminal.see(SIGN)
    terminal.type("\\format arrow", ENTER)

    terminal.see("error: no format 'arrow'")
    terminal.see("hint: There are table, csv, json, markdown")


def test_an_earlier_time_stays_until_it_is_left(terminal: Terminal) -> None:
    terminal.type("\\as-of 2020-01-01", ENTER)
    terminal.see("tallybook 2020-01-01 23:59>")
    terminal.type("SELECT count(*) AS n FROM snapshots;", ENTER)
    terminal.see("n\n0")
    terminal.see("23:59>")
    terminal.type("\\as-of", ENTER)
    terminal.see(SIGN)
    terminal.type("SELECT count(*) AS n FROM snapshots;", ENTER)
    terminal.see("n\n3")
    terminal.type("\\as-of noon", ENTER)

    terminal.see("error: 'noon' is no time; expected one like 2026-11-23")


def test_what_is_begun_is_completed(terminal: Terminal) -> None:
    terminal.type("FROM inst")
    terminal.see("instances")
    terminal.type(TAB, ";", ENTER)

    assert "first_taken_at" in terminal.see("1 row, ")


def test_commands_are_listed_and_unknown_ones_refused(terminal: Terminal) -> None:
    terminal.type("\\?", ENTER)
    for usage in ("\\d [VIEW]", "\\format NAME", "\\as-of [TIME]", "\\timeout SECONDS", "\\q"):
        terminal.see(usage)
    terminal.see(SIGN)
    terminal.type("\\x", ENTER)

    terminal.see("error: no command \\x")


@pytest.mark.parametrize("words", [("\\q", ENTER), ("exit", ENTER), ("QUIT;", ENTER), (CTRL_D,)])
def test_it_ends_when_it_is_told(terminal: Terminal, words: tuple[str, ...]) -> None:
    terminal.type(*words)

    assert terminal.leave() == 0


def test_what_was_asked_before_is_remembered_for_nobody_else(
    folder: Path, terminal: Terminal, tmp_path: Path
) -> None:
    terminal.type("SELECT 4711 AS number;", ENTER)
    terminal.see("1 row, ")
    terminal.type(CTRL_D)
    terminal.leave()
    file = tmp_path / "tallybook" / "sql_history"

    with at_a_terminal("sql", cwd=folder, env={"XDG_STATE_HOME": str(tmp_path)}) as again:
        again.see(SIGN)
        again.type(UP)
        again.see("SELECT 4711 AS number;")
        again.type(ENTER)
        again.see("1 row, ")

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_place_for_it_nothing_is_remembered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    nowhere = {"XDG_STATE_HOME": str(tmp_path / "file"), "NO_COLOR": "1"}

    with at_a_terminal("sql", cwd=folder, env=nowhere) as terminal:
        terminal.see(SIGN)
        terminal.type("SELECT 42 AS answer;", ENTER)
        terminal.see("1 row, ")

        assert "\x1b[38" not in terminal.raw


def test_a_folder_without_a_history_is_told_at_once(tmp_path: Path) -> None:
    with at_a_terminal("sql", "--warehouse", str(tmp_path), cwd=tmp_path, env={}) as terminal:
        terminal.see(f"error: no warehouse in '{tmp_path}'")

        assert terminal.leave() == 10


def test_an_arrow_stream_is_nothing_for_a_terminal(folder: Path) -> None:
    with at_a_terminal("sql", "--format", "arrow", "SELECT 1", cwd=folder, env={}) as terminal:
        terminal.see("error: an Arrow stream is nothing for a terminal")

        assert terminal.leave() == 2


def test_a_question_at_a_terminal_gets_its_answer_and_no_prompt(folder: Path) -> None:
    with at_a_terminal("sql", "SELECT 42 AS answer", cwd=folder, env={}) as terminal:
        terminal.see("42")

        assert terminal.leave() == 0
        assert SIGN not in terminal.shown


def test_no_terminal_no_prompt(folder: Path) -> None:
    assert tallybook("sql", cwd=folder).code == 2
