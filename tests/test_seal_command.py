"""`tallybook seal`, sealing by itself after a snapshot, and every command on a sealed history."""

import json
from pathlib import Path

import pytest

from etl.run import open_log
from etl.settings import load_settings
from tests.builders import A_MONDAY, DAY, SOME_DEFINITIONS, SOME_STATS, a_reading, definitions_json
from tests.histories import History, a_history
from tests.readers import Reader
from tests.sealed import commit_files, part_files, sealed_now
from tests.spoken import NOWHERE, Said, say, three_days
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.record import sha256_hex
from warehouse.sealed import due

pytestmark = pytest.mark.slow

NEWEST = f"{A_MONDAY + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = three_days(tmp_path)
    monkeypatch.chdir(made)
    return made


def test_seal_says_what_it_made_and_then_that_nothing_is_left(folder: Path) -> None:
    first, again = say("seal"), say("seal")

    (part,) = Layout(folder / "history").standing().parts
    assert first == Said(0, f"4 records in 1 sealed file: {part.name}\n", "")
    assert again == Said(0, "nothing to seal: all is in sealed files already\n", "")


def test_seal_says_it_in_json(folder: Path) -> None:
    first, again = say("seal", "--json"), say("seal", "--json")

    (part,) = Layout(folder / "history").standing().parts
    assert json.loads(first.out) == {"parts": [part.name], "records": 4, "removed": 0}
    assert json.loads(again.out) == {"parts": [], "records": 0, "removed": 0}
    assert (first.code, first.err) == (0, "")


def test_where_nothing_can_be_folded_it_says_why(folder: Path) -> None:
    commit_files(folder / "history")[1].write_bytes(b"PAR1")

    said = say("seal")

    assert (said.code, said.out) == (13, "")
    assert said.err.startswith("error: cannot read ")


def test_without_a_warehouse_it_ends_with_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert say("seal", "--warehouse", "nowhere").code == 10


COMMANDS = (
    ("show",),
    ("show", "--json"),
    ("show", "--source", "prod", "--at", NEWEST),
    ("trend", "users", "activeUsers"),
    ("trend", "users", "--json"),
    ("keys", "show"),
    ("sql", "SELECT * FROM snapshots"),
    ("sql", "--format", "json", "SELECT * FROM statistic_values ORDER BY ALL"),
    ("status",),
)


def test_every_command_says_the_same_of_what_is_sealed(folder: Path) -> None:
    before = {words: say(*words) for words in COMMANDS}

    sealed_now(folder / "history")

    assert commit_files(folder / "history") == []
    assert {words: say(*words) for words in COMMANDS} == before
    assert {said.code for said in before.values()} == {0}


def test_proofs_and_bundles_are_made_of_sealed_files(folder: Path) -> None:
    sealed_now(folder / "history")
    log = open_log(load_settings(folder / "tallybook.toml"))
    log.append([a_reading({**SOME_STATS, "users": 7}, taken_at=A_MONDAY + 3 * DAY)])

    made = [
        say("prove", "--instance", "prod", "--at", NEWEST, "--to", "proof.zip"),
        say("bundle", "--instance", "prod", "--to", "bundle.zip"),
    ]
    checked = [
        json.loads(say("verify", name, "--json").out) for name in ("proof.zip", "bundle.zip")
    ]

    assert [said.code for said in made] == [0, 0]
    assert [report["status"] for report in checked] == ["incomplete"] * 2
    # The last is of tomorrow, and nobody else keeps a head of it.
    assert [{*report["counts"]} for report in checked] == [
        {"UNANCHORED"},
        {"UNANCHORED", "TIME_SKEW"},
    ]
    assert "5 of 5 signatures are good" in say("verify").out


def test_the_installed_command_seals_twice(tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=NOWHERE)

    told = [json.loads(history.run("seal", "--json").out) for _ in range(2)]

    assert [told[0]["records"], told[1]["records"]] == [1, 0]
    assert history.verdict() == (0, "intact")


def with_many_commits(history: History) -> None:
    content = definitions_json(SOME_DEFINITIONS)
    log = open_log(load_settings(history.folder / "tallybook.toml"))
    Ledger(history.warehouse).keep_definitions(content, sha256_hex(content))
    for number in range(due.MOST_COMMITS):
        log.append([a_reading(taken_at=A_MONDAY - number * DAY)])


@pytest.mark.slow
def test_a_snapshot_seals_by_itself_once_there_is_enough(reader: Reader, tmp_path: Path) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    few = history.run("snapshot")
    nothing_yet = part_files(history.warehouse)
    with_many_commits(history)

    many = history.run("snapshot")

    assert (few.code, nothing_yet) == (0, [])
    assert (many.code, many.err) == (0, few.err)
    (part,) = Layout(history.warehouse).standing().parts
    assert part.end == due.MOST_COMMITS + 3
    assert history.verdict()[1] != "tampered"


@pytest.mark.slow
def test_where_it_cannot_the_snapshot_is_kept_and_a_warning_says_so(
    reader: Reader, tmp_path: Path
) -> None:
    history = a_history(tmp_path / "tally", prod=reader.url)
    with_many_commits(history)
    (history.warehouse / "sealed").write_text("in the way")

    ran = history.run("snapshot")

    assert ran.code == 0
    assert "warning: nothing was sealed: cannot write " in ran.err
    assert len(history.snapshots()) == due.MOST_COMMITS + 1
