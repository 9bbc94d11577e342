"""The command line: what each command answers, as text and as JSON, and what it refuses."""

import json
import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.command import TALLYBOOK
from tests.command import tallybook as installed
from tests.spoken import NOWHERE, say, three_days


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings and three days of history, which nobody here changes."""
    return three_days(tmp_path_factory.mktemp("output") / "tally")


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    "command",
    [
        "show",
        "trend users activeUsers",
        "seats --granted 5 --contract-start 2026-03-01",
        "diff 2026-11-23 now",
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
def test_json_is_json_and_all_there_is(folder: Path, command: str) -> None:
    words = [word.replace("_", " ") for word in command.split()]

    said = say(*words, "--json")

    json.loads(said.out)
    assert said.err == ""


def test_init_says_what_it_made_as_json(tmp_path: Path) -> None:
    made = tmp_path / "new"

    said = say("init", made, "--source", f"prod={NOWHERE}", "--origin", "a.b/c", "--json")

    facts = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert (facts["folder"], facts["origin"]) == (str(made), "a.b/c")


def test_init_tells_where_a_password_went(tmp_path: Path) -> None:
    made = tmp_path / "new"
    url = NOWHERE.replace("tallybook@", "tallybook:s3cr3t@")

    said = say("init", made, "--source", f"prod={url}")

    file = made / "state" / "prod.password"
    assert said.err.startswith(f"note: the password in the URL of 'prod' went to {file}")
    assert "s3cr3t" not in said.out + said.err + (made / "tallybook.toml").read_text()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("s3cr3t\n", 0o600)


def test_init_overwrites_nothing(folder: Path) -> None:
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
    tmp_path: Path, source: str, message: str
) -> None:
    said = say("init", tmp_path / "new", "--source", source)

    assert (said.code, said.err.splitlines()[0]) == (2, f"error: {message}")
    assert "s3cr3t" not in said.err
    assert not (tmp_path / "new").exists()


def test_sql_prints_a_table_csv_or_json(folder: Path) -> None:
    query = "SELECT users, taken_at FROM snapshots ORDER BY 1 LIMIT 1"

    table, csv, as_json = (say("sql", query, "--format", form) for form in ("table", "csv", "json"))

    assert table.out == "users  taken_at           \n  120  2026-11-23 02:00:00\n"
    assert csv.out == "users,taken_at\n120,2026-11-23 02:00:00\n"
    assert json.loads(as_json.out) == [{"users": 120, "taken_at": "2026-11-23 02:00:00"}]


def test_a_wrong_question_ends_with_1(folder: Path) -> None:
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
    folder: Path, options: list[str], values: list[int]
) -> None:
    said = say("trend", "users", *options, "--json")

    points = [point["value"] for line in json.loads(said.out) for point in line["points"]]
    assert points == values


@pytest.mark.parametrize("time", ["yesterday", "90", "2026-13-01", "99999999w", "999999w", "-1d"])
def test_what_is_no_time_is_refused(folder: Path, time: str) -> None:
    said = say("show", f"--at={time}")

    assert said.code == 2
    assert said.err.endswith(
        f"Invalid value for '--at': {time!r} is no time; "
        "expected one like 2026-11-23, 2026-11-23T02:00 or 90d\n"
    )


def test_show_finds_the_snapshot_of_a_day(folder: Path) -> None:
    first, newest = (
        json.loads(say("show", *at, "--json").out) for at in (["--at", "2026-11-23"], [])
    )

    assert (first["users"], newest["users"]) == (120, 122)


def test_a_misspelt_statistic_gets_the_nearest_right_one(folder: Path) -> None:
    said = say("trend", "actveUsers")

    assert said.code == 2
    assert said.err == (
        "error: no statistic 'actveUsers' in this history\n"
        "hint: Did you mean activeUsers, activeUsers.last30, users?\n"
    )


def test_a_catalogue_for_another_place_needs_a_file_of_its_own(folder: Path) -> None:
    alone = say("catalog", "--root", "/mnt/history")
    relative = say("catalog", "--root", "mnt", "--to", "x.duckdb")

    assert (alone.code, relative.code) == (2, 2)
    assert alone.err.endswith("--root makes a catalogue for another place: say --to FILE as well\n")
    assert relative.err.endswith("expected an absolute path, found 'mnt'\n")


def test_grants_for_several_sources_need_a_choice(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "two.toml"
    one = (folder / "tallybook.toml").read_text()
    settings.write_text(f'{one}\n[source.other]\nurl = "{NOWHERE}"\n')

    said = say("--config", settings, "grants")

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("2 sources: say which one\nhint: --source NAME, one of: prod, other\n")


def test_colour_is_not_for_pipes_and_not_for_those_who_want_none(folder: Path) -> None:
    for env in ({}, {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        for words in (["show"], ["trend", "users"], ["verify"], ["statistics"]):
            assert "\x1b[3" not in installed(*words, cwd=folder, env=env).out


def test_a_reader_that_goes_away_is_no_defect(folder: Path) -> None:
    command = [str(TALLYBOOK), "sql", "--format", "csv", "FROM range(100000)"]

    with subprocess.Popen(command, cwd=folder, stdout=PIPE, stderr=PIPE) as piped:
        assert piped.stdout is not None
        assert piped.stderr is not None
        piped.stdout.close()
        complaints = piped.stderr.read()

    assert complaints == b""
