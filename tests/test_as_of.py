"""As known on: every question can be asked as of an earlier time, and gets the answer of then."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl.snapshot import MissedSlot
from tests.builders import A_MONDAY, DAY, PROD, Clock, History, a_history, a_reading
from tests.command import tallybook
from tests.sealed import commit_files, sealed_now
from warehouse import catalog
from warehouse.contract import VIEWS
from warehouse.errors import CannotStore, NoWarehouse
from warehouse.mount import Mount
from warehouse.payload import EnvironmentChanges, Names
from warehouse.query import ask, reading

pytestmark = pytest.mark.slow

EVENING = timedelta(hours=20)
DATA = [view for view in VIEWS if view not in {"statistics", "definitions"}]


def lived(folder: Path, days: int) -> tuple[History, Clock]:
    """A history of some days: what happened on each became known in its evening."""
    clock = Clock(A_MONDAY - DAY)
    made = a_history(folder, clock=clock)
    for day in range(days):
        today = A_MONDAY + day * DAY
        clock.now = today + EVENING
        changes = EnvironmentChanges(
            environment="live", type="production", first_day=f"{today:%Y-%m-%d}", updates=[day]
        )
        names = Names(apps=[f"app-{day}"], changes=[changes], flags=[], omitted={})
        stats = {"users": 120 + day, f"apiTokens.kind{day}": 1}
        made.take(a_reading(stats, taken_at=today, names=names))
        made.log.append([MissedSlot(PROD, today + EVENING / 2, "nobody answered")])
    return made, clock


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three days, and a gap of the second of them that became known much later."""
    made, clock = lived(tmp_path, 3)
    clock.now = A_MONDAY + 9 * DAY
    made.log.append([MissedSlot(PROD, A_MONDAY + DAY, "asked too late")])
    return made


def evening(day: int) -> datetime:
    return (A_MONDAY + day * DAY + EVENING).replace(tzinfo=None)


def rows(history: History, sql: str, as_of: datetime | None = None) -> list[tuple[Any, ...]]:
    return ask(history.root, sql, as_of=as_of).rows


def test_a_record_is_known_from_the_moment_it_was_made(history: History) -> None:
    instant = timedelta(milliseconds=1)

    counts = [
        rows(history, "SELECT count(*) FROM snapshots", at)
        for at in (evening(1) - instant, evening(1), evening(1) + instant)
    ]

    assert counts == [[(1,)], [(2,)], [(2,)]]


def test_latest_is_what_was_the_newest_then(history: History) -> None:
    assert rows(history, "SELECT users FROM latest", evening(0)) == [(120,)]
    assert rows(history, "SELECT users FROM latest") == [(122,)]


def test_a_gap_that_was_recorded_later_was_not_known_then(history: History) -> None:
    late = "SELECT count(*) FROM gaps WHERE reason = 'asked too late'"

    assert rows(history, late, evening(2)) == [(0,)]
    assert rows(history, late) == [(1,)]


@pytest.mark.parametrize("view", DATA)
def test_every_view_is_as_a_history_that_ended_then(
    history: History, tmp_path: Path, view: str
) -> None:
    shorter, _ = lived(tmp_path / "shorter", 2)
    # Random numbers are in every record, and the statistics of today have columns.
    random = {"payload", "signature", "checkpoint", "apiTokens_kind2"}

    then = ask(history.root, f"FROM {view} ORDER BY ALL", as_of=evening(1)).as_dicts()
    expected = ask(shorter.root, f"FROM {view} ORDER BY ALL").as_dicts()

    assert expected
    assert [plain(row, random) for row in then] == [plain(row, random) for row in expected]


def plain(row: dict[str, Any], without: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in without}


def test_what_was_sealed_since_is_known_as_it_was_then(history: History) -> None:
    times = [datetime(2020, 1, 1), evening(0), evening(1), evening(5)]  # noqa: DTZ001
    before = {
        (at, view): rows(history, f"FROM {view} ORDER BY ALL", at) for at in times for view in DATA
    }

    done = sealed_now(history)

    assert done.parts
    assert commit_files(history.root) == []
    for (at, view), expected in before.items():
        assert rows(history, f"FROM {view} ORDER BY ALL", at) == expected, (at, view)


def test_a_time_before_the_history_has_nothing(history: History) -> None:
    assert {view: rows(history, f"FROM {view}", datetime(2020, 1, 1)) for view in DATA} == {  # noqa: DTZ001
        view: [] for view in DATA
    }


def test_what_is_written_meanwhile_is_not_known_then(history: History) -> None:
    with reading(history.root, evening(2)) as connection:
        history.take(a_reading({"users": 999}, taken_at=A_MONDAY + 20 * DAY))

        assert connection.execute("SELECT max(users) FROM snapshots").fetchall() == [(122,)]


def test_nothing_is_left_behind(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    rows(history, "SELECT 1")
    before = {path: path.read_bytes() for path in history.root.rglob("*") if path.is_file()}

    assert rows(history, "SELECT count(*) FROM snapshots", evening(0)) == [(1,)]

    assert list(temporary.iterdir()) == []
    assert {p: p.read_bytes() for p in history.root.rglob("*") if p.is_file()} == before


def test_no_place_for_it_is_explained(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(CannotStore, match=r"^cannot write 'a temporary folder': no such file"):
        rows(history, "SELECT 1", evening(0))


def test_the_own_catalogue_is_never_of_an_earlier_time(history: History) -> None:
    with pytest.raises(ValueError, match="needs a file of its own"):
        catalog.build(history.root, as_of=evening(0))


def test_a_folder_without_a_history_is_no_warehouse(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse):
        ask(tmp_path, "SELECT 1", as_of=evening(0))


def count_in(file: Path) -> object:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM snapshots").fetchall()[0][0]


def test_a_catalogue_of_then_is_for_any_tool(history: History, tmp_path: Path) -> None:
    catalog.build(history.root)
    file = catalog.build(history.root, to=tmp_path / "then.duckdb", as_of=evening(1))
    history.take(a_reading(taken_at=A_MONDAY + 30 * DAY))

    assert (count_in(file), count_in(history.root / "catalog.duckdb")) == (2, 4)


def test_a_catalogue_of_then_may_be_for_another_place(history: History, tmp_path: Path) -> None:
    there, file = tmp_path / "there", tmp_path / "then.duckdb"
    catalog.build(history.root, mount=Mount(there, history.root), to=file, as_of=evening(0))
    history.root.rename(there)

    assert count_in(file) == 1


@pytest.fixture
def command(history: History) -> list[str]:
    return ["--warehouse", str(history.root)]


def test_the_command_asks_as_of_then(history: History, command: list[str]) -> None:
    question = ["sql", "SELECT count(*) AS n FROM snapshots", "--json", *command]

    counts = [
        json.loads(tallybook(*question, "--as-of", at, cwd=history.root).out)[0]["n"]
        for at in ("2026-11-22", "2026-11-23", "2026-11-24T12:00", "2026-11-24T23:00+01:00")
    ]

    assert counts == [0, 1, 1, 2]


def test_the_command_makes_a_catalogue_of_then(
    history: History, command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "then.duckdb"

    made = tallybook("catalog", "--as-of", "2026-11-23", "--to", file, *command, cwd=tmp_path)
    refused = tallybook("catalog", "--as-of", "2026-11-23", *command, cwd=tmp_path)

    assert (made.code, made.out, made.err) == (0, f"{file}\n", "")
    assert count_in(file) == 1
    assert refused.code == 2
    assert refused.err.endswith(
        "Error: --as-of makes a catalogue of another time: say --to FILE as well\n"
    )
