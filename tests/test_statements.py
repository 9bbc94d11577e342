"""Where a statement ends: what is typed at the prompt, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.sql.statements import is_ended, is_farewell, split

TEXTS = [
    "'a;b'",
    "'it''s;'",
    '"a;b"',
    '"say "";"',
    "-- a;b\n",
    "/* a;b */",
    "$$a;b$$",
    "$x$;$$;$x$",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_semicolon_within_a_text_ends_nothing(text: str) -> None:
    assert split(f"SELECT {text} ; rest") == ([f"SELECT {text}".strip()], "rest")


def test_several_statements_come_apart() -> None:
    assert split("SELECT 1; SELECT\n2;;  ;FROM x") == (["SELECT 1", "SELECT\n2"], "FROM x")


@pytest.mark.parametrize("begun", ["'", '"', "/*", "$$", "$tag$"])
def test_what_has_no_end_yet_goes_on(begun: str) -> None:
    assert split(f"SELECT {begun}a;b;") == ([], f"SELECT {begun}a;b;")
    assert not is_ended(f"SELECT {begun}a;b;")


@pytest.mark.parametrize(
    "typed",
    ["", "  \n", "\\d", "  \\d daily", "exit", "SELECT 1;", "SELECT 1; -- done", "SELECT 1; /* x"],
)
def test_nothing_more_is_to_be_typed(typed: str) -> None:
    assert is_ended(typed)


@pytest.mark.parametrize("typed", ["SELECT 1", "SELECT 1; SELECT 2", "SELECT '1;", "SELECT 1 -- ;"])
def test_more_is_to_be_typed(typed: str) -> None:
    assert not is_ended(typed)


@given(st.lists(st.sampled_from([*TEXTS, "SELECT 1", "x", ", "]), min_size=1), st.integers(1, 4))
def test_statements_are_what_was_put_together(parts: list[str], times: int) -> None:
    statement = "s" + "".join(parts) + "e"

    assert split(f"{statement};" * times) == ([statement] * times, "")


@given(st.text(alphabet="'\"-/*$;a \n", max_size=30))
def test_any_text_can_be_typed(typed: str) -> None:
    found = split(typed)

    assert all(each == each.strip() and each for each in found.ended)
    assert is_ended(typed + "\n'\"*/$$;") in {True, False}


@pytest.mark.parametrize("typed", ["\\q", " \\q ; ", "exit", "QUIT;", "Exit"])
def test_there_are_words_to_leave_with(typed: str) -> None:
    assert is_farewell(typed)


@pytest.mark.parametrize("typed", ["", "\\", "SELECT exit", "exits", "\\d"])
def test_other_words_are_none_of_them(typed: str) -> None:
    assert not is_farewell(typed)
