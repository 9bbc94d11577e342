"""The SQL contract and the names of statistics: odd labels, collisions, and what is gone again."""

from pathlib import Path
from typing import Any

from tests.builders import ORIGIN, History, a_definition, a_history, a_reading
from warehouse.query import ask

ODD_LABELS = [
    *("we ird", "quote's", 'double"quote', "[brackets]", "{records}", "{checksum}", "%s", "$1"),
    *("--", ";", "/*", "", ".", "a.b", "%C3%BC", "SELECT", "x" * 300),
]


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    return ask(history.root, sql).rows


def test_labels_may_be_any_text(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    stats = {f"apiTokens.{label}": number for number, label in enumerate(ODD_LABELS)}
    history.take(a_reading(stats))

    answer = ask(history.root, "SELECT * FROM snapshots")

    found = dict(zip(answer.columns, answer.rows[0], strict=True))
    columns = dict(rows(history, "SELECT statistic, column_name FROM statistics"))
    assert {name: found[columns[name]] for name in stats} == stats


def test_names_that_differ_in_case_alone_have_columns_of_their_own(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"apiTokens.Admin": 1, "apiTokens.admin": 2, "apiTokens.ADMIN": 3}))

    found = rows(
        history, "SELECT statistic, column_name FROM statistics WHERE statistic LIKE 'apiTokens.%'"
    )

    assert found == [
        ("apiTokens.ADMIN", "apiTokens_ADMIN"),
        ("apiTokens.Admin", "apiTokens_Admin_2"),
        ("apiTokens.admin", "apiTokens_admin_3"),
    ]
    columns = ", ".join(f'"{column}"' for _, column in found)
    assert rows(history, f"SELECT {columns} FROM snapshots") == [(3, 1, 2)]


def test_a_statistic_never_takes_the_name_of_another_column(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"log": 1, "taken.at": 2, "a.b": 3, "a_b": 4}))

    (row,) = ask(history.root, 'SELECT log, log_2, taken_at_2, "a_b", "a_b_2" FROM latest').rows

    assert row == (ORIGIN, 1.0, 2.0, 3.0, 4.0)


def test_a_statistic_that_is_no_longer_defined_keeps_its_column(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    history.take(a_reading({"newcomers": 1}), definitions=(a_definition("newcomers"),))

    assert rows(history, "SELECT users, newcomers FROM snapshots ORDER BY index") == [
        (120, None),
        (None, 1),
    ]


def test_a_value_that_does_not_fit_its_kind_costs_itself_alone(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": "1e300", "roles": 6}))

    assert rows(history, "SELECT users, roles FROM snapshots") == [(None, 6)]
