"""`tallybook daemon` as a process, on real databases: its life, its health, its end."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemons import AN_HOUR_AGO, due_history, free_port, listening, running, slots, wait_until
from tests.histories import History
from tests.proxies import Proxy, silent_port
from tests.readers import PASSWORD, ROLE, Reader
from warehouse.payload import Heads
from warehouse.record import timestamp

pytestmark = pytest.mark.slow

NOWHERE = "postgresql://me@127.0.0.1:1/unleash"
THE_SLOT = timestamp(AN_HOUR_AGO)


@pytest.fixture
def history(reader: Reader, tmp_path: Path) -> History:
    return due_history(tmp_path / "tally", prod=reader.url)


def test_a_slot_that_is_due_is_taken_and_the_end_is_clean(history: History) -> None:
    with running(history) as daemon:
        daemon.wait_for("kept 1, the log has")
        code, seconds = daemon.stop()

    assert code == 0
    assert seconds < 10
    (snapshot,) = history.snapshots()
    assert (snapshot.due_at, snapshot.instance.name) == (THE_SLOT, "prod")
    assert isinstance(history.payloads()[-1], Heads)
    assert history.verdict() == (0, "intact")
    assert history.drafts == []


def test_a_slot_is_never_taken_twice_over_restarts(history: History) -> None:
    for _ in range(3):
        with running(history) as daemon:
            daemon.wait_for("daemon of")
            wait_until(lambda: slots(history) == ["snapshot"], "the snapshot", daemon)
            daemon.stop(signal.SIGKILL)
    with running(history) as daemon:
        daemon.wait_for("daemon of")
        daemon.stop()

    assert slots(history) == ["snapshot"]
    assert history.verdict() == (0, "intact")


def test_a_second_daemon_is_refused_with_the_process_id_of_the_first(history: History) -> None:
    with running(history) as daemon:
        daemon.wait_for("kept 1")
        second = history.run("daemon")
        by_hand = history.run("snapshot")
        daemon.stop(signal.SIGKILL)
    with running(history) as third:
        third.wait_for("daemon of")

    assert (second.code, second.out) == (11, "")
    assert second.err == (
        f"error: another daemon keeps this history: process {daemon.process.pid}\n"
        "hint: One is enough. How it stands: tallybook status\n"
    )
    assert (by_hand.code, by_hand.err) == (0, "")
    assert [s.due_at for s in history.snapshots()] == [THE_SLOT, None]


def test_health_is_told_over_http(history: History) -> None:
    with history.folder.joinpath("tallybook.toml").open("a") as file:
        file.write('metrics = ["users"]\n')
    with running(history) as daemon:
        daemon.wait_for("kept 1")
        alive, ready = daemon.get("/healthz"), daemon.get("/readyz")
        status, metrics = daemon.get("/metrics")
        strange = daemon.get("/../etc/passwd")

    assert alive == (200, '{"alive":true}')
    assert ready == (200, '{"ready":true,"troubles":[]}')
    assert strange[0] == 404
    assert status == 200
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    assert values["tallybook_up"] == "1.0"
    assert values['tallybook_slots_total{became="snapshot",source="prod"}'] == "1.0"
    assert values['tallybook_statistic{source="prod",statistic="users"}'] == "1.0"
    assert float(values['tallybook_last_success_age_seconds{source="prod"}']) < 60
    assert float(values['tallybook_run_duration_seconds{source="prod"}']) < 30
    assert values["tallybook_checkpoint_size"] == "3.0"


def test_systemd_hears_of_the_beginning_the_work_and_the_end(
    history: History, tmp_path: Path
) -> None:
    with listening(tmp_path) as (address, heard):
        env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000"}
        with running(history, env) as daemon:
            wait_until(lambda: heard().count("WATCHDOG=1") >= 2, "a watchdog", daemon)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: heard().count("READY=1") == 2, "a reload", daemon)
            daemon.stop()
        lines = heard()

    assert lines[0] == "READY=1"
    assert "STATUS=keeping the slots of 1 source(s)" in lines
    assert lines[lines.index("RELOADING=1") + 1].startswith("MONOTONIC_USEC=")
    assert lines[-1] == "STOPPING=1"


def test_settings_are_read_again_and_bad_ones_change_nothing(history: History) -> None:
    file = history.folder / "tallybook.toml"
    good = file.read_text()
    with running(history) as daemon:
        daemon.wait_for("kept 1")
        file.write_text(good.replace("schedule =", "scedule ="))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("the settings stay as they were")
        alive = daemon.get("/readyz")[0]
        file.write_text(good + f'[source.gone]\nurl = "{NOWHERE}"\nschedule = "@yearly"\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("gone: schedule: 0 0 1 1 * UTC")
        file.write_text(good.replace('origin = "', 'origin = "another.'))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("origin changed: that takes another start")
        code, _ = daemon.stop()

    assert (alive, code) == (200, 0)
    (why,) = [line for line in daemon.lines if "unknown key" in line]
    assert why.endswith("the settings stay as they were: "
                        f"{str(file)!r}: unknown key 'daemon.scedule'")  # fmt: skip


# How much a server says before our first question, in the middle, and near the end.
@pytest.mark.parametrize("after", [0, 10, 400, 6_000])
def test_a_network_that_swallows_packets_costs_its_own_source_only(
    reader: Reader, tmp_path: Path, after: int
) -> None:
    with Proxy(reader.database.server.port, "freeze", after) as proxy:
        url = reader.url.replace(f":{reader.database.server.port}/", f":{proxy.port}/")
        daemon_keys = {"deadline": 3, "retry_for": 0}
        history = due_history(tmp_path / "tally", daemon=daemon_keys, hung=url, prod=reader.url)
        began = time.monotonic()
        with running(history) as daemon:
            wait_until(lambda: slots(history) == ["snapshot"], "the other's snapshot", daemon)
            wait_until(lambda: slots(history, "hung"), "a reason", daemon)
            took = time.monotonic() - began
            code, seconds = daemon.stop()

    assert slots(history, "hung")[0].startswith("missed: timeout: ")
    assert took < 20
    assert (code, seconds < 10) == (0, True)
    assert history.verdict() == (0, "intact")


def test_a_hanging_run_does_not_delay_the_end(reader: Reader, tmp_path: Path) -> None:
    with silent_port() as port:
        hung = f"postgresql://me@127.0.0.1:{port}/unleash"
        history = due_history(tmp_path / "tally", prod=reader.url, hung=hung)
        history.set("hung", connect_timeout=60)
        with running(history) as daemon:
            daemon.wait_for("prod: 68 statistics")
            code, seconds = daemon.stop()

    assert (code, seconds < 10) == (0, True)
    assert (slots(history), slots(history, "hung")) == (["snapshot"], [])
    assert isinstance(history.payloads()[-1], Heads)
    assert history.verdict() == (0, "intact")


@contextmanager
def forwarding(port: int, target: int) -> Iterator[None]:
    """Listen on a port from now on, and pass everything on."""
    proxy = Proxy(target, "freeze", 10**9)
    proxy._listener.close()
    proxy._listener = socket.create_server(("127.0.0.1", port))
    with proxy:
        yield


def test_a_database_that_is_back_within_its_slot_is_read(reader: Reader, tmp_path: Path) -> None:
    port, real = free_port(), reader.database.server.port
    url = reader.url.replace(f":{real}/", f":{port}/")
    history = due_history(tmp_path / "tally", prod=url)
    with running(history) as daemon:
        daemon.wait_for("prod: failed: source unreachable")
        with forwarding(port, real):
            wait_until(lambda: slots(history) == ["snapshot"], "the snapshot", daemon)
            daemon.stop()

    assert history.verdict() == (0, "intact")


def test_a_password_that_is_changed_is_taken_up_within_the_slot(
    reader: Reader, tmp_path: Path
) -> None:
    history = due_history(tmp_path / "tally", prod=reader.database.url_of(ROLE))
    secret = history.folder / "password"
    secret.write_text("the-old-password\n")
    history.set("prod", password_file="password")
    with running(history) as daemon:
        daemon.wait_for("prod: failed: login refused")
        secret.write_text(f"{PASSWORD}\n")
        wait_until(lambda: slots(history) == ["snapshot"], "the snapshot", daemon)
        daemon.stop()

    said = "\n".join(daemon.lines)
    assert "the-old-password" not in said
    assert PASSWORD not in said


def test_a_warehouse_that_is_gone_for_a_while_loses_nothing(history: History) -> None:
    away = history.folder / "away"
    with running(history) as daemon:
        daemon.wait_for("reading for the slot")
        history.warehouse.rename(away)
        daemon.wait_for("cannot write")
        wait_until(lambda: daemon.get("/readyz")[0] == 503, "trouble", daemon)
        away.rename(history.warehouse)
        wait_until(lambda: slots(history) == ["snapshot"], "the snapshot", daemon)
        wait_until(lambda: daemon.get("/readyz")[0] == 200, "readiness", daemon)
        daemon.stop()

    assert history.verdict() == (0, "intact")


def test_a_key_that_is_away_for_a_while_loses_nothing(history: History) -> None:
    away = history.folder / "away"
    with running(history) as daemon:
        daemon.wait_for("reading for the slot")
        history.key.rename(away)
        daemon.wait_for("cannot write")
        away.rename(history.key)
        wait_until(lambda: slots(history) == ["snapshot"], "the snapshot", daemon)
        daemon.stop()

    assert history.verdict() == (0, "intact")


def test_a_paused_source_is_not_read(history: History) -> None:
    paused = history.run("pause", "prod")
    again = history.run("pause", "prod", "--json")
    with running(history) as daemon:
        wait_until(lambda: slots(history), "the slot", daemon)
        daemon.stop()
    resumed = history.run("resume", "prod")

    assert slots(history) == ["missed: paused"]
    assert paused.out == "prod is paused.\n"
    assert json.loads(again.out) == {"source": "prod", "state": "paused", "changed": False}
    assert resumed.out == "prod is resumed.\n"
    assert history.run("resume", "prod").out == "prod is resumed already.\n"
    assert history.run("pause", "pord").code == 2


def test_a_port_that_is_taken_is_told(history: History) -> None:
    with running(history) as daemon:
        daemon.wait_for("kept 1")
        another = due_history(
            history.folder.parent / "other",
            daemon={"listen": f"127.0.0.1:{json.loads(port_of(history))}"},
            prod=NOWHERE,
        )
        refused = another.run("daemon")

    assert refused.code == 1
    assert "cannot listen on 127.0.0.1:" in refused.err


def port_of(history: History) -> str:
    text = (history.folder / "tallybook.toml").read_text()
    return text.rsplit("127.0.0.1:", 1)[1].split('"')[0]


def test_a_ping_hears_of_start_success_and_failure(history: History, tmp_path: Path) -> None:
    heard: list[str] = []
    with ping_server(heard) as port:
        address = history.folder / "ping"
        address.write_text(f"http://127.0.0.1:{port}/seCret-uuid\n")
        with (history.folder / "tallybook.toml").open("a") as file:
            file.write('ping_url_file = "ping"\n')
        with running(history) as daemon:
            wait_until(lambda: len(heard) == 2, "two pings", daemon)
            daemon.stop()
        failing = due_history(
            tmp_path / "failing",
            daemon={"ping_url_file": str(address), "retry_for": 0},
            prod=NOWHERE,
        )
        with running(failing) as daemon:
            wait_until(lambda: len(heard) == 4, "two more", daemon)
            daemon.stop()

    assert heard == [f"/seCret-uuid{end}" for end in ("/start", "", "/start", "/fail")]
    assert "seCret" not in "\n".join(daemon.lines)


@contextmanager
def ping_server(heard: list[str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                with client:
                    heard.append(client.recv(4096).decode().split()[1])
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            ended.set()
            thread.join()


def test_the_log_can_be_json_and_every_line_is(history: History) -> None:
    with (history.folder / "tallybook.toml").open("a") as file:
        file.write('log = "json"\n')
    with running(history) as daemon:
        daemon.wait_for("kept 1")
        daemon.stop()

    lines = [json.loads(line) for line in daemon.lines]
    assert {line["level"] for line in lines} == {"info"}
    (read,) = [line for line in lines if "statistics" in line["message"]]
    assert read["source"] == "prod"


def test_nothing_that_is_secret_is_ever_said(reader: Reader, tmp_path: Path) -> None:
    secret = "hunter2-in-the-url"
    url = reader.database.url_of(ROLE, secret)
    history = due_history(tmp_path / "tally", daemon={"retry_for": 0}, prod=url)
    with running(history) as daemon:
        wait_until(lambda: slots(history), "a reason", daemon)
        metrics = daemon.get("/metrics")[1] + daemon.get("/readyz")[1]
        board = (history.state / "daemon.json").read_text()
        daemon.stop(signal.SIGABRT)

    said = "\n".join(daemon.lines)
    records = str(history.payloads())
    assert slots(history)[0].startswith("missed: login refused: ")
    for place in (said, metrics, board, records):
        assert secret not in place


def test_a_name_that_nobody_knows_is_a_reason(reader: Reader, tmp_path: Path) -> None:
    gone = "postgresql://me@no.such.host.invalid/unleash"
    history = due_history(tmp_path / "tally", daemon={"retry_for": 0}, prod=reader.url, gone=gone)
    with running(history) as daemon:
        wait_until(lambda: slots(history) and slots(history, "gone"), "both slots", daemon)
        daemon.stop()

    assert slots(history) == ["snapshot"]
    (reason,) = slots(history, "gone")
    assert reason.startswith("missed: source unreachable: failed to resolve host")
    assert history.verdict() == (0, "intact")
