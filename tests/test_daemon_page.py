"""docs/daemon.md is true: its settings load, its metrics are there, its reasons are real."""

import re
import tomllib
from pathlib import Path

import pytest

from etl.alert_tables import EVENTS
from etl.settings import load_settings
from schedules.daemon.board import Board, SharedBoard, SourceBoard
from schedules.daemon.failures import KINDS, TIMEOUT
from schedules.daemon.metrics import metrics_page

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "daemon.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["daemon", "alerts"])
def test_its_settings_are_settings(example: str, tmp_path: Path) -> None:
    file = tmp_path / "tallybook.toml"
    source = "" if "[source." in example else '[source.prod]\nurl = "postgresql://db/unleash"\n'
    file.write_text(f'origin = "example.com/t"\n{example}{source}')

    settings = load_settings(file)

    assert len(settings.alerts) == len(tomllib.loads(example).get("alert", {}))


def test_every_metric_is_explained_and_no_other() -> None:
    now = "2024-11-25T02:00:00.000Z"
    board = Board(pid=1, started=now, beat=now, origin="o", verified="intact", verified_at=now)
    board.failures["timeout"] = 1
    board.sources["prod"] = SourceBoard(source="prod", last_success=now, next_run=now, duration=1.0)
    shared = SharedBoard(board)
    shared.statistics["prod"] = {"users": 1}
    page = metrics_page(shared, ["users"]).decode()

    there = set(re.findall(r"^(tallybook_\w+)", page, re.MULTILINE))

    assert set(re.findall(r"`(tallybook_\w+)`", PAGE)) == there


def test_every_reason_of_a_run_is_explained() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE)
    explained = {word for row in rows for word in re.findall(r"`([^`]+)`", row)}

    assert {word for _, word in KINDS} - {"defect"} | {TIMEOUT} <= explained


def test_every_event_is_explained() -> None:
    assert set(EVENTS) <= set(re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE))
