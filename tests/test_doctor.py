"""The doctor: every line that it can say of a source and of a history, and what to do."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from etl.doctor import Finding, examine
from etl.grants import granted_columns
from etl.settings import load_settings
from etl.signing import create_key, load_key
from tests.histories import ORIGIN, History, a_history
from tests.proxies import closed_port
from tests.readers import ROLE, Reader
from tests.servers import Database
from warehouse.files import exclusive_lock

pytestmark = pytest.mark.slow

RERUN = "Let an administrator run what this prints: tallybook grants"


@pytest.fixture
def history(reader: Reader, tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=reader.url)


def findings(history: History) -> dict[str, Finding]:
    """Ask the doctor; the findings by what they are about."""
    settings = load_settings(history.folder / "tallybook.toml")
    return {f"{f.subject}: {f.check}": f for f in examine(settings)}


def complaints(history: History) -> dict[str, tuple[str, str, str | None]]:
    return {
        name: (finding.level, finding.found, finding.advice)
        for name, finding in findings(history).items()
        if finding.level != "ok"
    }


def test_a_source_and_a_history_in_order(history: History, reader: Reader) -> None:
    ran = history.run("doctor", "--json")

    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [(f["subject"], f["check"]) for f in found] == [
        ("history", "signing key"),
        ("history", "writer's lock"),
        ("history", "log"),
        ("history", "disk"),
        ("history", "anchors"),
        ("prod", "connection"),
        ("prod", "TLS"),
        ("prod", "timeouts in force"),
        ("prod", "grants missing"),
        ("prod", "grants too many"),
        ("prod", "Unleash release"),
        ("prod", "server"),
        ("prod", "clocks"),
        ("prod", "a snapshot"),
    ]
    assert {f["level"] for f in found} == {"ok"}
    said = {f["check"]: f["found"] for f in found}
    key = load_key(history.key).public_key.key_id[:16]
    assert said["signing key"] == (
        f"ed25519 {key}…, in force, closed to others, no passphrase; no recovery key"
    )
    assert said["log"] == f"{ORIGIN}, 1 records"
    assert said["anchors"].startswith("none: nobody else keeps the head of the log; ")
    assert said["connection"] == reader.address
    assert said["TLS"] == "none, on this machine"
    assert said["timeouts in force"] == "statement 1min, lock 2s"
    assert said["Unleash release"].startswith("8.2.0, by migrations: 397 migrations, newest ")
    version = reader.database.value("SHOW server_version")
    database = reader.database.name
    assert said["server"] == f"primary, PostgreSQL {version}, database {database}"


def test_it_ends_with_a_count_for_people(history: History) -> None:
    ran = history.run("doctor")

    assert ran.out.splitlines()[0] == "history"
    assert ran.out.splitlines()[-1] == "14 ok, 0 warning(s), 0 failure(s)"


def test_a_look_changes_nothing(history: History) -> None:
    before = history.payloads()

    findings(history)

    assert history.payloads() == before


def test_a_superuser_has_too_much(unleash: Database, tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=unleash.url)

    (name,) = complaints(history)

    level, found, advice = complaints(history)[name]
    powers = "super, createdb, createrole, replication, bypassrls"
    assert (name, level) == ("prod: grants too many", "warning")
    assert advice == "Use a role of its own: tallybook grants"
    assert found.startswith(f"role postgres is {powers}; reads secrets: api_token_project.secret, ")
    assert " writes 34 tables; " in found
    assert found.endswith(" columns that nobody counts")


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("SELECT ON events", "reads 14 columns that nobody counts"),
        ("SELECT (email) ON users", "reads secrets: users.email"),
        (
            "SELECT (password_hash, email) ON users",
            "reads secrets: users.email, users.password_hash",
        ),
        ("DELETE ON segments", "writes 1 tables"),
        ("UPDATE (name) ON segments", "writes 1 tables"),
        ("TRIGGER ON segments", "writes 1 tables"),
        ("REFERENCES ON segments", "writes 1 tables"),
    ],
)
def test_one_grant_too_many(history: History, reader: Reader, grant: str, said: str) -> None:
    reader.database.execute(f"GRANT {grant} TO {ROLE}")

    assert complaints(history) == {
        "prod: grants too many": ("warning", said, "Use a role of its own: tallybook grants")
    }


def test_a_schema_that_anybody_may_write_to(history: History, reader: Reader) -> None:
    reader.database.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")

    assert complaints(history) == {
        "prod: grants too many": (
            "warning",
            "may create tables in schema public",
            "Use a role of its own: tallybook grants; and: "
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
    }


def test_a_grant_that_is_missing(history: History, reader: Reader) -> None:
    reader.database.execute(f"REVOKE SELECT (id) ON segments FROM {ROLE}")

    assert complaints(history) == {
        "prod: grants missing": ("failure", "segments.id", RERUN),
        "prod: segments": ("warning", "unavailable: segments.id: permission denied", None),
    }


def test_no_grant_at_all(history: History, reader: Reader) -> None:
    reader.database.execute(f"DROP SCHEMA tallybook CASCADE; DROP OWNED BY {ROLE}")

    found = complaints(history)

    names = ", ".join(sorted(granted_columns())[:6])
    rest = f" and {len(granted_columns()) - 6} more"
    assert found.keys() == {"prod: grants missing", "prod: connection"}
    assert found["prod: grants missing"] == ("failure", names + rest, RERUN)
    assert found["prod: connection"][1].endswith("which tell the instance and its release")


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    port = closed_port()
    history = a_history(tmp_path / "tally", prod=f"postgresql://me@127.0.0.1:{port}/unleash")

    ran = history.run("doctor")

    assert ran.code == 1
    assert f"source 'prod' (postgresql://me@127.0.0.1:{port}/unleash) cannot be reached" in ran.out
    assert ran.out.endswith("\n5 ok, 0 warning(s), 1 failure(s)\n")


def test_a_server_of_unknown_migrations(history: History, reader: Reader) -> None:
    reader.database.execute("DELETE FROM migrations")

    found = complaints(history)["prod: Unleash release"]

    assert found[0] == "warning"
    assert found[1].startswith("unknown: migrations, a set of no known release: 0 migrations")
    assert found[2] == "Set server_url, so that the server itself can tell its release."


def test_a_server_url_that_does_not_answer(history: History) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    history.set("prod", server_url=url)

    assert complaints(history) == {
        "prod: server_url": (
            "warning",
            f"{url}/docs/openapi.json: <urlopen error [Errno 111] Connection refused>",
            "Check server_url; the migrations are used until it answers.",
        )
    }


def test_a_key_that_others_can_read(history: History) -> None:
    history.key.chmod(0o644)

    found = complaints(history)

    message = (
        f"others can read the signing key {str(history.key)!r}: expected mode 0600, found 0644"
    )
    advice = f"Close it: chmod 600 {history.key}   If it may have been copied, replace it."
    assert found == {
        "history: signing key": ("failure", message, advice),
        "history: log": ("failure", message, advice),
    }


def test_a_key_that_is_not_in_force(history: History) -> None:
    in_force = load_key(history.key).public_key.key_id
    history.key.unlink()
    found_key = create_key(history.key).public_key.key_id

    found = complaints(history)

    message = f"the key in force of {ORIGIN!r} is {in_force}, the settings' signing_key is "
    advice = (
        "Keys change by `tallybook keys rotate` only. Put the key in force back, or name it in "
        "signing_key."
    )
    assert found == {"history: signing key": ("failure", message + found_key, advice)}


def test_a_public_key_of_somebody_else(history: History, tmp_path: Path) -> None:
    other = a_history(tmp_path / "other", prod="postgresql://me@127.0.0.1/unleash")
    shutil.copy(other.folder / "ledger.pub.pem", history.folder)

    found = complaints(history)

    assert found.keys() == {"history: signing key"}
    assert " is another key (" in found["history: signing key"][1]


def test_a_lock_that_is_held(history: History) -> None:
    history.set(lock_timeout=0.1)

    with exclusive_lock(history.state / "signer.lock", wait_seconds=1):
        found = complaints(history)

    held = f"is held by process {os.getpid()}, which did not finish within"
    assert found.keys() == {"history: writer's lock", "history: log"}
    assert held in found["history: writer's lock"][1]


def test_the_key_is_closed_from_the_first_moment(history: History) -> None:
    assert stat.S_IMODE(history.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((history.state / "prod.password").stat().st_mode) == 0o600
