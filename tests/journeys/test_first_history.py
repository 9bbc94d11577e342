"""The first history, as the README tells it: from nothing to a verified trend, by commands only."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.command import Ran, tallybook
from tests.readers import PASSWORD, ROLE
from tests.servers import Database
from warehouse.answer import FIELDS

pytestmark = pytest.mark.slow

ORIGIN = "example.com/first"
Run = Callable[..., Ran]


def test_from_nothing_to_a_verified_history(lived_in: Database, tmp_path: Path) -> None:
    home = tmp_path / "tally"
    secret = {"PGPASSWORD": PASSWORD}

    def run(*words: str) -> Ran:
        ran = tallybook(*words, cwd=home, env=secret)
        assert (ran.code, ran.err) == (0, ""), words
        return ran

    made = tallybook(
        *("init", "tally", "--source", f"prod={lived_in.url_of(ROLE)}", "--origin", ORIGIN),
        cwd=tmp_path,
    )
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[1] == "Next: cd tally && tallybook doctor && tallybook snapshot"
    assert {path.name for path in home.iterdir()} == {
        *("tallybook.toml", "state", "history", "ledger.pub.pem", "ledger.vkey")
    }

    grants = run("grants", "--for", "8.2", "--database", lived_in.name).out
    hand_to_psql(lived_in, grants + f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}';")
    assert run("doctor").out.endswith("\n14 ok, 0 warning(s), 0 failure(s)\n")
    assert run("grants").out == grants

    users = []
    for _ in range(3):
        users.append(lived_in.value(PEOPLE))
        ran = run("snapshot")
        assert re.search(rf"\nprod +20.* 8\.2\.0 +\d+ +0 +{len(users)}\n", ran.out)
        lived_in.execute("INSERT INTO users (username) VALUES ('new ' || gen_random_uuid())")

    look_at_it(run, users)
    check_it(run, home)


PEOPLE = """
    SELECT count(*) FROM users WHERE deleted_at IS NULL AND NOT is_service AND NOT is_system
"""


def look_at_it(run: Run, users: list[int]) -> None:
    """Ask the history in every way there is."""
    shown = run("show").out
    assert shown.startswith("prod  Unleash 8.2.0  ")
    assert re.search(rf"\n *users +{users[-1]} +\+1", shown)
    answer = json.loads(run("show", "--json").out)
    assert list(answer)[4:-1] == list(FIELDS)
    assert answer["users"] == users[-1]
    assert [each["range"] for each in answer["clientApps"]] == ["7d", "30d", "allTime"]
    assert len(answer["edgeInstanceUsage"]) == 12
    (series,) = json.loads(run("trend", "users", "--json").out)
    assert [point["value"] for point in series["points"]] == users
    assert [point["change"] for point in series["points"]] == [None, 1, 1]
    assert "activeUsers.last30" in run("trend", "activeUsers").out
    query = "SELECT index, users FROM snapshots ORDER BY taken_at"
    rows = "".join(f"{index},{count}\n" for index, count in enumerate(users, start=1))
    assert run("sql", query, "--format", "csv").out == f"index,users\n{rows}"


def check_it(run: Run, home: Path) -> None:
    """Verify the history, with the product and without it."""
    assert run("verify").out == (
        "The history is intact.\n"
        "4 records of 1 log(s), 1 instance(s): 4 of 4 signatures are good.\n"
        "4 of 4 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with the signer's memory; no anchor was looked at.\n"
    )
    key = json.loads(run("keys", "show", "--json").out)
    assert key["origin"] == ORIGIN
    assert key["pem"] == (home / "ledger.pub.pem").read_text()
    assert key["vkey"] == (home / "ledger.vkey").read_text().strip()
    catalog = home / "history" / "catalog.duckdb"
    catalog.unlink()
    assert run("catalog").out == f"{catalog}\n"
    assert run("sql", "SELECT count(*) AS n FROM ledger", "--format", "csv").out == "n\n4\n"
    everything = "".join(
        path.read_bytes().decode(errors="replace") for path in home.rglob("*") if path.is_file()
    )
    assert PASSWORD not in everything


def hand_to_psql(database: Database, sql: str) -> None:
    """Run SQL as an administrator does: with psql, stopping at the first error."""
    done = subprocess.run(
        [database.server.psql, "-q", "-v", "ON_ERROR_STOP=1", database.url],
        input=sql,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_tampered_history_is_found_and_located(lived_in: Database, tmp_path: Path) -> None:
    home = tmp_path / "tally"
    made = tallybook("init", "tally", "--source", f"prod={lived_in.url}", cwd=tmp_path)
    taken = [tallybook("snapshot", cwd=home) for _ in range(2)]
    first = sorted((home / "history" / "hot").rglob("*.parquet"))[1]
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.chmod(0o644)
    first.write_bytes(content)

    ran = tallybook("verify", "--json", cwd=home)

    report = json.loads(ran.out)
    assert [made.code, *(each.code for each in taken)] == [0, 0, 0]
    assert (ran.code, report["status"]) == (13, "tampered")
    assert str(first) in {finding["place"]["file"] for finding in report["findings"]}


def test_the_role_really_is_who_reads(lived_in: Database, tmp_path: Path) -> None:
    made = tallybook("grants", "--for", "8.2", "--database", lived_in.name, cwd=tmp_path)
    hand_to_psql(lived_in, made.out + f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}';")

    with psycopg.connect(lived_in.url_of(ROLE, PASSWORD)) as connection:
        row = connection.execute("SELECT current_user, count(id) FROM users").fetchone()

    assert row == (ROLE, lived_in.value("SELECT count(*) FROM users"))
