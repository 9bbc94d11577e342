"""Exports that are killed: `latest` is always a whole one, and the next run is right."""

import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import A_MONDAY, DAY, SOME_STATS, History, a_history, a_reading
from tests.command import TALLYBOOK, environment
from tests.export_readers import by_pyarrow
from tests.exported import flaws, manifest_of, viewed
from tests.traced import CHANGING
from warehouse.exports.asked import Asked
from warehouse.exports.export import export

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parent.parent
CALLS = (*CHANGING, "symlink", "symlinkat")
# A Parquet file is written in hundreds of small pieces, into a draft that nobody sees.
EVERY_SO_MANY_WRITES = 15
# Whether old or new was there, its flaws; after the next run rows, flaws, and what lies about.
Story = tuple[bool, list[str], tuple[int, list[str], set[str]]]


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(2)
    return made


def traced(command: list[str | Path], trace: Path, *options: str) -> str:
    """Run a command under strace; return the trace."""
    subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, *options, *command],
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        check=False,
        timeout=120,
    )
    return trace.read_text()


def moments(command: list[str | Path], trace: Path) -> Iterator[tuple[str, int]]:
    """Yield every call of a command that changes anything: its name, and the how manieth."""
    seen = traced(command, trace, "-e", f"trace=?{',?'.join(CALLS)}")
    for call, times in Counter(re.findall(r"^\d+ +(\w+)\(", seen, re.MULTILINE)).items():
        step = EVERY_SO_MANY_WRITES if call == "write" else 1
        yield from ((call, nth) for nth in range(1, times + 1, step))


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_an_export_killed_at_any_call_leaves_a_whole_one(history: History, tmp_path: Path) -> None:
    to = tmp_path / "exports"
    for day in range(3):
        export(history.root, to, Asked(shape="star", keep=2, last=True))
        history.take(a_reading(taken_at=A_MONDAY + (2 + day) * DAY))
    old, new = (4 * len(SOME_STATS), 5 * len(SOME_STATS))
    counted, copy = tmp_path / "counted", tmp_path / "copy"
    shutil.copytree(to, counted, symlinks=True)
    words = ("export", "--warehouse", history.root, "--since", "last", "--keep", "2", "--to")

    stories, rows_seen = {}, set()
    for call, nth in moments([TALLYBOOK, *words, counted], tmp_path / "trace"):
        shutil.copytree(to, copy, symlinks=True)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}")
        trace = traced([TALLYBOOK, *words, copy], tmp_path / "trace", *inject)
        assert "+++ killed by SIGKILL +++" in trace
        latest = copy / "latest"
        rows = manifest_of(latest).rows("statistic_values")
        found = flaws(latest)
        again = export(history.root, copy, Asked(last=True, keep=2))
        left = {path.name for path in copy.iterdir() if path.name.startswith(".")}
        ended = (again.manifest.rows("statistic_values"), flaws(again.latest), left)
        stories[f"{call} {nth}"] = (rows in (old, new), found, ended)
        rows_seen.add(rows)
        shutil.rmtree(copy)

    well: Story = (True, [], (new, [], {".tallybook-lock"}))
    assert {story: end for story, end in stories.items() if end != well} == {}
    assert rows_seen == {old, new}
    assert len(stories) >= 40


def test_exports_killed_at_random_never_show_a_half(history: History, tmp_path: Path) -> None:
    to = tmp_path / "exports"
    export(history.root, to, Asked(keep=2))
    ended = threading.Event()
    looks: list[list[str]] = []
    looking = threading.Thread(target=look_on, args=(to, ended, looks))
    looking.start()

    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.killed_export", tmp_path, to, "60", "17"],
            cwd=ROOT,
            env=environment({"PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
    finally:
        ended.set()
        looking.join()

    assert int(done.stdout) >= 55
    assert len(looks) >= 50
    assert [found for found in looks if found] == []
    made = export(history.root, to, Asked(keep=2, last=True))
    assert by_index(by_pyarrow(made.latest, "snapshots")) == viewed(history.root, "snapshots")
    assert flaws(made.latest) == []
    assert int(made.manifest.version.rpartition("-")[2]) >= 10
    assert len([path for path in to.iterdir() if not path.name.startswith(".")]) <= 4


def look_on(to: Path, ended: threading.Event, looks: list[list[str]]) -> None:
    """Look at the newest version over and over, as a reader does who follows the link once."""
    while not ended.wait(0.02):
        version = (to / "latest").resolve()
        try:
            looks.append(flaws(version))
        except FileNotFoundError:
            # It was two versions behind before it was read, and has gone as a whole.
            assert not version.exists()


def by_index(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: str(row["index"]).zfill(9))
