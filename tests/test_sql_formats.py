"""An answer as a table, CSV, JSON, Markdown or an Arrow stream, whatever is in it."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from warehouse.sql.formats import FORMATS, MOST_IN_A_TABLE, Head, Written, plain, write
from warehouse.sql.wire import Question

pytestmark = pytest.mark.slow

ODD = "SELECT 'a,b' AS a, 'say \"x\"' AS b, NULL AS c, e'two\\nlines' AS d, 1.0::DOUBLE AS e"
MORE = ", true AS f, '\\x00\\xFF'::BLOB AS g, TIMESTAMP '2026-11-23 12:00:00' AS h"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def written(
    connection: duckdb.DuckDBPyConnection, sql: str, form: str, width: int | None = None
) -> Written:
    result = connection.execute(sql)
    described = result.description or []
    head = Head(tuple(name for name, *_ in described), tuple(str(c[1]) for c in described))
    return write(result, head, Question(sql=sql, form=form, width=width))


def text(
    connection: duckdb.DuckDBPyConnection, sql: str, form: str, width: int | None = None
) -> str:
    return b"".join(written(connection, sql, form, width).chunks).decode()


def test_csv_quotes_what_it_has_to(connection: duckdb.DuckDBPyConnection) -> None:
    assert text(connection, ODD + MORE, "csv") == (
        'a,b,c,d,e,f,g,h\n"a,b","say ""x""",,"two\nlines",1,true,00ff,2026-11-23 12:00:00\n'
    )


def test_csv_of_many_rows_is_what_a_reader_of_csv_reads(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = list(csv.reader(io.StringIO(text(connection, "FROM range(2001) t(n)", "csv"))))

    assert found == [["n"], *[[str(n)] for n in range(2001)]]


def test_json_has_an_object_per_row(connection: duckdb.DuckDBPyConnection) -> None:
    assert text(connection, "SELECT n, n > 0 AS yes FROM range(2) t(n)", "json") == (
        '[\n  {"n": 0, "yes": false},\n  {"n": 1, "yes": true}\n]\n'
    )


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1201])
def test_json_is_json_however_many_rows(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    found = json.loads(text(connection, f"FROM range({count}) t(n)", "json"))

    assert [row["n"] for row in found] == list(range(count))


def test_columns_of_one_name_are_all_in_json(connection: duckdb.DuckDBPyConnection) -> None:
    found = json.loads(text(connection, "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a", "json"))

    assert found == [{"a": 1, "a_2": 2, "a_2_2": 3, "a_3": 4}]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'nan'::DOUBLE", None),
        ("'inf'::DOUBLE", None),
        ("1.50::DECIMAL(5,2)", "1.50"),
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("DATE '2026-11-23'", "2026-11-23"),
        ("INTERVAL 1 DAY", "1 day, 0:00:00"),
        ("[1, NULL, 3]", [1, None, 3]),
        ("{'a': DATE '2026-11-23', 'b': [1.5]}", {"a": "2026-11-23", "b": ["1.5"]}),
        ("MAP {DATE '2026-11-23': 1}", {"2026-11-23": 1}),
        ("'\\x00\\xFF'::BLOB", "00ff"),
        ("NULL", None),
        ("'ü\"\\n'", 'ü"\\n'),
    ],
)
def test_every_value_has_a_json_of_its_own(
    connection: duckdb.DuckDBPyConnection, sql: str, value: Any
) -> None:
    assert json.loads(text(connection, f"SELECT {sql} AS v", "json")) == [{"v": value}]


def test_plain_leaves_what_json_has_a_word_for() -> None:
    assert plain([None, True, 1, "x", 1.5, {"a": (1,)}]) == [None, True, 1, "x", 1.5, {"a": [1]}]


def test_markdown_is_a_table_whose_cells_cannot_break_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = text(connection, "SELECT e'a|b\\nc\\\\' AS \"x|y\", 5 AS n", "markdown")

    assert found == "| x\\|y | n |\n| --- | ---: |\n| a\\|b<br>c\\\\ | 5 |\n"


def test_a_table_is_aligned(connection: duckdb.DuckDBPyConnection) -> None:
    found = text(
        connection, "SELECT * FROM (VALUES ('prod', 5), ('x', 123)) t(who, users)", "table"
    )

    assert found == "who   users\nprod      5\nx       123\n"


def test_more_columns_than_a_terminal_has_room_for_become_a_table_per_row(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    sql = "SELECT n AS first_of_two, -n AS second_of_two FROM range(2) t(n)"

    narrow, wide = (text(connection, sql, "table", width) for width in (20, 40))

    shown = [line.split() for line in without_style(narrow).splitlines()]
    assert shown[:4] == [
        ["row", "1"],
        ["column", "value"],
        ["first_of_two", "0"],
        ["second_of_two", "0"],
    ]
    assert without_style(wide).split() == ["first_of_two", "second_of_two", "0", "0", "1", "-1"]


def without_style(drawn: str) -> str:
    for code in ("\x1b[1m", "\x1b[0m", "\x1b[3m", "\x1b[1;3m"):
        drawn = drawn.replace(code, "")
    return drawn


@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
def test_a_name_cannot_steer_the_terminal_it_is_shown_on(
    connection: duckdb.DuckDBPyConnection, form: str
) -> None:
    steering = "SELECT chr(27) || ']0;owned' || chr(7) || chr(155) AS name"

    on_a_terminal = without_style(text(connection, steering, form, 80))
    in_a_pipe = text(connection, steering, form)

    assert "\\x1b]0;owned\\x07\\x9b" in on_a_terminal.replace("\\\\", "\\")
    assert not {"\x1b", "\x07", "\x9b"} & set(on_a_terminal)
    assert form == "table" or "\x1b]0;owned\x07\x9b" in in_a_pipe


def test_a_table_of_very_many_rows_says_that_it_has_the_first(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    answer = written(connection, f"FROM range({MOST_IN_A_TABLE + 1})", "table")

    lines = b"".join(answer.chunks).splitlines()
    assert (len(lines) - 1, answer.count) == (MOST_IN_A_TABLE, MOST_IN_A_TABLE)
    assert answer.note == ("these are the first 10,000 rows; --format csv, json and so on have all")


def test_a_table_of_as_many_rows_as_it_may_have_says_nothing(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    answer = written(connection, f"FROM range({MOST_IN_A_TABLE})", "table")

    assert len(b"".join(answer.chunks).splitlines()) == MOST_IN_A_TABLE + 1
    assert answer.note is None


def test_an_arrow_stream_is_read_by_arrow(connection: duckdb.DuckDBPyConnection) -> None:
    stream = b"".join(
        written(connection, "SELECT n, n::DOUBLE AS d FROM range(25000) t(n)", "arrow").chunks
    )

    table = pa.ipc.open_stream(stream).read_all()

    assert table.column_names == ["n", "d"]
    assert table["n"].to_pylist() == list(range(25_000))
    assert table.schema.types == [pa.int64(), pa.float64()]


@pytest.mark.parametrize("form", FORMATS)
def test_an_answer_without_rows_has_a_head(
    connection: duckdb.DuckDBPyConnection, form: str
) -> None:
    content = b"".join(written(connection, "SELECT 1 AS n WHERE false", form).chunks)

    if form == "arrow":
        assert pa.ipc.open_stream(content).read_all().to_pylist() == []
    else:
        assert content.decode() == {
            "table": "n\n", "csv": "n\n", "json": "[]\n", "markdown": "| n |\n| ---: |\n"
        }[form]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "json", "markdown", "arrow"])
def test_only_a_part_of_a_large_answer_is_held(
    connection: duckdb.DuckDBPyConnection, form: str
) -> None:
    # Arrow's memory is its own: of that, the parts' sizes tell.
    tracemalloc.start()
    try:
        answer = written(connection, "SELECT n, repeat('x', 50) AS x FROM range(60000) t(n)", form)
        sizes = [len(chunk) for chunk in answer.chunks]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(sizes) > 3_000_000
    assert max(sizes) < 1_500_000
    assert most < 2_500_000
