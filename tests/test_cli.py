"""The command line: help with examples, words for every failure, and an exit code for each kind."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from etl.log import LOCK_FILE
from etl.signing import create_key
from schedules.cli import tallybook
from tests.builders import (
    tamper,
)
from tests.command import tallybook as installed
from tests.spoken import Said, newest_file, say, three_days
from warehouse.files import exclusive_lock


def all_commands(group: click.Group = tallybook, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{name} ")
        else:
            yield f"{before}{name}"


COMMANDS = list(all_commands())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and three days of history, and we are in it."""
    monkeypatch.chdir(three_days(tmp_path / "tally"))
    return tmp_path / "tally"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example_of_itself(command: str) -> None:
    said = say(*command.split(), "--help")

    assert (said.code, said.err) == (0, "")
    assert f"Example: tallybook {command} " in f"{' '.join(said.out.split())} "
    assert said.out.startswith(f"Usage: tallybook {command} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_an_example_is_one_of_its_command(command: str) -> None:
    found: click.Command = tallybook
    for name in command.split():
        assert isinstance(found, click.Group)
        found = found.commands[name]

    options = re.findall(r"--[\w-]+", found.epilog or "")

    assert set(options) <= {name for parameter in found.params for name in parameter.opts}


def test_the_help_names_every_command_on_a_line_of_its_own() -> None:
    said = say("--help")

    listed = [line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line]
    assert listed[: len(tallybook.commands)] == sorted(tallybook.commands)
    assert "..." not in said.out.partition("Commands:")[2]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())

    assert say("--version").out == f"tallybook {project['project']['version']}\n"


@pytest.mark.parametrize(
    ("typed", "meant"), [("shwo", "show"), ("snapshots", "snapshot"), ("verfy", "verify")]
)
def test_a_mistyped_command_gets_the_nearest_right_one(typed: str, meant: str) -> None:
    said = say(typed)

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith(f"Error: No such command {typed!r}. Did you mean {meant!r}?\n")


def test_a_mistyped_option_gets_the_nearest_right_one() -> None:
    said = say("show", "--sorce", "prod")

    assert said.code == 2
    assert "No such option '--sorce'" in said.err
    assert "Did you mean" in said.err
    assert "--source" in said.err


def test_a_word_that_is_like_nothing_is_no_guess() -> None:
    assert say("xyzzy").err.endswith("Error: No such command 'xyzzy'.\n")


def test_without_settings_the_way_to_some_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = say("show")

    assert said == Said(
        2,
        "",
        "error: no tallybook.toml in this folder or /etc/tallybook\n"
        "hint: Name it with --config, or make one: tallybook init DIR --source NAME=URL\n",
    )


@pytest.mark.parametrize(
    "command", ["show", "sql 1", "trend users", "diff 1d now", "catalog", "verify --trust x"]
)
def test_a_folder_without_a_history_ends_with_10(
    folder: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    trust = folder / "ledger.pub.pem"
    words = [str(trust) if word == "x" else word for word in command.split()]

    said = say(*words, "--warehouse", tmp_path / "empty")

    assert (said.code, said.out) == (10, "")
    assert said.err.startswith(f"error: no warehouse in '{tmp_path / 'empty'}'\nhint: ")


def test_a_history_that_somebody_writes_to_ends_with_11(folder: Path) -> None:
    settings = folder / "tallybook.toml"
    settings.write_text(settings.read_text().replace("# lock_timeout = 30", "lock_timeout = 0.1"))

    with exclusive_lock(folder / "state" / LOCK_FILE, wait_seconds=0):
        said = say("snapshot")

    assert (said.code, said.out) == (11, "")
    assert "is held by process " in said.err


def test_a_key_that_others_can_read_ends_with_12(folder: Path) -> None:
    (folder / "state" / "signing-key.pem").chmod(0o644)

    said = say("snapshot")

    assert (said.code, said.out) == (12, "")
    assert said.err.startswith("error: others can read the signing key ")


def test_a_password_that_is_not_there_ends_with_12(folder: Path) -> None:
    settings = folder / "tallybook.toml"
    settings.write_text(settings.read_text() + 'password_file = "nowhere"\n')

    said = say("snapshot")

    assert said.code == 12
    assert "cannot read password_file" in said.err


def test_a_source_that_does_not_answer_ends_with_14(folder: Path) -> None:
    said = say("snapshot", "--json")

    (outcome,) = json.loads(said.out)
    assert said.code == 14
    assert outcome["source"] == "prod"
    assert outcome["failure"].startswith(
        "source 'prod' (postgresql://tallybook@127.0.0.1:1/unleash) cannot be reached: "
    )


def test_an_intact_history_ends_with_0(folder: Path) -> None:
    say("catalog")

    said = say("verify")

    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "The history is intact.\n"
        "4 records of 1 log(s), 1 instance(s): 4 of 4 signatures are good.\n"
        "4 of 4 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with the signer's memory; no anchor was looked at.\n"
    )


def test_a_copy_that_nobody_vouches_for_ends_with_3(folder: Path) -> None:
    said = say("verify", "--warehouse", folder / "history", "--trust", folder / "ledger.pub.pem")

    assert said.code == 3
    assert said.out.splitlines()[0] == "The history is intact as far as it goes."
    assert said.out.splitlines()[-6:] == [
        "UNANCHORED × 1",
        "",
        "UNANCHORED",
        "  log       example.com/tallybook",
        "  expected  a checkpoint of all 4 records, kept elsewhere",
        "  found     none",
    ]


def test_a_tampered_history_ends_with_13(folder: Path) -> None:
    file = newest_file(folder)
    tamper(file, lambda rows: rows[0].update(version_oss="9.9.9"))

    said = say("verify")

    assert said.code == 13
    assert said.out == (
        "The history is NOT what was signed.\n"
        "4 records of 1 log(s), 1 instance(s): 4 of 4 signatures are good.\n"
        "4 of 4 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with the signer's memory; no anchor was looked at.\n"
        "ROW_MISMATCH × 1\n"
        "\n"
        "ROW_MISMATCH\n"
        "  log       example.com/tallybook\n"
        "  index     3\n"
        "  instance  prod\n"
        f"  file      {file}\n"
        "  expected  version_oss '8.2.0'\n"
        "  found     '9.9.9'\n"
    )


def test_a_tampered_history_as_json(folder: Path) -> None:
    file = newest_file(folder)
    tamper(file, lambda rows: rows[0].update(version_oss="9.9.9"))

    said = say("verify", "--json")

    report = json.loads(said.out)
    assert (said.code, report["status"], report["exit_code"]) == (13, "tampered", 13)
    assert report["findings"] == [
        {
            "name": "ROW_MISMATCH",
            "place": {
                "log": "example.com/tallybook",
                "index": 3,
                "instance": "prod",
                "file": str(file),
            },
            "expected": "version_oss '8.2.0'",
            "found": "'9.9.9'",
        }
    ]


def test_a_history_by_another_key_ends_with_12(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pub.pem"
    other.write_text(create_key(tmp_path / "other.pem").public_key.pem)

    said = say("verify", "--trust", other)

    assert said.code == 12
    assert said.out.splitlines()[0] == "The history is signed by a key that you do not trust."


def test_the_installed_command_ends_with_the_same_codes(folder: Path) -> None:
    say("catalog")
    good = installed("verify", "--json", cwd=folder)
    tamper(newest_file(folder), lambda rows: rows[0].update(seq=99))
    bad = installed("verify", "--json", cwd=folder)

    assert (good.code, bad.code) == (0, 13)
    assert (good.err, bad.err) == ("", "")
