"""`tallybook export`, as a user runs it."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders import History, a_history, a_reading
from tests.command import TALLYBOOK, Ran, environment, tallybook
from tests.exported import flaws, paths

pytestmark = pytest.mark.slow


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(3)
    return made


def run(history: History, *words: str) -> Ran:
    return tallybook(
        "export", "--warehouse", "history", "--to", "exports", *words, cwd=history.root.parent
    )


def test_it_says_what_there_is_and_where(history: History) -> None:
    ran = run(history, "--format", "csv", "--shape", "long")

    size = sum(file.stat().st_size for file in (history.root.parent / "exports").rglob("*.csv"))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        f"{history.root.parent}/exports/latest: 33 statistic_values; csv, long, "
    )
    assert size > 6000
    assert flaws(history.root.parent / "exports" / "latest") == []


def test_json_has_the_essentials_of_the_manifest(history: History) -> None:
    run(history, "--shape", "star")
    history.take(a_reading())

    ran = run(history, "--since", "last", "--json")

    said = json.loads(ran.out)
    latest = history.root.parent / "exports" / "latest"
    assert (ran.code, ran.err) == (0, "")
    assert said.pop("bytes") > 10_000
    assert said == {
        "latest": str(latest),
        "version": latest.readlink().name,
        "continues": said["continues"],
        "format": "parquet",
        "shape": "star",
        "instance": None,
        "since": None,
        "rows": {
            "statistic_values": 44, "instances": 1, "statistics": 11, "definitions": 11,
            "dates": 365,
        },
        "added": {"statistic_values": 11},
        "files": 8,
        "logs": [{"origin": "example.com/tallybook", "until": 5}],
    }  # fmt: skip
    assert said["continues"].endswith("Z-1")


def test_nothing_new_is_no_failure(history: History) -> None:
    run(history)
    version = (history.root.parent / "exports" / "latest").readlink().name

    ran = run(history, "--since", "last")

    assert ran.code == 0
    assert ran.err == f"Nothing new since version {version}: it stays.\n"
    assert "3 snapshots; parquet, wide" in ran.out
    assert json.loads(run(history, "--since", "last", "--json").out)["added"] == {}


def test_it_says_why_everything_is_written_anew(history: History) -> None:
    run(history, "--format", "xlsx")
    history.take(a_reading())

    ran = run(history, "--since", "last")

    assert ran.err == "Everything was written anew: nothing can be appended to a workbook.\n"


def test_new_rows_are_counted(history: History) -> None:
    run(history)
    history.take(a_reading())

    assert "latest: 4 snapshots (1 new); parquet, wide, " in run(history, "--since", "last").out


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (("--since", "2026-11-24"), 2),
        (("--since", "50y"), 3),
        (("--source", "prod"), 3),
        (("--instance", "prod", "--since", "2026-11-25T02:00"), 1),
    ],
)
def test_filters(history: History, words: tuple[str, ...], rows: int) -> None:
    ran = run(history, *words, "--json")

    assert json.loads(ran.out)["rows"] == {"snapshots": rows}


def test_years_are_calendar_years(history: History) -> None:
    said = json.loads(run(history, "--since", "2y", "--json").out)

    found = datetime.fromisoformat(said["since"]).replace(tzinfo=UTC)
    today = datetime.now(UTC)
    assert found.year == today.year - 2
    assert abs((found.replace(year=2024) - today.replace(year=2024)).total_seconds()) < 86400 + 60


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--format", "xls"), 2, "'xls' is not one of 'parquet', 'csv', 'xlsx', 'jsonl'"),
        (("--since", "yesterday"), 2, "'yesterday' is no time"),
        (("--keep", "1"), 2, "1 is not in the range x>=2"),
        (("--source", "pord"), 1, "error: no snapshot of 'pord'\nhint: There are some of: prod\n"),
        (("--warehouse", "nowhere"), 10, "error: no warehouse in 'nowhere'"),
        (("--to", "history/exports"), 1, "lies in the warehouse"),
    ],
)
def test_errors_are_told(history: History, words: tuple[str, ...], code: int, said: str) -> None:
    ran = run(history, *words)

    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_contradiction_is_a_usage_error(history: History) -> None:
    run(history)

    ran = run(history, "--since", "last", "--format", "csv")

    assert ran.code == 2
    assert "is parquet, wide, of all instances: it cannot go on as csv, wide" in ran.err
    assert "hint: Name another folder with --to" in ran.err


def test_a_bar_is_for_terminals_alone(history: History) -> None:
    command = [str(TALLYBOOK), "export", "--warehouse", "history", "--to", "exports"]
    ours, theirs = pty.openpty()

    done = subprocess.run(
        command,
        cwd=history.root.parent,
        env=environment({"TERM": "xterm-256color"}),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
    )
    os.close(theirs)

    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "3 rows" in seen
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_history(tmp_path: Path) -> None:
    # Twenty times the rows pass through in batches.
    small, large = (peak_of(tmp_path / str(rows), rows) for rows in (20_000, 400_000))

    assert large < small + 150


def peak_of(folder: Path, rows: int) -> float:
    """Return how many MB a process has at most that writes so many rows of 100 columns."""
    folder.mkdir()
    program = f"""
import resource, sys
from pathlib import Path
import duckdb
from warehouse.exports.flat import WHOLE
from warehouse.exports.shapes import TableShape
from warehouse.exports.tables import Column, Statistics, Table, batches
from warehouse.exports.writers import WRITERS
names = [f"c{{n}}" for n in range(100)]
cells = ", ".join(f"(i * {{n}}) % 97 AS c{{n}}" for n in range(100))
shape = TableShape("t", "t", "SELECT " + cells + " FROM range({rows}) t(i) WHERE {{scope}}", ())
table = Table(shape, tuple(Column(n, WHOLE, "", n) for n in names), "", Statistics("", ""))
with duckdb.connect(config={{"memory_limit": "500MB"}}) as connection:
    for form in ("parquet", "csv"):
        found = batches(connection, table, "true", lambda rows: None)
        assert WRITERS[form](Path(sys.argv[1], form), table, found) == {rows}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    assert len(paths(folder.parent, folder.name)) == 2
    # DuckDB takes python -c for a person at a terminal, and shows a bar before.
    return float(done.stdout.split()[-1])
