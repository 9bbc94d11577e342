"""`tallybook sql` as it is installed: one question, wherever it comes from, and its answer."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from tests.command import TALLYBOOK, Ran, environment, tallybook
from tests.spoken import say, three_days
from warehouse.contract import VIEWS

pytestmark = pytest.mark.slow

ENDLESS = "SELECT count(*) FROM range(1000000000000)"
MANY = "SELECT n, repeat('x', 80) AS x FROM range(1500000) t(n)"
# Runs a command and says how much memory it and its children took at most, in KiB.
MEASURED = """
import resource, subprocess, sys
with open("/dev/null", "wb") as nowhere:
    code = subprocess.run(sys.argv[1:], stdout=nowhere).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings and three days of history, which nobody here changes."""
    return three_days(tmp_path_factory.mktemp("sql") / "tally")


@pytest.fixture
def temporary(tmp_path: Path) -> Mapping[str, str]:
    """An environment whose temporary folder is our own, to be looked into."""
    return {"TMPDIR": str(tmp_path)}


def sql(folder: Path, *words: str, stdin: str | None = None, **env: str) -> Ran:
    done = subprocess.run(
        [TALLYBOOK, "sql", *words],
        cwd=folder,
        env=environment(env),
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_question_may_come_from_stdin(folder: Path) -> None:
    asked = sql(folder, "--format", "csv", stdin="SELECT users\nFROM latest;\n")

    assert (asked.code, asked.out, asked.err) == (0, "users\n122\n", "")


@pytest.mark.parametrize("stdin", ["", "  \n"])
def test_no_question_at_all_is_refused(folder: Path, stdin: str) -> None:
    asked = sql(folder, stdin=stdin)

    assert (asked.code, asked.out) == (2, "")
    assert asked.err == (
        'error: no question on stdin\nhint: Ask like this: tallybook sql "SELECT * FROM latest"\n'
    )


def test_markdown_is_for_documents(folder: Path) -> None:
    asked = sql(folder, "SELECT instance, users FROM latest", "--format", "markdown")

    assert asked.out == "| instance | users |\n| --- | ---: |\n| prod | 122 |\n"


def test_arrow_is_a_stream_on_stdout(folder: Path) -> None:
    stream = subprocess.run(
        [TALLYBOOK, "sql", "FROM snapshots", "--format", "arrow"],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        check=True,
    ).stdout

    table = pa.ipc.open_stream(stream).read_all()

    assert table.num_rows == 3
    assert table.schema.field("taken_at").type == pa.timestamp("us")
    assert table.schema.field("users").type == pa.int64()


def test_the_views_are_listed_with_what_they_are(folder: Path) -> None:
    listed = json.loads(sql(folder, "--describe", "--json").out)

    assert {row["view"] for row in listed} == set(VIEWS)
    assert listed[0] == {
        "view": "snapshots",
        "meaning": "One row per snapshot: all statistics of one instance at one moment, "
        "a column each.",
    }


@pytest.mark.parametrize("view", VIEWS)
def test_the_columns_of_every_view_are_explained(folder: Path, view: str) -> None:
    said = say("--config", folder / "tallybook.toml", "sql", "--describe", view, "--json")

    columns = json.loads(said.out)
    assert columns
    assert all(column["meaning"] and column["type"] for column in columns)


def test_a_view_that_is_not_there_gets_the_nearest_that_is(folder: Path) -> None:
    close = sql(folder, "--describe", "dialy")
    far = sql(folder, "--describe", "'; DROP")

    assert (close.code, close.err) == (2, "error: no view 'dialy'\nhint: Did you mean daily?\n")
    assert far.code == 2
    assert far.err.startswith('error: no view "\'; DROP"\nhint: There are ledger, snapshots,')


def test_to_describe_is_no_question(folder: Path) -> None:
    asked = sql(folder, "SELECT 1", "--describe", "daily")

    assert asked.code == 2
    assert asked.err.endswith("Error: --describe goes without a QUERY\n")


@pytest.mark.parametrize("memory", ["4", "x", "-1GB", "50MB", "1TB", "0GB"])
def test_what_is_no_amount_of_memory_is_refused(folder: Path, memory: str) -> None:
    asked = sql(folder, "SELECT 1", f"--memory={memory}")

    assert asked.code == 2
    assert f"Invalid value for '--memory': {memory!r} is " in asked.err


@pytest.mark.parametrize("memory", ["100MB", "1.5GB", "1GiB", "256 mb"])
def test_memory_is_written_as_people_do(folder: Path, memory: str) -> None:
    question = "SELECT current_setting('memory_limit') AS m"

    asked = sql(folder, question, "--format", "csv", f"--memory={memory}")

    assert (asked.code, asked.err) == (0, "")


def test_a_question_leaves_nothing_behind(
    folder: Path, tmp_path: Path, temporary: Mapping[str, str]
) -> None:
    for words in (["SELECT 1"], ["nonsense"], [ENDLESS, "--timeout", "0.2"]):
        sql(folder, *words, "--as-of", "2026-11-24", **temporary)

    assert list(tmp_path.iterdir()) == []


def test_without_a_temporary_folder_a_question_is_answered(folder: Path) -> None:
    # Only where there is none at all: tempfile tries others, the current one last.
    nowhere = (
        "import sys, tempfile, schedules.cli as door\n"
        "def refuse(*_, **__): raise FileNotFoundError('no usable temporary directory')\n"
        "tempfile.mkdtemp = refuse\n"
        "sys.argv[0] = 'tallybook'\n"
        "door.main()"
    )

    ran = tallybook("sql", "SELECT users FROM latest", "--json", cwd=folder, program=nowhere)

    assert (ran.code, ran.out, ran.err) == (0, '[\n  {"users": 122}\n]\n', "")


def test_a_folder_full_of_traps_is_none_to_be_in(folder: Path, tmp_path: Path) -> None:
    # What lies in the current folder must not be taken for modules of the program's own.
    for name in ("duckdb", "msgspec", "json", "warehouse"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a trap')")

    asked = sql(tmp_path, "SELECT 1 AS one", "--json", "--warehouse", str(folder / "history"))

    assert (asked.code, asked.out, asked.err) == (0, '[\n  {"one": 1}\n]\n', "")


def begun(folder: Path, *words: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A question that is being answered, its process known to be at work."""
    process = subprocess.Popen(
        [TALLYBOOK, "sql", *words],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: bool(children(process.pid)))
    time.sleep(1)
    return process


def children(parent: int) -> list[int]:
    path = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_cancels_a_question(
    folder: Path, tmp_path: Path, temporary: Mapping[str, str]
) -> None:
    process = begun(folder, ENDLESS, env=temporary)

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, b"", b"error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_command_that_is_killed_takes_its_question_along(
    folder: Path, tmp_path: Path, temporary: Mapping[str, str]
) -> None:
    process = begun(folder, ENDLESS, env=temporary)
    (answering,) = children(process.pid)

    process.kill()
    process.communicate()

    wait_until(lambda: not Path(f"/proc/{answering}").exists() or is_gone(answering))
    wait_until(lambda: not list(tmp_path.iterdir()))


def is_gone(process: int) -> bool:
    # Where nobody waits for it, it stays as a zombie.
    return ") Z " in Path(f"/proc/{process}/stat").read_text()


@pytest.mark.parametrize("form", ["csv", "json", "markdown", "arrow"])
@pytest.mark.slow
def test_a_large_answer_takes_little_memory(folder: Path, form: str) -> None:
    question = [str(TALLYBOOK), "sql", MANY, "--format", form]
    small = [str(TALLYBOOK), "sql", "SELECT 1", "--format", form]

    (code, most), (_, least) = (measured(folder, words) for words in (question, small))

    assert code == 0
    # 150 MB of rows went through.
    assert most - least < 80_000


def measured(folder: Path, words: list[str]) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    code, most = map(int, done.stdout.split())
    return code, most


def test_a_reader_that_takes_its_time_is_not_too_slow(folder: Path) -> None:
    command = [str(TALLYBOOK), "sql", "FROM range(300000)", "--format", "csv", "--timeout", "4"]

    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as piped:
        assert piped.stdout is not None
        time.sleep(6)
        lines = piped.stdout.read().splitlines()

    assert (piped.returncode, len(lines)) == (0, 300_001)


def test_a_question_of_a_history_as_it_was(folder: Path) -> None:
    asked = sql(folder, "SELECT count(*) AS n FROM snapshots", "--json", "--as-of", "2020-01-01")

    assert json.loads(asked.out) == [{"n": 0}]
