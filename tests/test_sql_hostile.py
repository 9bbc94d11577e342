"""SQL that writes, reaches out, runs for ever or eats memory: refused in clear words, at no cost.

Every row is a statement and the error that it gets; the warehouse is the same bytes afterwards.
"""

import signal
import threading
from collections.abc import Iterator

import pytest

from tests.builders import History, a_history
from warehouse.errors import QueryFailure
from warehouse.query import ask
from warehouse.sql.asking import Asking, Terms
from warehouse.sql.wire import Question

MEMORY = 300_000_000
NOT_A_QUESTION = "the history answers questions only: expected SELECT, found "
TOO_MUCH = "the question needs more than 0.3 GB of memory"
TOO_SLOW = "no answer within 2 s"
FORBIDDEN = "Permission Error: "

WRITES = [
    ("COPY ledger TO '{root}/evil.parquet'", "COPY"),
    ("COPY (SELECT 1) TO '{root}/hot/epoch=000000/evil.parquet' (FORMAT parquet)", "COPY"),
    ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/evil.csv'", "COPY"),
    ("EXPORT DATABASE '{root}/evil'", "EXPORT"),
    ("CREATE TABLE evil AS FROM ledger", "CREATE"),
    ("CREATE TEMP TABLE evil AS FROM range(10)", "CREATE"),
    ("CREATE OR REPLACE VIEW latest AS SELECT 1", "CREATE"),
    ("CREATE MACRO evil() AS 1", "CREATE"),
    ("CREATE SECRET evil (TYPE s3, KEY_ID 'x')", "CREATE"),
    ("INSERT INTO ledger SELECT * FROM ledger", "INSERT"),
    ("UPDATE snapshots SET users = 0", "UPDATE"),
    ("DELETE FROM ledger", "DELETE"),
    ("DROP VIEW ledger", "DROP"),
    ("ALTER VIEW ledger RENAME TO evil", "ALTER"),
    ("COMMENT ON VIEW ledger IS 'evil'", "ALTER"),
    ("VACUUM", "VACUUM"),
    ("CHECKPOINT", "CALL"),
    ("FORCE CHECKPOINT", "CALL"),
    ("BEGIN TRANSACTION", "TRANSACTION"),
    ("SELECT 1; DROP VIEW ledger", "SELECT, DROP"),
]
REACHES_OUT = [
    ("ATTACH '/etc/passwd' AS evil (TYPE sqlite)", NOT_A_QUESTION + "ATTACH"),
    ("ATTACH ':memory:' AS evil", NOT_A_QUESTION + "ATTACH"),
    ("IMPORT DATABASE '/tmp'", FORBIDDEN),
    ("INSTALL httpfs", NOT_A_QUESTION + "LOAD"),
    ("LOAD '{root}/evil.duckdb_extension'", NOT_A_QUESTION + "LOAD"),
    ("SET enable_external_access = true", NOT_A_QUESTION + "SET"),
    ("SET memory_limit = '1TB'", NOT_A_QUESTION + "SET"),
    ("SET GLOBAL lock_configuration = false", NOT_A_QUESTION + "SET"),
    ("RESET allowed_directories", NOT_A_QUESTION + "SET"),
    ("PRAGMA enable_profiling", NOT_A_QUESTION + "PRAGMA"),
    ("PRAGMA database_list; SET threads = 99", NOT_A_QUESTION + "SELECT, SET"),
    ("CALL pragma_database_size()", NOT_A_QUESTION + "CALL"),
    ("SELECT * FROM read_csv('/etc/passwd')", FORBIDDEN),
    ("SELECT * FROM read_text('/etc/hostname')", FORBIDDEN),
    ("SELECT * FROM read_blob('{root}/../secret')", FORBIDDEN),
    ("SELECT * FROM read_json('/proc/self/environ')", FORBIDDEN),
    ("SELECT * FROM read_parquet('https://example.com/x.parquet')", FORBIDDEN),
    ("SELECT * FROM read_parquet('s3://bucket/x.parquet')", FORBIDDEN),
    ("SELECT * FROM glob('/etc/*')", FORBIDDEN),
    ("SELECT * FROM sniff_csv('/etc/passwd')", FORBIDDEN),
    ("SELECT * FROM parquet_schema('/etc/passwd')", FORBIDDEN),
    ("SELECT * FROM query('FROM read_text(''/etc/hostname'')')", FORBIDDEN),
    ("SELECT * FROM '/etc/passwd.csv'", FORBIDDEN),
    ("SELECT getenv('HOME')", "Catalog Error: Scalar Function with name getenv"),
    ("SELECT * FROM sys", "Catalog Error: Table with name sys"),
]
RUNS_FOR_EVER = [
    "SELECT count(*) FROM range(1000000000000)",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
    "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = b.range % 11",
    "SELECT levenshtein(repeat('a', 300000), repeat('b', 300000))",
]
EATS_MEMORY = [
    "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)",
    "SELECT list(range) FROM range(1000000000)",
    "WITH RECURSIVE r(n) AS (SELECT 'x' UNION ALL SELECT n || n FROM r) SELECT count(n) FROM r",
    "PIVOT (SELECT i, i % 20000 AS j FROM range(100000) t(i)) ON j USING sum(i)",
    "SELECT count(DISTINCT x) FROM (SELECT repeat('x', 1000) || i AS x FROM range(10000000) t(i))",
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    made = a_history(tmp_path_factory.mktemp("hostile"))
    made.take_days(2)
    (made.root.parent / "secret").write_text("s3cr3t")
    ask(made.root, "SELECT 1")
    return made


@pytest.fixture(scope="module")
def asking(history: History) -> Iterator[Asking]:
    """One process for the whole table: whatever was asked before, the next answer is right."""
    with Asking(Terms(history.root, None, MEMORY, 2)) as made:
        yield made


def answer(asking: Asking, sql: str) -> bytes:
    found = bytearray()
    asking.ask(Question(sql=sql, form="csv"), found.extend)
    return bytes(found)


def refusal_of(history: History, asking: Asking, sql: str) -> QueryFailure:
    """How that is refused; and it changed nothing, and the next question is answered."""
    before = {p: p.read_bytes() for p in history.root.rglob("*") if p.is_file()}

    with pytest.raises(QueryFailure) as refusal:
        answer(asking, sql.replace("{root}", str(history.root)))

    assert {p: p.read_bytes() for p in history.root.rglob("*") if p.is_file()} == before
    assert answer(asking, "SELECT count(*) AS n FROM snapshots") == b"n\n2\n"
    assert "s3cr3t" not in str(refusal.value)
    return refusal.value


@pytest.mark.parametrize(("sql", "found"), WRITES)
def test_what_writes_is_no_question(history: History, asking: Asking, sql: str, found: str) -> None:
    refusal = refusal_of(history, asking, sql)

    assert (str(refusal), refusal.exit_code) == (NOT_A_QUESTION + found, 1)
    assert refusal.hint == 'To write a file: tallybook sql --format csv "SELECT …" > FILE'


def test_what_writes_within_a_question_is_refused_by_duckdb(
    history: History, asking: Asking
) -> None:
    gone = "WITH gone AS (DELETE FROM ledger RETURNING *) SELECT * FROM gone"

    assert str(refusal_of(history, asking, gone)).startswith("Parser Error: A CTE needs a SELECT")


@pytest.mark.parametrize(("sql", "reason"), REACHES_OUT)
def test_what_reaches_out_is_refused(
    history: History, asking: Asking, sql: str, reason: str
) -> None:
    assert str(refusal_of(history, asking, sql)).startswith(reason)


@pytest.mark.slow
@pytest.mark.parametrize("sql", RUNS_FOR_EVER)
def test_what_runs_for_ever_is_ended(history: History, asking: Asking, sql: str) -> None:
    refusal = refusal_of(history, asking, sql)

    assert str(refusal) == TOO_SLOW
    assert refusal.hint == (
        "Ask for less, such as one instance, one statistic or a shorter time; "
        "or wait longer: --timeout 600, and 0 for ever"
    )


@pytest.mark.slow
@pytest.mark.parametrize("sql", EATS_MEMORY)
def test_what_eats_memory_is_ended(history: History, sql: str) -> None:
    with Asking(Terms(history.root, None, MEMORY, 60)) as asking:
        refusal = refusal_of(history, asking, sql)

    assert str(refusal) == TOO_MUCH
    assert refusal.hint == (
        "Ask for less, such as one instance, one statistic or a shorter time; "
        "or allow more: --memory 8GB"
    )


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT repeat('x', 10000000000)", "Out of Range Error: Cannot create a string of size"),
        ("SELECT range(10000000000)", "Invalid Input Error: Lists larger than 2^32 elements"),
        ("SELECT " + "(" * 1_000_000, "Parser Error: memory exhausted"),
        ("SELECT 1" + "+1" * 100_000, "Parser Error: Max expression depth limit of 1000 exceeded"),
        ("SELECT 1; SELECT 2", "one question at a time: found 2"),
        ("", NOT_A_QUESTION + "nothing"),
    ],
    ids=["string", "list", "parentheses", "terms", "two", "none"],
)
def test_what_cannot_be_is_explained(
    history: History, asking: Asking, sql: str, reason: str
) -> None:
    assert str(refusal_of(history, asking, sql)).startswith(reason)


def test_a_process_that_died_between_two_questions_is_another_one(history: History) -> None:
    with Asking(Terms(history.root, None, MEMORY, 60)) as asking:
        answer(asking, "SELECT 1")
        end(asking, signal.SIGKILL)

        assert answer(asking, "SELECT 1 AS one") == b"one\n1\n"


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (signal.SIGKILL, TOO_MUCH),
        (signal.SIGABRT, TOO_MUCH),
        (signal.SIGSEGV, "the question ended the process that was to answer it: SIGSEGV"),
    ],
)
def test_a_process_that_dies_over_a_question_says_how(
    history: History, by: signal.Signals, reason: str
) -> None:
    with Asking(Terms(history.root, None, MEMORY, 60)) as asking:
        answer(asking, "SELECT 1")
        dying = threading.Timer(0.5, end, (asking, by))
        dying.start()

        with pytest.raises(QueryFailure) as refusal:
            answer(asking, RUNS_FOR_EVER[0])
        dying.join()

    assert str(refusal.value) == reason


def end(asking: Asking, by: signal.Signals) -> None:
    process = asking._process
    assert process is not None
    process.send_signal(by)
    if by == signal.SIGKILL:
        process.wait()
