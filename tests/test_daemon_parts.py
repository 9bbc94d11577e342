"""Parts of the daemon by themselves: locks, clocks, pauses, the log's form, the metrics' page."""

import logging
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers import base

from etl.patience import Deadline
from etl.run import open_log
from etl.settings import load_settings
from etl.snapshot import NewSchedule
from schedules.daemon.alarm import SlotAlarm
from schedules.daemon.board import Board, SharedBoard, SourceBoard, read_board, write_board
from schedules.daemon.chores import Chores, seal_if_due
from schedules.daemon.clocks import ClockGuard, Clocks
from schedules.daemon.failures import kind_of, pause_before, reason_of
from schedules.daemon.lock import holder_of, only_daemon
from schedules.daemon.logs import _Form
from schedules.daemon.metrics import metrics_page
from schedules.daemon.notify import Supervisor
from schedules.daemon.pauses import PAUSES_FILE, pause, read_pauses, resume
from schedules.slots import Due, due_slot, next_look, offset_of
from tests.daemons import listening, wait_until
from tests.histories import a_history
from warehouse.errors import LedgerFailure, Locked, SourceBusy, SourceUnreachable
from warehouse.layout import Layout
from warehouse.schedule import Schedule

MONDAY = datetime(2024, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHTLY = Schedule("0 2 * * *")
NOW = timedelta()


def test_what_is_due_is_the_newest_slot_alone() -> None:
    told = MONDAY - 3 * 24 * HOUR

    assert due_slot(NIGHTLY, told, MONDAY, NOW, "latest") == Due(MONDAY - 22 * HOUR, read=True)
    assert due_slot(NIGHTLY, told, MONDAY, NOW, "skip") == Due(MONDAY - 22 * HOUR, read=False)
    assert due_slot(NIGHTLY, MONDAY - 22 * HOUR, MONDAY, NOW, "latest") is None


def test_a_run_begins_with_its_offset() -> None:
    half = HOUR / 2

    assert due_slot(NIGHTLY, MONDAY, MONDAY + 2 * HOUR, half, "latest") is None
    assert next_look(NIGHTLY, MONDAY, MONDAY + 2 * HOUR, half) == MONDAY + 2 * HOUR + half
    due = due_slot(NIGHTLY, MONDAY, MONDAY + 2 * HOUR + half, half, "skip")
    assert due == Due(MONDAY + 2 * HOUR, read=True)


def test_offsets_are_within_the_window_and_stay() -> None:
    offsets = [offset_of(f"source {n}", "origin", 600) for n in range(500)]

    assert all(NOW <= offset < timedelta(seconds=600) for offset in offsets)
    assert offsets[7] == offset_of("source 7", "origin", 600)
    assert 40 < sum(offset < timedelta(seconds=60) for offset in offsets) < 60
    assert offset_of("source 7", "origin", 0) == NOW


def test_the_alarm_rings_late_ones_once_and_follows_a_clock_that_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [MONDAY]

    class FakeDatetime(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # as it is used
            return now[0]

    monkeypatch.setattr(base, "datetime", FakeDatetime)
    rings: list[datetime] = []
    alarm = SlotAlarm(lambda _: rings.append(now[0]))
    alarm.set("prod", Schedule("0 * * * *"), NOW)
    alarm.start()

    def at(moment: datetime) -> None:
        now[0], ticks = moment, alarm.ticks
        alarm.wake()
        while alarm.ticks == ticks:
            time.sleep(0.001)
        time.sleep(0.01)

    at(MONDAY + 59 * HOUR / 60)
    at(MONDAY + 5.5 * HOUR)
    at(MONDAY + 5.75 * HOUR)
    at(datetime(2200, 1, 1, tzinfo=UTC))
    now[0] = MONDAY + 5.8 * HOUR
    alarm.rewind()
    at(MONDAY + 6 * HOUR)
    alarm.drop("prod")
    at(MONDAY + 9 * HOUR)
    alarm.stop()

    late = MONDAY + 5.5 * HOUR
    assert rings == [late, datetime(2200, 1, 1, tzinfo=UTC), MONDAY + 6 * HOUR]


def test_an_alarm_for_a_thousand_sources_costs_little() -> None:
    rings: list[str] = []
    alarm = SlotAlarm(rings.append)
    began = time.perf_counter()
    for number in range(1000):
        alarm.set(f"source {number}", NIGHTLY, offset_of(str(number), "origin", 3600))
    alarm.start()
    took = time.perf_counter() - began
    alarm.stop()

    assert took < 5


class Two:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = MONDAY, 100.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.steady)

    def go(self, wall: float, steady: float) -> None:
        self.wall += timedelta(seconds=wall)
        self.steady += steady


def test_a_clock_that_drifts_is_not_set() -> None:
    two = Two()
    guard = ClockGuard(two.clocks)

    for _ in range(5000):
        two.go(5.9, 5)
        assert guard.check() == NOW

    assert guard.doubt is None


@pytest.mark.parametrize(("seconds", "doubted"), [(3000, False), (-3000, False), (4000, True)])
def test_a_clock_is_doubted_when_it_was_set_by_more_than_an_hour(
    seconds: float, doubted: bool
) -> None:
    two = Two()
    guard = ClockGuard(two.clocks)
    two.go(seconds + 5, 5)

    assert guard.check() == timedelta(seconds=seconds)
    assert (guard.doubt is not None) is doubted


def test_a_clock_set_in_small_steps_is_doubted_once_they_are_an_hour() -> None:
    two = Two()
    guard = ClockGuard(two.clocks)

    doubts = []
    for _ in range(3):
        two.go(1500, 0)
        guard.check()
        doubts.append(guard.doubt is not None)

    assert doubts == [False, False, True]


def test_only_a_database_of_about_the_same_time_ends_a_doubt() -> None:
    two = Two()
    guard = ClockGuard(two.clocks, newest=MONDAY - 30 * 24 * HOUR)

    heard = [guard.hear(MONDAY + HOUR, MONDAY), guard.hear(MONDAY + HOUR / 13, MONDAY)]

    assert heard == [False, True]
    assert guard.doubt is None


def hold(state: Path) -> None:
    with only_daemon(state):
        time.sleep(60)


@pytest.mark.slow
def test_the_lock_names_its_holder_and_does_not_outlive_it(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path,))
    process.start()
    while holder_of(tmp_path) is None:
        time.sleep(0.01)

    with pytest.raises(Locked, match=rf"another daemon .* process {process.pid}$"), \
            only_daemon(tmp_path):  # fmt: skip
        pass
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    assert holder_of(tmp_path) is None
    with only_daemon(tmp_path):
        assert holder_of(tmp_path) == os.getpid()


def test_pauses_outlast_whoever_made_them(tmp_path: Path) -> None:
    made = [pause(tmp_path, "prod", MONDAY), pause(tmp_path, "prod", MONDAY + HOUR)]
    pause(tmp_path, "staging", MONDAY + HOUR)
    ended = [resume(tmp_path, "staging"), resume(tmp_path, "staging")]

    assert (made, ended) == ([True, False], [True, False])
    assert read_pauses(tmp_path) == {"prod": MONDAY}


def test_damaged_pauses_are_told(tmp_path: Path) -> None:
    (tmp_path / PAUSES_FILE).write_text('{"prod": "yesterday"}')

    with pytest.raises(LedgerFailure, match=r"^cannot read '.*paused\.json'"):
        read_pauses(tmp_path)


def a_board() -> SharedBoard:
    now = "2024-11-25T02:00:00.000Z"
    board = Board(pid=os.getpid(), started=now, beat=now, origin="example.com/t")
    board.sources['we "ird'] = SourceBoard(source='we "ird', last_success=now, missed=2)
    return SharedBoard(board)


def test_a_board_is_read_only_while_its_daemon_lives(tmp_path: Path) -> None:
    write_board(tmp_path, a_board().encoded())

    dead = read_board(tmp_path)
    with only_daemon(tmp_path):
        alive = read_board(tmp_path)

    assert dead is None
    assert alive == a_board().copy()


def test_metrics_escape_names_and_choose_statistics() -> None:
    board = a_board()
    board.statistics['we "ird'] = {"activeUsers.last7": 3, "ratio": "0.25", "users": 9}

    page = metrics_page(board, ["activeUsers", "ratio", "unknown"]).decode()

    lines = [line for line in page.splitlines() if line.startswith("tallybook_statistic{")]
    assert lines == [
        'tallybook_statistic{source="we \\"ird",statistic="activeUsers.last7"} 3.0',
        'tallybook_statistic{source="we \\"ird",statistic="ratio"} 0.25',
    ]
    assert 'tallybook_slots_total{became="missed",source="we \\"ird"} 2.0' in page
    assert "python_" not in page


def test_the_log_strikes_out_secrets_and_keeps_to_one_line() -> None:
    form = _Form(as_json=False, secrets=["s3cret", "s3cret-long", "x"])
    message = "a\nb s3cret-long, postgresql://me:pw@db/x, s3cret, x"
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "%s", (message,), None)

    line = form.format(record)

    assert line.endswith("error a b ***, postgresql://***@db/x, ***, x")


def test_systemd_is_told_in_its_own_words(tmp_path: Path) -> None:
    with listening(tmp_path) as (address, heard):
        supervisor = Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
        supervisor.ready()
        supervisor.status("fine")
        supervisor.alive()
        Supervisor.of({"NOTIFY_SOCKET": address}).alive()
        Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}).alive()
        lines = heard()

    assert lines == ["READY=1", "STATUS=fine", "WATCHDOG=1"]
    Supervisor().ready()
    Supervisor("/nowhere/at/all").ready()


def test_failures_have_a_word_and_a_reason_of_their_own() -> None:
    unreachable = SourceUnreachable("source 'x' cannot be reached: gone", reason="gone")

    assert (kind_of(unreachable), reason_of(unreachable)) == ("source unreachable", "gone")
    assert kind_of(SourceBusy("again")) == "source busy"
    assert [pause_before(n) for n in (1, 2, 3, 9, 5000)] == [2, 4, 8, 300, 300]


def test_a_deadline_can_be_called_off() -> None:
    deadline = Deadline(1000)

    deadline.require()
    deadline.call_off()

    assert deadline.left <= 0


@pytest.mark.slow
def test_the_whole_history_is_verified_in_a_process_of_its_own(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod="postgresql://me@127.0.0.1:1/unleash")
    settings = load_settings(history.folder / "tallybook.toml")
    board = a_board()
    chores = Chores(settings, board)

    chores.verify()
    wait_until(lambda: board.copy().verified, "a verdict")
    good = board.copy().verified
    (genesis,) = (history.warehouse / "hot").rglob("*.parquet")
    genesis.write_bytes(genesis.read_bytes()[:-1])
    chores.verify()
    wait_until(lambda: board.copy().verified != good, "another verdict")

    assert (good, board.copy().verified) == ("intact", "tampered")


@pytest.mark.slow
def test_commits_are_sealed_once_they_are_many(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod="postgresql://me@127.0.0.1:1/unleash")
    settings = load_settings(history.folder / "tallybook.toml")
    for minute in range(66):
        at = MONDAY + timedelta(minutes=minute)
        open_log(settings).append([NewSchedule(f"source {minute}", None, "UTC", at)])

    seal_if_due(settings)

    assert len(Layout(settings.warehouse).commit_files()) == 0
    assert history.verdict() == (0, "intact")
