"""Alerts: told once when it begins, once when it is over, and never twice over a restart."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from etl.alert_tables import AlertTable, read_alert
from etl.settings import Settings
from etl.slots import Told
from schedules.alerts.incidents import AlertMemory, Incident, Notice, compare
from schedules.alerts.keeper import AlertKeeper
from schedules.alerts.memory import ALERTS_FILE, read_memory
from tests.builders import A_MONDAY, DAY, a_reading
from tests.daemon_world import some_settings
from tests.daemons import due_history, running, wait_until
from tests.histories import a_history
from warehouse.errors import Failure

NOWHERE = "postgresql://me@127.0.0.1:1/unleash"


class Receiver:
    """Whoever is told; out of order while `broken`."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.broken = False

    def __call__(self, notice: Notice) -> None:
        if self.broken:
            raise Failure("no way to the chat")
        self.titles.append(notice.title)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def settings(folder: Path, **alerts: str) -> Settings:
    made = [read_alert(name, AlertTable(when=when), "here") for name, when in alerts.items()]
    return replace(some_settings("prod", "staging"), state=folder, warehouse=folder, alerts=made)


def keeper(found: Settings, receiver: Receiver) -> AlertKeeper:
    return AlertKeeper(lambda: found, receiver)


def told(users: int | str, day: int = 0, **changes: Any) -> Told:
    at = A_MONDAY + day * DAY
    became = (
        users if isinstance(users, str) else a_reading({"users": users}, taken_at=at, **changes)
    )
    return Told("prod", at, became, str)


def test_an_incident_is_told_once_and_its_end_once(tmp_path: Path, receiver: Receiver) -> None:
    kept = keeper(settings(tmp_path, seats="users > 240"), receiver)

    for day, users in enumerate([240, 241, 250, 249, 240, 240, 241]):
        kept.hear([told(users, day)])
        kept.look(None)

    assert receiver.titles == [
        "prod: users is 241 (> 240)",
        "prod: over: users is 249 (> 240)",
        "prod: users is 241 (> 240)",
    ]


def test_a_restart_tells_nothing_again(tmp_path: Path, receiver: Receiver) -> None:
    found = settings(tmp_path, seats="users > 240", missed="missed")
    for day in range(4):
        kept = keeper(found, receiver)
        kept.hear([told(300, day)])
        kept.look(None)
    kept.hear([told("timeout: too slow", 5)])
    kept.look(None)
    keeper(found, receiver).look(None)

    assert receiver.titles == [
        "prod: users is 300 (> 240)",
        "prod: slot 2026-11-28T02:00:00.000Z was missed: timeout: too slow",
    ]


def test_a_slot_that_somebody_paused_is_no_incident(tmp_path: Path, receiver: Receiver) -> None:
    kept = keeper(settings(tmp_path, missed="missed"), receiver)

    for day, became in enumerate(["paused", "timeout: too slow", "paused"]):
        kept.hear([told(became, day)])
        kept.look(None)

    begun, over = receiver.titles
    assert begun.endswith("was missed: timeout: too slow")
    assert over.startswith("prod: over: slot 2026-11-24")


def test_what_could_not_be_sent_is_sent_later_in_order(tmp_path: Path, receiver: Receiver) -> None:
    found = settings(tmp_path, seats="users > 240")
    receiver.broken = True
    kept = keeper(found, receiver)
    kept.hear([told(300), told(200, 1)])
    kept.look(None)
    unsent = len(read_memory(tmp_path).unsent)
    receiver.broken = False

    keeper(found, receiver).look(None)

    assert unsent == 2
    assert receiver.titles == ["prod: users is 300 (> 240)", "prod: over: users is 300 (> 240)"]
    assert read_memory(tmp_path).unsent == []


def test_who_is_killed_while_sending_tells_it_no_second_time(tmp_path: Path) -> None:
    found = settings(tmp_path, seats="users > 240")
    titles: list[str] = []

    def die(notice: Notice) -> None:
        titles.append(notice.title)
        raise KeyboardInterrupt

    first = AlertKeeper(lambda: found, die)
    first.hear([told(300)])
    with pytest.raises(KeyboardInterrupt):
        first.look(None)

    AlertKeeper(lambda: found, die).look(None)

    assert titles == ["prod: users is 300 (> 240)"]


def test_the_release_before_a_restart_is_remembered(tmp_path: Path, receiver: Receiver) -> None:
    found = settings(tmp_path, release="release changed")
    for day, oss in enumerate(["8.1.0", "8.2.0", "8.2.0"]):
        kept = keeper(found, receiver)
        kept.hear([told(1, day, oss=oss)])
        kept.look(None)

    assert receiver.titles == ["prod: release 8.1.0 became 8.2.0"]


def test_an_alert_that_is_gone_ends_in_silence(tmp_path: Path, receiver: Receiver) -> None:
    kept = keeper(settings(tmp_path, seats="users > 240"), receiver)
    kept.hear([told(300)])
    kept.look(None)

    keeper(settings(tmp_path), receiver).look(None)

    assert receiver.titles == ["prod: users is 300 (> 240)"]
    assert read_memory(tmp_path).open == []


def test_a_verification_that_fails_is_told_until_one_goes_well(
    tmp_path: Path, receiver: Receiver
) -> None:
    kept = keeper(settings(tmp_path, verified="verification failed"), receiver)

    for verdict in (None, "intact", "tampered", "tampered", "intact"):
        kept.look(verdict)

    assert receiver.titles == [
        "history: verification: tampered",
        "history: over: verification: tampered",
    ]


def test_a_damaged_memory_begins_anew(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / ALERTS_FILE).write_text("{")

    kept = keeper(settings(tmp_path, seats="users > 240"), receiver)
    kept.hear([told(300)])
    kept.look(None)

    assert receiver.titles == ["prod: users is 300 (> 240)"]


def test_what_was_not_looked_at_stays_open() -> None:
    one = Incident(alert="a", source="prod", what="x", since="then")
    two = Incident(alert="a", source="staging", what="y", since="then")

    after = compare(AlertMemory(open=[one, two]), [], {one.key}, "now")

    assert after.open == [two]
    assert [(n.kind, n.source) for n in after.unsent] == [("recovery", "prod")]


@contextmanager
def chat(came: list[dict[str, Any]]) -> Iterator[str]:
    """Be a service that apprise knows how to reach; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"json://user:seCret@127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_a_test_arrives_and_wrong_addresses_are_told_without_them(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)
    file = history.folder / "tallybook.toml"
    none = history.run("alerts", "test")
    file.write_text(f'{file.read_text()}\n[alerts]\nurls_file = "urls"\n')
    came: list[dict[str, Any]] = []
    with chat(came) as address:
        (history.folder / "urls").write_text(f"# the chat\n{address}\n")
        sent = history.run("alerts", "test")
        (history.folder / "urls").write_text("nonsense-seCret\n")
        wrong = history.run("alerts", "test")
    (history.folder / "urls").write_text(address)
    dead = history.run("alerts", "test")

    assert (none.code, none.err.splitlines()[0]) == (2, "error: there is no address to send to")
    assert (sent.code, sent.out) == (0, "Sent to 1 address(es).\n")
    assert came[0]["title"] == "tallybook: history: a test: this is how an alert arrives"
    assert "log example.com/test" in came[0]["message"]
    assert (wrong.code, dead.code) == (2, 1)
    assert wrong.err == "error: line 1 of urls_file is no address that apprise knows\n"
    assert "seCret" not in wrong.err + dead.err


@pytest.mark.slow
def test_the_daemon_tells_a_missed_slot_and_lists_it(tmp_path: Path) -> None:
    came: list[dict[str, Any]] = []
    with chat(came) as address:
        history = due_history(tmp_path / "tally", daemon={"retry_for": 0}, prod=NOWHERE)
        (history.folder / "urls").write_text(address)
        with (history.folder / "tallybook.toml").open("a") as file:
            file.write('[alerts]\nurls_file = "urls"\n[alert.slots]\nwhen = "missed"\n')
        quiet = history.run("alerts", "list")
        with running(history) as daemon:
            wait_until(lambda: came, "an alert", daemon)
            daemon.stop()
        with running(history) as daemon:
            daemon.wait_for("daemon of")
            daemon.stop()
        listed = history.run("alerts", "list")
        told = json.loads(history.run("alerts", "list", "--json").out)

    assert quiet.code == 0
    assert "slots  missed  every   quiet" in quiet.out
    assert [one["title"].partition(" was missed: ")[2][:18] for one in came] == [
        "source unreachable"
    ]
    assert listed.code == 3
    assert "prod: slot " in listed.out
    assert (told["addresses"], len(told["open"]), told["unsent"]) == (1, 1, [])
    assert datetime.fromisoformat(told["open"][0]["since"]).utcoffset() == timedelta()
