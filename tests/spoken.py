"""The command line in this process, through its entry point: quicker than the installed command."""

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from etl.init import init, new_sources
from etl.run import open_log
from etl.settings import load_settings
from schedules.cli import main
from tests.builders import (
    A_MONDAY,
    DAY,
    SOME_DEFINITIONS,
    SOME_STATS,
    a_reading,
    definitions_json,
)
from warehouse.record import sha256_hex

# Nobody listens on port 1: the answer is no, and at once.
NOWHERE = "postgresql://tallybook@127.0.0.1:1/unleash"
STEERING = ("TALLYBOOK_CONFIG", "FORCE_COLOR", "NO_COLOR")


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, its output, its talk."""

    code: object
    out: str
    err: str


def say(*words: str | Path) -> Said:
    """Run `tallybook` with these words, undisturbed by our own environment."""
    out, err = StringIO(), StringIO()
    plain = {name: value for name, value in os.environ.items() if name not in STEERING}
    with (
        patch.object(sys, "argv", ["tallybook", *map(str, words)]),
        patch.dict(os.environ, plain, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            return Said(end.code, out.getvalue(), err.getvalue())


def three_days(folder: Path) -> Path:
    """Make settings in `folder`, and a history of three days whose source is gone since."""
    init(folder, new_sources([f"prod={NOWHERE}"], []), "example.com/tallybook")
    log = open_log(load_settings(folder / "tallybook.toml"))
    content = definitions_json(SOME_DEFINITIONS)
    log.ledger.keep_definitions(content, sha256_hex(content))
    for day in range(3):
        stats = {**SOME_STATS, "users": 120 + day}
        log.append([a_reading(stats, taken_at=A_MONDAY + day * DAY)])
    return folder


def newest_file(folder: Path) -> Path:
    """The file of the newest record."""
    return max((folder / "history" / "hot").rglob("*.parquet"))
