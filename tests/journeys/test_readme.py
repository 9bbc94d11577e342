"""The README's sessions, word for word: what a stranger types first has to work.

Only addresses are put in. What psql and libpq want of a person comes from where the README
says: a password file, and a keyboard.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.command import Ran, environment, tallybook
from tests.servers import Database

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PASSWORD = "typed at the prompt"
OURS = "postgresql://tallybook@db.example.com:5432/unleash"
ADMINS = "postgresql://postgres@db.example.com:5432/unleash"

pytestmark = pytest.mark.slow


def missing_tools() -> list[str]:
    """Return what the checks without us need and this machine has not."""
    missing = [tool for tool in ("openssl", "sha256sum", "xxd") if shutil.which(tool) is None]
    if "openssl" not in missing:
        words = ["openssl", "version"]
        version = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        missing += [] if version.startswith("OpenSSL 3") else [f"OpenSSL 3 instead of {version}"]
    return missing


MISSING = missing_tools()
without_us = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")


def blocks(title: str, text: str = README) -> list[str]:
    """Return the shell blocks of a section."""
    section = text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def commands(script: str) -> list[str]:
    return [line for line in script.splitlines() if line and not line.startswith("#")]


class Shell:
    """A shell that stays in its folder, with an administrator at the keyboard."""

    def __init__(self, folder: Path, more: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment(more)

    def type(self, script: str, *, keyboard: str = "") -> Ran:
        """Run a script. In a session without a terminal, psql reads passwords from its input."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            input=keyboard,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            start_new_session=True,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def shell_for(database: Database, folder: Path) -> Shell:
    """Return a shell that finds our programs, and the passwords where libpq looks for them."""
    administrator = conninfo_to_dict(database.url)
    passwords = folder / "pgpass"
    passwords.touch(0o600)
    passwords.write_text(
        f"*:*:*:postgres:{administrator['password']}\n*:*:{database.name}:tallybook:{PASSWORD}\n"
    )
    places = (Path(sys.executable).parent, database.server.psql.parent)
    path = os.pathsep.join([*map(str, places), os.environ["PATH"]])
    return Shell(folder, {"PATH": path, "PGPASSFILE": str(passwords)})


def with_addresses(script: str, database: Database) -> str:
    """Put the test's database in the place of the example's."""
    ours = database.url_of("tallybook")
    admins = database.url_of("postgres")
    assert OURS in script
    assert ADMINS in script
    # The role belongs to the test's database alone, so the grants have to name it.
    release = "grants --for 8.2"
    return (
        script.replace(OURS, ours)
        .replace(ADMINS, admins)
        .replace(release, f"{release} --database {database.name}")
    )


def may_connect(database: Database) -> None:
    conninfo = make_conninfo(database.url, user="tallybook", password=PASSWORD)
    psycopg.connect(conninfo).close()


@pytest.fixture
def history(lived_in: Database, tmp_path: Path) -> Shell:
    """The README's first history, made word for word; a shell in its folder."""
    shell = shell_for(lived_in, tmp_path)
    (script,) = blocks("First history")
    for command in commands(with_addresses(script, lived_in)):
        if command.startswith("cd "):
            shell.folder /= command.removeprefix("cd ")
            continue
        ran = shell.type(command, keyboard=f"{PASSWORD}\n{PASSWORD}\n")
        assert ran.code == 0, f"{command}\n{ran.out}\n{ran.err}"
    may_connect(lived_in)
    return shell


def test_the_first_history_ends_with_a_verified_trend(history: Shell) -> None:
    trend = history.type("tallybook trend activeUsers").out
    verdict = history.type("tallybook verify").out

    assert [line.split()[1] for line in trend.splitlines()[:5]] == [
        *("statistic", "activeUsers.last7", "activeUsers.last30"),
        *("activeUsers.last60", "activeUsers.last90"),
    ]
    assert verdict == (
        "The history is intact.\n"
        "2 records of 1 log(s), 1 instance(s): 2 of 2 signatures are good.\n"
        "2 of 2 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with the signer's memory; no anchor was looked at.\n"
    )


def test_the_role_of_the_readme_has_what_it_needs_and_no_more(history: Shell) -> None:
    examined = history.type("tallybook doctor")
    taken = history.type("tallybook snapshot")

    assert "0 warning(s), 0 failure(s)" in examined.out
    *_, unavailable, record = taken.out.splitlines()[1].split()
    assert (unavailable, record) == ("0", "2")


@without_us
def test_one_record_is_checked_without_us(history: Shell) -> None:
    (script,) = blocks("Trust it")

    checked = history.type(script)

    history.type("tallybook snapshot")
    next_one = history.type('tallybook sql --format csv "SELECT payload FROM ledger WHERE seq = 1"')
    digest = checked.out.splitlines()[-1].split()[0]
    assert checked.code == 0, checked.err
    assert "Signature Verified Successfully" in checked.out
    assert f'"prev":"{digest}"' in bytes.fromhex(next_one.out.splitlines()[1]).decode()


@without_us
def test_a_changed_record_does_not_pass_that_check(history: Shell) -> None:
    (script,) = blocks("Trust it")
    assert history.type(script).code == 0

    (check,) = re.findall(r"^openssl .*$", script, re.MULTILINE)

    changed = history.type(f"printf ' ' >> record.json; {check}")

    assert changed.code == 1
    assert "Signature Verified Successfully" not in changed.out


@without_us
def test_the_checks_of_the_record_page_work(history: Shell) -> None:
    history.type("tallybook snapshot")
    (script,) = blocks("Check it by hand", (ROOT / "docs" / "record.md").read_text())

    ran = history.type(script)

    said, key, named_key, _, definitions, named_definitions, *follow = ran.out.splitlines()
    assert ran.code == 0, ran.err
    assert said == "Signature Verified Successfully"
    assert key.split()[0] == named_key
    assert named_definitions == f'"definitions":"{definitions.split()[0]}"'
    assert [line.split() for line in follow] == [["index", "follows"], ["1"], ["2", "true"]]


def test_an_auditor_needs_a_copy_a_key_and_a_checkpoint(history: Shell, tmp_path: Path) -> None:
    away = tmp_path / "auditor"
    history.type(f"mkdir -p {away}/copy {away}/my-anchors && cp -R history {away}/copy/")
    history.type(f"cp ledger.vkey {away} && tail -n 6 history/checkpoints.log > {away}/newest")
    command = "tallybook verify --warehouse copy/history --trust ledger.vkey --anchors my-anchors"
    assert f"    {command}\n" in README

    alone = tallybook(*command.split()[1:], cwd=away)
    (away / "newest").rename(away / "my-anchors" / "checkpoint")
    anchored = tallybook(*command.split()[1:], cwd=away)

    assert (alone.code, alone.out.splitlines()[0]) == (
        3,
        "The history is intact as far as it goes.",
    )
    assert anchored == Ran(
        0,
        "The history is intact.\n"
        "2 records of 1 log(s), 1 instance(s): 2 of 2 signatures are good.\n"
        "2 of 2 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with my-anchors/checkpoint.\n"
        f"catalog.duckdb reads {history.folder / 'history'}: "
        "tallybook catalog makes one for here.\n",
        "",
    )


def test_what_the_readme_reads_can_be_read(history: Shell) -> None:
    section = README.split("\n## Read it\n")[1].split("\n## ")[0]
    lines = re.findall(r"^ {4}(tallybook .*?)(?: {3,}.*)?$", section, re.MULTILINE)
    # Of a moment before this history began there is nothing to show, and no second source.
    for line in ("show --at 2026-03-01", "diff 2026-03-01 now", "diff --between prod staging"):
        lines.remove(f"tallybook {line}")

    answers = {line: history.type(line) for line in lines}

    assert len(answers) == 7
    assert {line: ran.err for line, ran in answers.items() if ran.code or not ran.out} == {}


def test_the_python_of_the_readme_reads_the_catalogue(history: Shell) -> None:
    (script,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (history.folder / "read.py").write_text(script)

    ran = history.type("python3 read.py")

    assert "taken_at" in ran.out, ran.err
