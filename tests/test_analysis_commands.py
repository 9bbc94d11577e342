"""trend, seats and diff as they are typed: answers, refusals, pictures, and names on Tab."""

import importlib.util
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from etl.run import open_log
from etl.settings import load_settings
from tests.builders import A_MONDAY, DAY, SOME_DEFINITIONS, SOME_STATS, a_definition, a_reading
from tests.builders import definitions_json as as_json
from tests.command import tallybook as installed
from tests.spoken import say, three_days
from warehouse.cli import Moment
from warehouse.payload import Instance
from warehouse.record import sha256_hex

pytestmark = pytest.mark.slow

STAGING = Instance("5d2c7c7f-0000-4000-8000-000000000002", "staging")
LICENSED = (*SOME_DEFINITIONS, a_definition("licensedUsers"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forty days of two sources, on whose tenth Unleash was upgraded."""
    made = three_days(tmp_path_factory.mktemp("analysis") / "tally")
    log = open_log(load_settings(made / "tallybook.toml"))
    content = as_json(LICENSED)
    log.ledger.keep_definitions(content, sha256_hex(content))
    readings = []
    for day in range(3, 40):
        at, oss = A_MONDAY + day * DAY, "8.2.0" if day < 10 else "8.3.0"
        stats = {**SOME_STATS, "users": 120 + day, "licensedUsers": 90 + day}
        readings.append(a_reading(stats, taken_at=at, definitions=LICENSED, oss=oss))
        small = {"users": 10, "licensedUsers": 5}
        readings.append(a_reading(small, taken_at=at, definitions=LICENSED, instance=STAGING))
    log.append(readings)
    return made


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_trend_by_week_tells_the_last_value_of_each() -> None:
    (series,) = json.loads(say("trend", "users", "--source", "prod", "--by", "week", "--json").out)

    told = [(point["period"], point["value"]) for point in series["points"]]
    assert told == [
        *(("2026-W48", 126), ("2026-W49", 133), ("2026-W50", 140), ("2026-W51", 147)),
        *(("2026-W52", 154), ("2026-W53", 159)),
    ]
    assert series["by"] == "week"
    assert [upgrade["after"] for upgrade in series["upgrades"]] == ["8.3.0"]


def test_a_trend_of_all_sources_is_a_line_for_each() -> None:
    said = say("trend", "users")

    rows = [line.split()[:2] for line in said.out.splitlines()[:3]]
    assert rows == [["instance", "statistic"], ["prod", "users"], ["staging", "users"]]
    assert "prod: Unleash 8.2.0 → 8.3.0 at 2026-12-03" in said.out


def test_the_installed_command_draws_into_a_pipe() -> None:
    ran = installed("trend", "users", "--by", "month", "--rate", cwd=Path.cwd())

    assert (ran.code, ran.err) == (0, "")
    assert "\x1b[" not in ran.out
    assert "users  pieces per day" in ran.out


def test_a_trend_of_nothing_says_what_there_is() -> None:
    said = say("trend", "users", "--source", "prod", "--since", "2030-01-01")
    as_data = say("trend", "users", "--source", "prod", "--since", "2030-01-01", "--json")

    assert (said.code, said.out) == (0, "")
    assert [line.rstrip() for line in said.err.splitlines()] == [
        "no value of users in that time",
        "prod has 40 snapshot(s) from 2026-11-23 02:00 to 2027-01-01 02:00 UTC",
    ]
    assert json.loads(as_data.out) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            "trend users --since 2026-12-02 --until 2026-12-01",
            "Error: --since is after --until: nothing is in between",
        ),
        (
            "trend users --plot users.jpg",
            "Error: Invalid value for --plot: expected FILE.png or FILE.svg, found 'users.jpg'",
        ),
        ("trend users --by year", "Error: Invalid value for '--by': 'year' is not one of"),
        ("trend", "Error: Missing argument 'STATISTIC...'"),
        (
            "trend licencedUsers",
            "error: no statistic 'licencedUsers' in this history\n"
            "hint: Did you mean licensedUsers, ",
        ),
        ("seats --contract-start 2026-03-01", "Error: Missing option '--granted'"),
        ("seats --granted 5 --contract-start 1.3.26", "'1.3.26' does not match the format"),
        ("diff now", "Error: say two times, as in 2026-03-01 now, or --between SOURCE SOURCE"),
        ("diff", "Error: say two times, as in 2026-03-01 now, or --between SOURCE SOURCE"),
        ("diff 1d now --at now", "Error: say two times"),
        (
            "diff 1d now --between prod staging",
            "Error: --between takes two sources and --at: no TIME, no --source",
        ),
        ("diff 1d soon", "'soon' is no time; expected one like 2026-11-23"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(words: str, complaint: str) -> None:
    said = say(*words.split())

    assert (said.code, said.out) == (2, "")
    assert complaint in said.err


@pytest.mark.parametrize(
    "words",
    [
        "trend users --source prd",
        "seats --granted 5 --contract-start 2026-03-01 --source prd",
        "diff 2026-11-24 now --source prd",
        "diff --between prd staging",
        "show --source prd",
    ],
)
def test_a_source_that_nobody_knows_gets_the_nearest(words: str) -> None:
    said = say(*words.split())

    assert said.code == 1
    assert said.err == (
        "error: no snapshot of 'prd'\nhint: Did you mean prod? There are some of: prod, staging\n"
    )


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_picture_is_written_and_its_name_printed(tmp_path: Path, form: str) -> None:
    to = tmp_path / f"users.{form}"

    first = say("trend", "users", "--plot", to)
    content = to.read_bytes()
    say("trend", "users", "--plot", to)

    assert (first.code, first.out, first.err) == (0, f"{to}\n", "")
    assert content == to.read_bytes()
    assert content.startswith(b"\x89PNG" if form == "png" else b"<?xml")


def test_a_picture_of_no_change_is_refused(tmp_path: Path) -> None:
    to = tmp_path / "users.svg"

    said = say("trend", "users", "--by", "month", "--since", "2027-01-01", "--rate", "--plot", to)

    assert (said.code, said.out, to.exists()) == (1, "", False)
    assert said.err.startswith("error: there is no change per day to draw: each series has one")


def test_a_statistic_that_never_had_a_value_is_told() -> None:
    said = say("trend", "roles", "--source", "staging")

    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("no value of roles in any snapshot: tallybook show says why")


def test_a_picture_beside_json_leaves_the_json_alone(tmp_path: Path) -> None:
    said = say("trend", "users", "--json", "--plot", tmp_path / "users.svg")

    assert len(json.loads(said.out)) == 2
    assert (tmp_path / "users.svg").exists()


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )

    said = say("trend", "users", "--plot", tmp_path / "users.png")

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "error: pictures are drawn by matplotlib, which is not installed\n"
        "hint: Install the extra: pip install 'tallybook[plot]'\n"
    )


def test_seats_are_held_against_the_contract() -> None:
    said = say("seats", "--granted", "128", "--contract-start", "2026-11-30")

    assert (said.code, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[:5] == [
        "instance licensed users granted used free as of",
        "prod 129 128 101 % −1 2027-01-01",
        "staging 5 128 4 % 123 2027-01-01",
        "sum 134 128 105 % −6 2027-01-01",
        "People with accounts on two instances are counted twice in the sum. "
        "It is told for the days on which all have a value.",
    ]
    prod = lines[lines.index("prod") + 2 :]
    assert prod[:4] == [
        "2026-11-30 2026-12-29 126 2026-12-29 0 30 of 30",
        "2026-12-30 2027-01-29 129 2027-01-01 1 3 of 31",
        "",
        "2026-11-30 2027-11-29 129 2027-01-01 1 33 of 365 contract period",
    ]
    assert lines[-3:] == [
        "prod: reached: 128 or more since 2026-12-31",
        "staging: not as it goes: +0.00 a day in 37 days, flat or falling",
        "sum: reached: 128 or more since 2026-12-26",
    ]


def test_seats_of_some_sources_are_summed_over_those() -> None:
    words = ("seats", "--granted", "200", "--contract-start", "2026-12-01", "--json")

    one, both = (
        json.loads(say(*words, *sources).out)
        for sources in (["--source", "prod"], ["--source", "prod", "--source", "staging"])
    )

    assert [usage["source"] for usage in one["usages"]] == ["prod"]
    assert [usage["source"] for usage in both["usages"]] == ["prod", "staging", None]
    assert one["usages"][0]["forecast"]["on"] == "2027-03-13"


def test_a_contract_of_three_months_has_periods_of_three() -> None:
    said = say(
        "seats", "--granted", "9", "--contract-start", "2026-08-31", "--months", "3", "--json"
    )

    periods = json.loads(said.out)["usages"][0]["periods"]
    assert [(p["first"], p["last"]) for p in periods] == [
        ("2026-08-31", "2026-11-29"),
        ("2026-11-30", "2027-02-27"),
    ]


def test_a_contract_that_begins_later_says_so() -> None:
    said = say("seats", "--granted", "200", "--contract-start", "2030-01-01", "--source", "prod")

    assert "The contract begins on 2030-01-01: no snapshot is of it yet." in said.out
    assert "prod: about 2027-03-13" in said.out


def test_seats_without_licensed_users_say_so(tmp_path: Path) -> None:
    other = three_days(tmp_path / "other")

    words = ("seats", "--granted", "5", "--contract-start", "2026-01-01")
    said = say("--config", other / "tallybook.toml", *words)

    assert (said.code, said.out) == (0, "")
    assert said.err == (
        "no snapshot has licensedUsers yet: tallybook show says why it is unavailable\n"
    )


def test_two_times_are_compared() -> None:
    said = say("diff", "2026-11-24", "2026-12-25", "--source", "prod")

    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines == [
        "prod 2026-11-24 02:00 UTC, Unleash 8.2.0, record 2"
        " → 2026-12-25 02:00 UTC, Unleash 8.3.0, record 62",
        "Unleash 8.2.0 → 8.3.0",
        "statistic 2026-11-24 2026-12-25 change growth remarks",
        "users 121 152 +31 +25.6 % pieces",
        "licensedUsers – 122 pieces, not known before",
        "10 of 12 do not differ",
    ]


def test_all_is_compared_where_it_is_asked_for() -> None:
    words = ("diff", "2026-11-24", "2026-12-25", "--source", "prod", "--json")

    differing, everything = (json.loads(say(*words, *more).out) for more in ([], ["--all"]))

    assert [len(found[0]["statistics"]) for found in (differing, everything)] == [2, 12]
    assert differing[0]["statistics"][0] == {
        "statistic": "users",
        "unit": "pieces",
        "before": 121,
        "after": 152,
        "change": 31,
        "growth": pytest.approx(25.62, abs=0.01),
        "unavailable_before": None,
        "unavailable_after": None,
        "definition_changed": False,
    }
    assert differing[0]["before"]["taken_at"] == "2026-11-24T02:00:00.000Z"


def test_a_source_that_began_later_is_left_out_and_told() -> None:
    said = say("diff", "2026-11-24", "2026-12-25", "--json")

    assert [each["before"]["instance"] for each in json.loads(said.out)] == ["prod"]
    assert say("diff", "2026-11-24", "2026-12-25").err.startswith(
        "left out: no snapshot of 'staging' as early as 2026-11-24 23:59 UTC"
    )


def test_two_sources_are_compared_at_one_time() -> None:
    said = say("diff", "--between", "prod", "staging", "--at", "2026-12-01")

    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[1] == "statistic prod staging change growth remarks"
    assert "users 128 10 −118 −92.2 % pieces" in lines


def completed(words: str, *, config: str = "") -> list[str]:
    """Return what the shell is given when Tab is pressed behind these words."""
    line = f"tallybook {config}{words}"
    ran = installed(
        cwd=Path.cwd(),
        env={
            "_TALLYBOOK_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - (0 if line.endswith(" ") else 1)),
        },
    )
    assert ran.err == ""
    return [name.partition(",")[2] for name in ran.out.splitlines() if name]


def test_statistics_and_families_complete() -> None:
    assert completed("trend active") == ["activeUsers.last30", "activeUsers"]
    assert completed("trend users LIC") == ["licensedUsers"]
    assert len(completed("trend ")) > 12


def test_sources_complete() -> None:
    assert completed("trend users --source ") == ["prod", "staging"]
    assert completed("diff --between prod st") == ["staging"]
    assert completed("seats --source p") == ["prod"]


def test_names_complete_in_the_history_that_was_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    by_config = completed("trend lic", config=f"--config {folder}/tallybook.toml ")
    by_folder = completed(f"trend --warehouse {folder}/history lic")

    assert (by_config, by_folder) == (["licensedUsers"], ["licensedUsers"])


def test_a_completion_that_fails_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert completed("trend act") == []
    assert completed("trend users --source ") == []
    (tmp_path / "tallybook.toml").write_text("origin = ")
    assert completed("trend act") == []
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "catalog.duckdb").write_text("no catalogue")
    assert completed(f"trend --warehouse {tmp_path}/history act") == []


@pytest.mark.parametrize(("typed", "days"), [("now", 0), ("1d", 1), ("2w", 14), ("4y", 1461)])
def test_times_are_read_from_now_back(typed: str, days: int) -> None:
    before = datetime.now().astimezone()

    found = Moment(end_of_day=False).convert(typed, None, None)

    expected = before.astimezone(tz=None).timestamp() - days * 86_400
    assert abs((found - datetime(1970, 1, 1)) / timedelta(seconds=1) - expected) < 60  # noqa: DTZ001


def test_help_of_a_trend_names_the_periods() -> None:
    said = say("trend", "--help")

    assert "--by [day|week|month|quarter]" in said.out
