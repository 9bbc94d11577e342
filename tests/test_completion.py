"""Completion at the prompt: what may come next, and nothing that may not."""

import pytest

from warehouse.sql.completion import Completion, completions

WORDS = {
    "view": ["daily", "dates", "latest", "snapshots"],
    "column": ["day", "users", "apiTokens_brand-new", "edgeInstanceUsage_2026-01"],
    "statistic": ["activeUsers.last30", "activeUsers.last60", "users"],
    "function": ["date_trunc", "upper"],
    "word": ["SELECT", "UNION", "DATE"],
}
COMMANDS = {"\\d": ("daily", "dates"), "\\format": ("table", "csv"), "\\q": ()}


def offered(before: str) -> list[str]:
    return [each.word for each in completions(WORDS, COMMANDS, before)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("SELECT us", ["users"]),
        ("SELECT da", ["day", "daily", "dates", "date_trunc", "date"]),
        ("SELECT DA", ["day", "daily", "dates", "date_trunc", "DATE"]),
        ("sel", ["select"]),
        ("SEL", ["SELECT"]),
        ("SELECT api", ['"apiTokens_brand-new"']),
        ("SELECT * FROM da", ["daily", "dates"]),
        ("SELECT * FROM ", ["daily", "dates", "latest", "snapshots"]),
        ("FROM daily, la", ["latest"]),
        ("select * from\n  sn", ["snapshots"]),
        ("FROM daily JOIN dates USING (day) JOIN l", ["latest"]),
        ("DESCRIBE s", ["snapshots"]),
        ("FROM daily WHERE statistic = 'act", ["activeUsers.last30", "activeUsers.last60"]),
        ("FROM daily WHERE statistic = 'activeUsers.last6", ["activeUsers.last60"]),
        ("WHERE statistic IN ('users', 'US", ["users"]),
        ("FROM daily WHERE statistic = 'users' AND us", ["users"]),
        ("\\", ["\\d", "\\format", "\\q"]),
        ("\\f", ["\\format"]),
        ("\\d da", ["daily", "dates"]),
        ("\\format ", ["table", "csv"]),
        ("\\q ", []),
        ("\\nothing x", []),
        ("SELECT ", []),
        ("", []),
        ("SELECT nothing_begins_so", []),
    ],
)
def test_what_may_come_next(before: str, expected: list[str]) -> None:
    assert offered(before) == expected


def test_a_completion_takes_the_place_of_what_was_begun() -> None:
    assert completions(WORDS, COMMANDS, "SELECT us") == [Completion("users", 2, "column")]
    assert completions(WORDS, COMMANDS, "= 'users") == [Completion("users", 5, "statistic")]


def test_without_words_there_are_only_commands() -> None:
    assert completions({}, COMMANDS, "SELECT us") == []
