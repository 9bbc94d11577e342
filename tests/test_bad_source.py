"""Sources that cannot be read: the exit code, the whole message, and nothing half-written."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command import Ran
from tests.histories import History, a_history
from tests.proxies import Proxy, closed_port, silent_port
from tests.readers import ROLE, Reader
from tests.servers import Database
from warehouse.errors import SourceUnreachable

pytestmark = pytest.mark.slow

GRANTS_HINT = "Let an administrator run what this prints: tallybook grants"
LOGIN_HINT = (
    "Check the user and the password: password_file, password_env, PGPASSFILE or a service file; "
    "see the comments in tallybook.toml."
)
DATABASE_HINT = (
    "Check the database's name in the URL, and the `schema` setting if Unleash runs with "
    "DATABASE_SCHEMA; a new database is filled when Unleash starts once."
)
REACH_HINT = "Check host, port, firewall and TLS settings; `tallybook doctor` looks closer."


def failed(history: History, seconds: float = 30) -> Ran:
    """Take a snapshot that has to fail, and to leave the history as it was."""
    before = history.payloads()

    ran = history.run("snapshot", seconds=seconds)

    assert history.payloads() == before
    assert history.drafts == []
    return ran


def said(message: str, hint: str | None = None) -> str:
    return f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")


def server_says(what: str, database: Database) -> str:
    return (
        f'connection failed: connection to server at "127.0.0.1", port {database.server.port}'
        f" failed: FATAL:  {what}"
    )


def test_a_wrong_password(reader: Reader, tmp_path: Path) -> None:
    url = reader.database.url_of(ROLE, "a guess")

    ran = failed(a_history(tmp_path / "tally", prod=url))

    told = server_says(f'password authentication failed for user "{ROLE}"', reader.database)
    message = f"source 'prod' ({reader.address}) refuses the login: {told}"
    assert (ran.code, ran.err) == (12, said(message, LOGIN_HINT))


def test_no_password_at_all(reader: Reader, tmp_path: Path) -> None:
    ran = failed(a_history(tmp_path / "tally", prod=reader.database.url_of(ROLE)))

    address = reader.address.replace(":***", "")
    told = (
        server_says("", reader.database).partition("FATAL")[0] + "fe_sendauth: no password supplied"
    )
    message = f"source 'prod' ({address}) refuses the login: {told}"
    assert (ran.code, ran.err) == (12, said(message, LOGIN_HINT))


def test_an_unknown_user(unleash: Database, tmp_path: Path) -> None:
    ran = failed(a_history(tmp_path / "tally", prod=unleash.url_of("nobody_here", "x")))

    told = server_says('password authentication failed for user "nobody_here"', unleash)
    address = unleash.url_of("nobody_here").replace("@", ":***@")
    message = f"source 'prod' ({address}) refuses the login: {told}"
    assert (ran.code, ran.err) == (12, said(message, LOGIN_HINT))


def test_an_unknown_database(reader: Reader, tmp_path: Path) -> None:
    url = f"{reader.url}_not"

    ran = failed(a_history(tmp_path / "tally", prod=url))

    told = server_says(f'database "{reader.database.name}_not" does not exist', reader.database)
    message = f"source 'prod' ({reader.address}_not) refuses the login: {told}"
    assert (ran.code, ran.err) == (12, said(message))


def test_a_host_that_does_not_listen(tmp_path: Path) -> None:
    port = closed_port()

    ran = failed(a_history(tmp_path / "tally", prod=f"postgresql://me@127.0.0.1:{port}/unleash"))

    told = (
        f'connection failed: connection to server at "127.0.0.1", port {port} failed: '
        "Connection refused"
    )
    message = f"source 'prod' (postgresql://me@127.0.0.1:{port}/unleash) cannot be reached: {told}"
    assert (ran.code, ran.err) == (14, said(message, REACH_HINT))


def test_a_host_without_an_address(tmp_path: Path) -> None:
    ran = failed(a_history(tmp_path / "tally", prod="postgresql://me@no.such.host.invalid/unleash"))

    where = "source 'prod' (postgresql://me@no.such.host.invalid/unleash) cannot be reached: "
    assert ran.code == 14
    assert ran.err.startswith(f"error: {where}failed to resolve host 'no.such.host.invalid'")


def test_a_host_that_never_answers(tmp_path: Path) -> None:
    with silent_port() as port:
        history = a_history(tmp_path / "tally", prod=f"postgresql://me@127.0.0.1:{port}/unleash")
        history.set("prod", connect_timeout=2)
        began = time.monotonic()
        ran = failed(history)
        took = time.monotonic() - began

    where = f"source 'prod' (postgresql://me@127.0.0.1:{port}/unleash) cannot be reached"
    message = f"{where}: connection timeout expired"
    assert (ran.code, ran.err) == (14, said(message, REACH_HINT))
    assert took < 10


# How much a server says before our first question, in the middle, and near the end.
PLACES = {"at the login": 10, "before the first answer": 400, "in the middle": 6_000}


@pytest.mark.parametrize("after", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_server_that_freezes_is_not_waited_for(reader: Reader, after: int, parallel: int) -> None:
    with Proxy(reader.database.server.port, "freeze", after) as proxy:
        through = Reader(with_port(reader.database, proxy.port))
        began = time.monotonic()
        with pytest.raises(SourceUnreachable) as failure:
            through.read(connect_timeout=2, statement_timeout=1, parallel=parallel)
        took = time.monotonic() - began

    assert str(failure.value).partition(" cannot be reached: ")[2] in (
        "connection timeout expired",
        "no answer within 3 s",
    )
    assert took < 8


def test_a_server_that_freezes_at_the_last_word_is_not_waited_for(reader: Reader) -> None:
    with Proxy(reader.database.server.port, "freeze", after=10**9) as proxy:
        Reader(with_port(reader.database, proxy.port)).read()

    with Proxy(reader.database.server.port, "freeze", after=proxy.passed - 20) as proxy:
        through = Reader(with_port(reader.database, proxy.port))
        with pytest.raises(SourceUnreachable, match=r"cannot be reached: no answer within 3 s$"):
            through.read(connect_timeout=2, statement_timeout=1)


def with_port(database: Database, port: int) -> Database:
    """Return the database as it is seen through a proxy."""
    return replace(database, server=replace(database.server, port=port))


@pytest.mark.parametrize("after", PLACES.values(), ids=PLACES)
def test_a_line_that_is_cut_costs_nothing_but_this_run(
    reader: Reader, tmp_path: Path, after: int
) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    port = reader.database.server.port
    with Proxy(port, "cut", after) as proxy:
        settings = history.folder / "tallybook.toml"
        good = settings.read_text()
        settings.write_text(good.replace(f":{port}/", f":{proxy.port}/"))
        ran = failed(history)
        settings.write_text(good)

    again = history.run("snapshot")
    assert ran.code == 14
    assert " cannot be reached: " in ran.err
    assert (again.code, again.err) == (0, "")
    assert history.verdict() == (0, "intact")


def test_a_connection_that_is_ended_by_the_server(reader: Reader) -> None:
    ended = threading.Event()

    def end() -> None:
        while not ended.is_set():
            reader.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE usename = '{ROLE}' AND query ~ 'pg_sleep'"
            )

    killer = threading.Thread(target=end)
    killer.start()
    try:
        with pytest.raises(SourceUnreachable) as failure, reader.source().transaction() as asked:
            asked.rows("SELECT pg_sleep(10)")
    finally:
        ended.set()
        killer.join()

    assert str(failure.value) == (
        f"source 'prod' ({reader.address}) cannot be reached: "
        "terminating connection due to administrator command"
    )


def test_an_empty_database(database: Database, tmp_path: Path) -> None:
    ran = failed(a_history(tmp_path / "tally", prod=database.url))

    address = database.url_of("postgres").replace("@", ":***@")
    message = f"source 'prod' ({address}) is no Unleash database: it is empty in schema 'public'"
    assert (ran.code, ran.err) == (1, said(message, DATABASE_HINT))


def test_a_database_that_is_no_unleash(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE users (id int); CREATE TABLE settings (name text)")

    ran = failed(a_history(tmp_path / "tally", prod=database.url))

    address = database.url_of("postgres").replace("@", ":***@")
    message = (
        f"source 'prod' ({address}) is no Unleash database: it has no table 'features' in schema "
        "'public'"
    )
    assert (ran.code, ran.err) == (1, said(message, DATABASE_HINT))


def test_a_schema_that_is_not_there(reader: Reader, tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    history.set("prod", schema="unleash")

    ran = failed(history)

    message = (
        f"source 'prod' ({reader.address}) is no Unleash database: it is empty in schema 'unleash'"
    )
    assert (ran.code, ran.err) == (1, said(message, DATABASE_HINT))


@pytest.fixture
def stranger(unleash: Database) -> Iterator[str]:
    unleash.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    yield unleash.url_of("stranger", "x")
    unleash.execute("DROP OWNED BY stranger; DROP ROLE stranger")


def test_a_role_without_any_grant(unleash: Database, stranger: str, tmp_path: Path) -> None:
    ran = failed(a_history(tmp_path / "tally", prod=stranger))

    address = stranger.replace(":x@", ":***@")
    message = (
        f"source 'prod' ({address}) may not read settings.name, settings.content, "
        "migrations.name, which tell the instance and its release"
    )
    assert (ran.code, ran.err) == (12, said(message, GRANTS_HINT))


def test_a_grant_that_is_missing_costs_its_statistics(reader: Reader, tmp_path: Path) -> None:
    reader.database.execute(f"REVOKE SELECT (archived_at) ON features FROM {ROLE}")
    history = a_history(tmp_path / "tally", prod=reader.url)

    ran = history.run("snapshot")

    lines = ran.err.splitlines()
    assert ran.code == 3
    assert "prod: featureToggles is unavailable: features.archived_at: permission denied" in lines
    assert {line.rpartition(": ")[2] for line in lines} == {"permission denied"}
    assert "featureToggles" not in history.snapshots()[0].stats
    assert history.snapshots()[0].stats["users"] == 1


@pytest.mark.parametrize("bad", ["first", "last"])
def test_one_source_that_fails_does_not_cost_the_other(
    reader: Reader, tmp_path: Path, bad: str
) -> None:
    sources = {"good": reader.url, "gone": f"postgresql://me@127.0.0.1:{closed_port()}/unleash"}
    ordered = dict(sorted(sources.items(), reverse=bad == "first"))
    history = a_history(tmp_path / "tally", **ordered)

    ran = history.run("snapshot")

    assert ran.code == 14
    assert ran.err.startswith("error: source 'gone' (postgresql://me@127.0.0.1:")
    assert [snapshot.instance.name for snapshot in history.snapshots()] == ["good"]
    assert history.verdict() == (0, "intact")


def test_one_source_that_is_refused_makes_the_run_partial(
    reader: Reader, database: Database, tmp_path: Path
) -> None:
    history = a_history(tmp_path / "tally", good=reader.url, empty=database.url)

    ran = history.run("snapshot")

    assert ran.code == 3
    assert [snapshot.instance.name for snapshot in history.snapshots()] == ["good"]


def test_a_password_is_never_shown(reader: Reader, tmp_path: Path) -> None:
    secret = "only-I-know-this"
    url = reader.database.url_of(ROLE, secret)
    history = a_history(tmp_path / "tally", prod=url)

    shown = [
        history.run(*words, env={"TALLYBOOK_TRACEBACK": "1"})
        for words in (["snapshot"], ["snapshot", "--json"], ["doctor"], ["grants"])
    ]

    assert [ran.code for ran in shown] == [12, 12, 1, 12]
    assert [ran for ran in shown if secret in ran.out + ran.err] == []
    assert secret not in (history.folder / "tallybook.toml").read_text()
    assert (history.state / "prod.password").read_text() == f"{secret}\n"
