"""Ad-hoc SQL: questions are answered, and nothing else can be done."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders import History, a_history
from warehouse.errors import NoWarehouse, QueryFailure
from warehouse.query import Answer, ask

A_MONDAY = datetime(2026, 11, 23, 2)  # noqa: DTZ001  # the warehouse keeps UTC without a zone


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    made = a_history(tmp_path_factory.mktemp("query"))
    made.take_days(3)
    return made


def test_two_questions_at_once_are_refused(history: History) -> None:
    with pytest.raises(QueryFailure) as refusal:
        ask(history.root, "SELECT 1; SELECT 2")

    assert str(refusal.value) == "one question at a time: found 2"


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_answer_has_names_types_and_rows(history: History) -> None:
    answer = ask(history.root, "SELECT taken_at, users FROM snapshots ORDER BY 1 LIMIT 1")

    assert answer == Answer(("taken_at", "users"), ("TIMESTAMP", "BIGINT"), [(A_MONDAY, 120)])
    assert answer.as_dicts() == [{"taken_at": A_MONDAY, "users": 120}]


def test_parameters_are_values_and_no_sql(history: History) -> None:
    answer = ask(history.root, "SELECT $name AS name", {"name": "x'; DROP VIEW latest"})

    assert answer.rows == [("x'; DROP VIEW latest",)]


@pytest.mark.parametrize(
    "question",
    [
        "FROM snapshots",
        "DESCRIBE snapshots",
        "SHOW TABLES",
        "SUMMARIZE latest",
        "VALUES (1)",
        "WITH n AS (SELECT 1 AS one) SELECT one FROM n",
        "-- what is there?\nSELECT 1;",
        "EXPLAIN SELECT users FROM snapshots",
        "explain analyze SELECT users FROM snapshots",
        "PIVOT statistic_values ON statistic USING max(value)",
        "explain (format json) SELECT 1",
        "EXPLAIN (FROM snapshots)",
        "/* EXPLAIN */ EXPLAIN/**/ANALYZE/**/SELECT 'ü'",
    ],
)
def test_every_kind_of_question_is_answered(history: History, question: str) -> None:
    assert ask(history.root, question).rows


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("COPY (SELECT 1) TO '{root}/hot/epoch=000000/evil.parquet'", "COPY"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/evil.csv'", "COPY"),
        ("EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{root}/evil.csv'", "COPY"),
        ("/* EXPLAIN */ EXPLAIN/**/ANALYZE COPY (SELECT 'ü') TO '{root}/evil.csv'", "COPY"),
        ("EXPORT DATABASE '{root}/export'", "EXPORT"),
        ("ATTACH '{root}/evil.duckdb'", "ATTACH"),
        ("SET TimeZone = 'Europe/Vienna'", "SET"),
        ("SELECT 1; COPY (SELECT 1) TO '{root}/evil.csv'", "SELECT, COPY"),
        ("PREPARE evil AS COPY (SELECT 1) TO '{root}/evil.csv'", "PREPARE"),
        ("INSERT INTO snapshots VALUES (1)", "INSERT"),
        ("DELETE FROM ledger", "DELETE"),
        ("UPDATE ledger SET index = 1", "UPDATE"),
        ("DROP VIEW snapshots", "DROP"),
        ("CREATE TABLE evil (a INTEGER)", "CREATE"),
        ("CREATE TEMP TABLE evil AS SELECT 1", "CREATE"),
        ("EXPLAIN ANALYZE CREATE TEMP TABLE evil AS SELECT 1", "CREATE"),
        ("/* SELECT */ CREATE OR REPLACE VIEW snapshots AS SELECT 1", "CREATE"),
        ("CREATE PERSISTENT SECRET evil (TYPE s3)", "CREATE"),
        ("CREATE TYPE evil AS ENUM (SELECT 'a')", "CREATE"),
        ("SET VARIABLE evil = 1", "SET"),
        ("RESET memory_limit", "SET"),
        ("USE memory", "SET"),
        ("BEGIN", "TRANSACTION"),
        ("VACUUM", "VACUUM"),
        ("LOAD json", "LOAD"),
        ("DETACH catalog", "DETACH"),
        ("MERGE INTO ledger USING ledger AS l ON true WHEN MATCHED THEN DELETE", "MERGE_INTO"),
        ("CALL pragma_version()", "CALL"),
        ("INSTALL httpfs", "LOAD"),
        ("CHECKPOINT", "CALL"),
        ("", "nothing"),
        ("-- only a comment", "nothing"),
    ],
)
def test_what_is_no_question_is_refused(history: History, statement: str, found: str) -> None:
    ask(history.root, "SELECT 1")
    before = files_of(history.root)

    with pytest.raises(QueryFailure) as refusal:
        ask(history.root, statement.replace("{root}", str(history.root)))

    assert str(refusal.value) == (
        f"the history answers questions only: expected SELECT, found {found}"
    )
    assert refusal.value.hint == ('To write a file: tallybook sql --format csv "SELECT …" > FILE')
    assert files_of(history.root) == before


@pytest.mark.parametrize(
    "statement",
    [
        "WITH gone AS (DELETE FROM ledger RETURNING *) SELECT * FROM gone",
        "SELECT * FROM query($$COPY (SELECT 1) TO '{root}/evil.csv'$$)",
        "SELECT * FROM query('CREATE TEMP TABLE evil AS SELECT 1')",
        "PRAGMA memory_limit='1TB'",
        "SELECT nextval('evil')",
    ],
)
def test_what_passes_for_a_question_writes_nothing(history: History, statement: str) -> None:
    ask(history.root, "SELECT 1")
    before = files_of(history.root)

    with pytest.raises(QueryFailure):
        ask(history.root, statement.replace("{root}", str(history.root)))

    assert files_of(history.root) == before


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM read_blob('{root}/../outside.csv')",
        "SELECT * FROM glob('{outside}')",
        "SELECT * FROM read_csv('/dev/stdin')",
        "SELECT * FROM sniff_csv('{outside}')",
        "SELECT * FROM read_json('{outside}')",
        "SELECT * FROM parquet_metadata('{outside}')",
        "SELECT * FROM query($$FROM read_text('{outside}')$$)",
        "SELECT * FROM '{root}/../../../../../../../etc/passwd'",
        "EXPLAIN ANALYZE SELECT * FROM read_text('{outside}')",
        "SELECT * FROM sqlite_scan('{outside}', 'x')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    ],
)
def test_nothing_outside_the_warehouse_can_be_read(history: History, question: str) -> None:
    outside = history.root.parent / "outside.csv"
    outside.write_text("secret\n1\n")

    with pytest.raises(QueryFailure) as refusal:
        ask(
            history.root,
            question.replace("{outside}", str(outside)).replace("{root}", str(history.root)),
        )

    assert "secret\n1" not in str(refusal.value)


def test_a_name_that_is_no_view_is_no_variable_of_this_program(history: History) -> None:
    with pytest.raises(QueryFailure, match=r"^Catalog Error: Table with name history"):
        ask(history.root, "FROM history")


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("SELECT usrs FROM snapshots", 'Binder Error: Referenced column "usrs" not found'),
        ("SELECT * FROM snapshot", "Catalog Error: Table with name snapshot does not exist!"),
        ("SELECT 'a'::INTEGER", "Conversion Error: Could not convert string 'a' to INT32"),
        ("SELECT $1", "Invalid Input Error: Values were not provided"),
    ],
)
def test_a_wrong_question_is_explained(history: History, question: str, reason: str) -> None:
    with pytest.raises(QueryFailure) as refusal:
        ask(history.root, question)

    assert str(refusal.value).startswith(reason)
    assert refusal.value.hint == (
        "What can be asked: tallybook sql --describe; the columns of a view: "
        "tallybook sql --describe snapshots"
    )


def test_now_means_utc_like_all_times_here(history: History) -> None:
    assert ask(history.root, "SELECT current_setting('TimeZone')").rows == [("UTC",)]


def test_a_time_with_a_zone_is_explained(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other packages bring it along; tallybook does not.
    monkeypatch.setitem(sys.modules, "pytz", None)

    with pytest.raises(QueryFailure) as refusal:
        ask(history.root, "SELECT now()")

    assert str(refusal.value) == (
        "the answer has a time with a time zone; all times of the history are UTC without one"
    )
    assert refusal.value.hint == "Write ::TIMESTAMP behind it, as in SELECT now()::TIMESTAMP"


def test_a_folder_without_a_history_is_no_warehouse(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        ask(tmp_path, "SELECT 1")
