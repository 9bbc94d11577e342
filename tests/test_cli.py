"""The command line: help with examples, words for every failure, and an exit code for each kind."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from etl.init import init, new_sources
from etl.log import LOCK_FILE
from etl.run import open_log
from etl.settings import load_settings
from etl.signing import create_key
from schedules.cli import main, tallybook
from tests.builders import (
    A_MONDAY,
    DAY,
    SOME_DEFINITIONS,
    SOME_STATS,
    a_reading,
    definitions_json,
    tamper,
)
from tests.command import TALLYBOOK
from tests.command import tallybook as installed
from warehouse.files import exclusive_lock
from warehouse.record import sha256_hex

# Nobody listens on port 1: the answer is no, and at once.
NOWHERE = "postgresql://tallybook@127.0.0.1:1/unleash"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Say = Callable[..., Said]


def all_commands(group: click.Group = tallybook, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{name} ")
        else:
            yield f"{before}{name}"


COMMANDS = list(all_commands())


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run the command in this process, as its entry point does."""
    monkeypatch.delenv("TALLYBOOK_CONFIG", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["tallybook", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Said(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and three days of history, and we are in it."""
    made = tmp_path / "tally"
    init(made, new_sources([f"prod={NOWHERE}"], []), "example.com/tallybook")
    log = open_log(load_settings(made / "tallybook.toml"))
    content = definitions_json(SOME_DEFINITIONS)
    log.ledger.keep_definitions(content, sha256_hex(content))
    for day in range(3):
        stats = {**SOME_STATS, "users": 120 + day}
        log.append([a_reading(stats, taken_at=A_MONDAY + day * DAY)])
    monkeypatch.chdir(made)
    return made


def newest_file(folder: Path) -> Path:
    return max((folder / "history" / "hot").rglob("*.parquet"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example_of_itself(say: Say, command: str) -> None:
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


def test_the_help_names_every_command_on_a_line_of_its_own(say: Say) -> None:
    said = say("--help")

    listed = [line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line]
    assert listed[: len(tallybook.commands)] == sorted(tallybook.commands)
    assert "..." not in said.out.partition("Commands:")[2]


def test_the_version_is_that_of_the_package(say: Say) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())

    assert say("--version").out == f"tallybook {project['project']['version']}\n"


@pytest.mark.parametrize(
    ("typed", "meant"), [("shwo", "show"), ("snapshots", "snapshot"), ("verfy", "verify")]
)
def test_a_mistyped_command_gets_the_nearest_right_one(say: Say, typed: str, meant: str) -> None:
    said = say(typed)

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith(f"Error: No such command {typed!r}. Did you mean {meant!r}?\n")


def test_a_mistyped_option_gets_the_nearest_right_one(say: Say) -> None:
    said = say("show", "--sorce", "prod")

    assert said.code == 2
    assert "Error: No such option: --sorce Did you mean --source?" in said.err.replace("'", "")


def test_a_word_that_is_like_nothing_is_no_guess(say: Say) -> None:
    assert say("xyzzy").err.endswith("Error: No such command 'xyzzy'.\n")


def test_without_settings_the_way_to_some_is_told(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = say("show")

    assert said == Said(
        2,
        "",
        "error: no tallybook.toml in this folder or /etc/tallybook\n"
        "hint: Name it with --config, or make one: tallybook init DIR --source NAME=URL\n",
    )


@pytest.mark.parametrize("command", ["show", "sql 1", "trend users", "catalog", "verify --trust x"])
def test_a_folder_without_a_history_ends_with_10(
    say: Say, folder: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    trust = folder / "ledger.pub.pem"
    words = [str(trust) if word == "x" else word for word in command.split()]

    said = say(*words, "--warehouse", tmp_path / "empty")

    assert (said.code, said.out) == (10, "")
    assert said.err.startswith(f"error: no warehouse in '{tmp_path / 'empty'}'\nhint: ")


def test_a_history_that_somebody_writes_to_ends_with_11(say: Say, folder: Path) -> None:
    settings = folder / "tallybook.toml"
    settings.write_text(settings.read_text().replace("# lock_timeout = 30", "lock_timeout = 0.1"))

    with exclusive_lock(folder / "state" / LOCK_FILE, wait_seconds=0):
        said = say("snapshot")

    assert (said.code, said.out) == (11, "")
    assert "is held by process " in said.err


def test_a_key_that_others_can_read_ends_with_12(say: Say, folder: Path) -> None:
    (folder / "state" / "signing-key.pem").chmod(0o644)

    said = say("snapshot")

    assert (said.code, said.out) == (12, "")
    assert said.err.startswith("error: others can read the signing key ")


def test_a_password_that_is_not_there_ends_with_12(say: Say, folder: Path) -> None:
    settings = folder / "tallybook.toml"
    settings.write_text(settings.read_text() + 'password_file = "nowhere"\n')

    said = say("snapshot")

    assert said.code == 12
    assert "cannot read password_file" in said.out


def test_a_source_that_does_not_answer_ends_with_14(say: Say, folder: Path) -> None:
    said = say("snapshot", "--json")

    (outcome,) = json.loads(said.out)
    assert said.code == 14
    assert outcome["source"] == "prod"
    assert outcome["failure"].startswith(
        "source 'prod' (postgresql://tallybook@127.0.0.1:1/unleash) cannot be reached: "
    )


def test_an_intact_history_ends_with_0(say: Say, folder: Path) -> None:
    said = say("verify")

    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "The history is intact.\n"
        "4 records of 1 log(s), 1 instance(s): 4 of 4 signatures are good.\n"
    )


def test_a_copy_that_nobody_vouches_for_ends_with_3(say: Say, folder: Path) -> None:
    said = say("verify", "--warehouse", folder / "history", "--trust", folder / "ledger.pub.pem")

    assert said.code == 3
    assert said.out.splitlines()[0] == "The history is intact as far as it goes."
    assert said.out.splitlines()[-1] == (
        "Nothing outside it vouches for its end: newer records may be missing."
    )


def test_a_tampered_history_ends_with_13(say: Say, folder: Path) -> None:
    file = newest_file(folder)
    tamper(file, lambda rows: rows[0].update(version_oss="9.9.9"))

    said = say("verify")

    assert said.code == 13
    assert said.out == (
        "The history is NOT what was signed.\n"
        "4 records of 1 log(s), 1 instance(s): 4 of 4 signatures are good.\n"
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


def test_a_tampered_history_as_json(say: Say, folder: Path) -> None:
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


def test_a_history_by_another_key_ends_with_12(say: Say, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pub.pem"
    other.write_text(create_key(tmp_path / "other.pem").public_key.pem)

    said = say("verify", "--trust", other)

    assert said.code == 12
    assert said.out.splitlines()[0] == "The history is signed by a key that you do not trust."


@pytest.mark.parametrize(
    "command",
    [
        "show",
        "trend users activeUsers",
        "sql FROM_latest",
        "verify",
        "catalog",
        "statistics",
        "keys show",
        "grants --for 8.2",
        "doctor",
        "snapshot --dry-run",
    ],
)
def test_json_is_json_and_all_there_is(say: Say, folder: Path, command: str) -> None:
    words = [word.replace("_", " ") for word in command.split()]

    said = say(*words, "--json")

    json.loads(said.out)
    assert said.err == ""


def test_init_says_what_it_made_as_json(say: Say, tmp_path: Path) -> None:
    made = tmp_path / "new"

    said = say("init", made, "--source", f"prod={NOWHERE}", "--origin", "a.b/c", "--json")

    facts = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert (facts["folder"], facts["origin"]) == (str(made), "a.b/c")


def test_init_tells_where_a_password_went(say: Say, tmp_path: Path) -> None:
    made = tmp_path / "new"
    url = NOWHERE.replace("tallybook@", "tallybook:s3cr3t@")

    said = say("init", made, "--source", f"prod={url}")

    file = made / "state" / "prod.password"
    assert said.err.startswith(f"note: the password in the URL of 'prod' went to {file}")
    assert "s3cr3t" not in said.out + said.err + (made / "tallybook.toml").read_text()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("s3cr3t\n", 0o600)


def test_init_overwrites_nothing(say: Say, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    said = say("init", folder, "--source", f"prod={NOWHERE}")

    assert (said.code, said.out) == (2, "")
    assert "exists already; nothing was changed" in said.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("prod", "--source has to be NAME=URL, the name of letters, digits, '-' and '_'"),
        (
            "=postgresql://h/d",
            "--source has to be NAME=URL, the name of letters, digits, '-' and '_'",
        ),
        (
            "a b=postgresql://h/d",
            "--source has to be NAME=URL, the name of letters, digits, '-' and '_'",
        ),
        ("prod=mysql://u:s3cr3t@h/d", "--source prod is no PostgreSQL URL"),
        ("prod=nonsense s3cr3t", "--source prod is no PostgreSQL URL"),
    ],
)
def test_init_refuses_what_is_no_source_and_leaves_nothing(
    say: Say, tmp_path: Path, source: str, message: str
) -> None:
    said = say("init", tmp_path / "new", "--source", source)

    assert (said.code, said.err.splitlines()[0]) == (2, f"error: {message}")
    assert "s3cr3t" not in said.err
    assert not (tmp_path / "new").exists()


def test_sql_prints_a_table_csv_or_json(say: Say, folder: Path) -> None:
    query = "SELECT users, taken_at FROM snapshots ORDER BY 1 LIMIT 1"

    table, csv, as_json = (say("sql", query, "--format", form) for form in ("table", "csv", "json"))

    assert table.out == "users  taken_at           \n  120  2026-11-23 02:00:00\n"
    assert csv.out == "users,taken_at\n120,2026-11-23 02:00:00\n"
    assert json.loads(as_json.out) == [{"users": 120, "taken_at": "2026-11-23 02:00:00"}]


def test_a_wrong_question_ends_with_1(say: Say, folder: Path) -> None:
    said = say("sql", "SELEC 1")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: Parser Error: syntax error at or near")


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ([], [120, 121, 122]),
        (["--since", "2026-11-24"], [121, 122]),
        (["--until", "2026-11-24"], [120, 121]),
        (["--since", "2026-11-24T02:00", "--until", "2026-11-24T02:00"], [121]),
        (["--since", "2026-11-24T03:00+01:00"], [121, 122]),
        (["--since", "99999d"], [120, 121, 122]),
        (["--until", "9999h", "--since", "20000d"], []),
    ],
)
def test_a_trend_is_cut_where_it_was_asked(
    say: Say, folder: Path, options: list[str], values: list[int]
) -> None:
    said = say("trend", "users", *options, "--json")

    points = [point["value"] for line in json.loads(said.out) for point in line["points"]]
    assert points == values


@pytest.mark.parametrize("time", ["yesterday", "90", "2026-13-01", "99999999w", "999999w", "-1d"])
def test_what_is_no_time_is_refused(say: Say, folder: Path, time: str) -> None:
    said = say("show", f"--at={time}")

    assert said.code == 2
    assert said.err.endswith(
        f"Invalid value for '--at': {time!r} is no time; "
        "expected one like 2026-11-23, 2026-11-23T02:00 or 90d\n"
    )


def test_show_finds_the_snapshot_of_a_day(say: Say, folder: Path) -> None:
    first, newest = (
        json.loads(say("show", *at, "--json").out) for at in (["--at", "2026-11-23"], [])
    )

    assert (first["users"], newest["users"]) == (120, 122)


def test_a_misspelt_statistic_gets_the_nearest_right_one(say: Say, folder: Path) -> None:
    said = say("trend", "actveUsers")

    assert said.code == 2
    assert said.err == (
        "error: no statistic 'actveUsers' in this history\n"
        "hint: Did you mean activeUsers, activeUsers.last7, activeUsers.last30?\n"
    )


def test_a_catalogue_for_another_place_needs_a_file_of_its_own(say: Say, folder: Path) -> None:
    alone = say("catalog", "--root", "/mnt/history")
    relative = say("catalog", "--root", "mnt", "--to", "x.duckdb")

    assert (alone.code, relative.code) == (2, 2)
    assert alone.err.endswith("--root makes a catalogue for another place: say --to FILE as well\n")
    assert relative.err.endswith("expected an absolute path, found 'mnt'\n")


def test_grants_for_several_sources_need_a_choice(say: Say, folder: Path) -> None:
    settings = folder / "tallybook.toml"
    settings.write_text(f'{settings.read_text()}\n[source.other]\nurl = "{NOWHERE}"\n')

    said = say("grants")

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("2 sources: say which one\nhint: --source NAME, one of: prod, other\n")


def test_colour_is_not_for_pipes_and_not_for_those_who_want_none(folder: Path) -> None:
    for env in ({}, {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        for words in (["show"], ["trend", "users"], ["verify"], ["statistics"]):
            assert "\x1b[3" not in installed(*words, cwd=folder, env=env).out


def test_the_installed_command_ends_with_the_same_codes(folder: Path) -> None:
    good = installed("verify", "--json", cwd=folder)
    tamper(newest_file(folder), lambda rows: rows[0].update(seq=99))
    bad = installed("verify", "--json", cwd=folder)

    assert (good.code, bad.code) == (0, 13)
    assert (good.err, bad.err) == ("", "")


def test_a_reader_that_goes_away_is_no_defect(folder: Path) -> None:
    piped = subprocess.Popen(
        [TALLYBOOK, "sql", "FROM range(200000)"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()

    assert piped.stderr.read() == b""
    piped.wait(60)
