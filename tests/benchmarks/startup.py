"""How long a user waits for the command line itself."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from etl.init import init
from etl.log import SigningLog
from etl.run import open_log
from etl.settings import load_settings
from tests.benchmarks.report import Result, median_seconds
from tests.benchmarks.sample import a_reading

_COMMAND = str(Path(sys.executable).with_name("tallybook"))


def run() -> list[Result]:
    """Measure `--help`, and `show` on a history of 100 snapshots."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tally"
        init(folder, [], "bench.example/log")
        _fill(folder)
        wait = _waiting(folder)
        wait("show")
        return [
            Result("tallybook --help", median_seconds(lambda: wait("--help"), times=15), "s", 0.15),
            Result("tallybook show", median_seconds(lambda: wait("show"), times=15), "s", 0.5),
        ]


def _fill(folder: Path) -> None:
    log: SigningLog = open_log(load_settings(folder / "tallybook.toml"))
    for _ in range(100):
        log.append([a_reading()])


def _waiting(folder: Path) -> Callable[..., None]:
    def wait(*words: str) -> None:
        subprocess.run([_COMMAND, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    return wait
