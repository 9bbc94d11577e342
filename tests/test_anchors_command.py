"""Anchors by the installed command: every kind at once, on a real database."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl.journal import read_journal, write_journal
from tests.histories import ORIGIN, History, a_history
from tests.readers import Reader
from tests.tsa import Authority, Keeper, a_keeper, an_authority
from warehouse.anchors import read_anchors
from warehouse.ledger import Ledger
from warehouse.payload import Heads

SECRET = "s3cr3t-and-long"  # looked for in everything that is printed or kept


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A history whose source is never asked."""
    return a_history(tmp_path / "tally", prod="postgresql://127.0.0.1:1/unleash")


@pytest.fixture
def read_history(reader: Reader, tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=reader.url)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path / "ca")


@pytest.fixture
def stamper(authority: Authority) -> Iterator[Keeper]:
    with a_keeper(authority.answer) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Keeper]:
    with a_keeper() as made:
        yield made


def add(history: History, name: str, kind: str, **keys: object) -> None:
    """Add a table to the settings."""
    lines = [f"{key} = {json.dumps(str(value))}" for key, value in keys.items()]
    with (history.folder / "tallybook.toml").open("a") as file:
        file.write("\n".join(["", f"[anchor.{name}]", f'kind = "{kind}"', *lines, ""]))


def newest(history: History) -> str:
    return list(Ledger(history.warehouse).checkpoints(ORIGIN, 0))[-1]


def test_without_anchors_the_way_to_some_is_told(history: History) -> None:
    ran = history.run("anchors")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "Nobody else keeps the head of the log: add a table [anchor.NAME] to "
        f"{history.folder}/tallybook.toml.\n"
    )
    assert history.run("anchors", "--json").out == "[]\n"


def test_an_anchor_that_never_took_anything(history: History) -> None:
    add(history, "offsite", "file", folder="elsewhere")

    lines = history.run("anchors").out.splitlines()

    assert [line.split() for line in lines] == [
        ["anchor", "kind", "where", "records", "age", "state"],
        ["offsite", "file", f"{history.folder}/elsewhere", "never"],
    ]


@pytest.mark.slow
def test_every_snapshot_goes_to_every_anchor(
    read_history: History, tmp_path: Path, authority: Authority, stamper: Keeper, web: Keeper
) -> None:
    history, audit = read_history, tmp_path / "audit"
    for folder in ("audit", "audit/elsewhere", "audit/metrics"):
        (tmp_path / folder).mkdir()
    bare = tmp_path / "heads.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", bare], check=True)
    (history.folder / "headers").write_text(f"Authorization: Bearer {SECRET}\n")
    add(history, "offsite", "file", folder="../audit/elsewhere")
    add(history, "repository", "git", repository="../heads.git")
    add(history, "web", "http", url=f"{web.url}/?key={SECRET}", header_file="headers")
    add(history, "tsa", "rfc3161", url=stamper.url, ca=authority.ca)
    add(history, "metrics", "prometheus", file="../audit/metrics/tallybook.prom")

    ran = history.run("snapshot")
    states = json.loads(history.run("anchors", "--json").out)
    printed = history.run("anchors").out + history.run("doctor").out

    subprocess.run(["git", "clone", "--quiet", bare, audit / "clone"], check=True)
    (audit / "posted.txt").write_bytes(web.asked[0][2])
    shutil.copytree(history.warehouse / "anchors", audit / "tokens")
    found = read_anchors(audit, trusted_ca=[authority.ca], trust_folder=False)
    assert (ran.code, ran.err) == (0, "")
    assert {state["name"]: (state["size"], state["state"]) for state in states} == dict.fromkeys(
        ("offsite", "repository", "web", "tsa", "metrics"), (2, "ok")
    )
    # Of the repository two files, of the authority the note and its token.
    assert [(str(a.checkpoint), a.problem) for a in found] == [(newest(history), None)] * 7
    assert sum(anchor.at is not None for anchor in found) == 1
    assert SECRET not in printed + (history.state / "anchors.json").read_text()


@pytest.mark.slow
def test_an_anchor_that_fails_is_a_warning_until_it_recovers(
    read_history: History, tmp_path: Path
) -> None:
    history = read_history
    add(history, "offsite", "file", folder="../elsewhere")

    failing = history.run("snapshot", "--json")
    listed = history.run("anchors")
    examined = history.run("doctor")
    (tmp_path / "elsewhere").mkdir()
    well = history.run("snapshot", "--json")

    reason = f"there is no folder '{tmp_path}/tally/../elsewhere'"
    assert (failing.code, len(json.loads(failing.out))) == (0, 1)
    assert failing.err == (
        f"warning: anchor 'offsite' (file) did not take the newest checkpoint: {reason}\n"
    )
    assert f"1 time(s): {reason}" in listed.out
    assert examined.code == 0
    assert "1 warning(s), 0 failure(s)" in examined.out
    assert (well.code, well.err) == (0, "")
    assert [p.read_text() for p in (tmp_path / "elsewhere").iterdir()] == [newest(history)]


@pytest.mark.slow
def test_a_run_that_reads_nothing_still_hands_over_what_was_missed(
    history: History, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    add(history, "offsite", "file", folder="../elsewhere")

    ran = history.run("snapshot")

    assert ran.code == 14
    assert [p.read_text() for p in (tmp_path / "elsewhere").iterdir()] == [newest(history)]


@pytest.mark.slow
def test_the_record_of_a_day_names_what_was_taken_before(
    read_history: History, tmp_path: Path
) -> None:
    history = read_history
    (tmp_path / "elsewhere").mkdir()
    add(history, "offsite", "file", folder="../elsewhere")
    history.run("snapshot")

    # As if the newest record of that kind were a thousand years old.
    journal = history.state / "signer.journal"
    newest = read_journal(journal)
    before = replace(newest.before, heads_on="1026-01-01")
    write_journal(journal, replace(newest, before=before))
    ran = history.run("snapshot")

    heads = [payload for payload in history.payloads() if isinstance(payload, Heads)]
    assert ran.code == 0, ran.err
    assert [(a.name, a.kind, a.size) for a in heads[-1].anchors] == [("offsite", "file", 2)]
