"""The command `verify`, as an auditor uses it: a copied folder, keys, notes, anchors."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.attack_tools import edit_row, expect, roll_back
from tests.attack_world import (
    FIRST,
    OTHER,
    OTHER_SIZE,
    SECOND,
    SIZE,
    THEIRS,
    World,
    file_anchor,
    note_of,
)
from tests.builders import ORIGIN, tamper
from tests.command import tallybook as installed
from tests.spoken import Said, newest_file, say, three_days


@pytest.fixture
def audit(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An auditor's copy of the warehouse, in a folder where there are no settings."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(world.state())
    shutil.rmtree(world.state(OTHER))
    return world


def check(world: World, *words: str | Path, trust: bool = True) -> Said:
    trusted = ("--trust", world.trusted) if trust else ()
    return say("verify", "--warehouse", world.root, *trusted, *words)


def reported(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.out)
    return found


def names(said: Said) -> set[str]:
    return set(reported(said)["counts"])


def with_heads(world: World) -> World:
    """Let the auditor have an anchor of the end of both logs."""
    file_anchor(world, "tallybook-20", note_of(world, SIZE))
    return world


def test_a_copy_is_verified_with_keys_and_anchors_alone(audit: World) -> None:
    said = check(with_heads(audit), "--anchors", audit.auditor)

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:3] == [
        "The history is intact.",
        "24 records of 2 log(s), 3 instance(s): 24 of 24 signatures are good.",
        "12 of 12 checkpoints are signed, and the tree has the root of each.",
    ]
    assert str(audit.auditor / "tallybook-20.note") in said.out.replace("\n", "")


def test_without_any_witness_a_copy_is_incomplete_and_says_so(audit: World) -> None:
    said = check(audit)

    assert said.code == 3
    assert said.out.startswith("The history is intact as far as it goes.\n")
    assert "UNANCHORED × 2" in said.out
    assert said.out.count("\nUNANCHORED\n") == 2


def test_notes_from_last_time_vouch_for_the_end(audit: World) -> None:
    expect(audit, SIZE)
    expect(audit, OTHER_SIZE, OTHER)

    said = check(audit, *(word for note in audit.expected for word in ("--expect", note)))

    assert said.code == 0
    assert "Its end agrees with " in said.out


def test_a_history_that_does_not_go_on_from_there_is_tampered_with(audit: World) -> None:
    expect(audit, SIZE)
    roll_back(audit, 16)

    said = check(audit, "--expect", audit.expected[0], "--json")

    assert (said.code, reported(said)["status"]) == (13, "tampered")
    assert "ROLLBACK" in names(said)


def test_a_folder_of_anchors_without_one_of_a_log_does_not_pass_silently(audit: World) -> None:
    (audit.auditor / "other-4.note").unlink()

    said = check(with_heads(audit), "--anchors", audit.auditor, "--json")

    assert (said.code, names(said)) == (3, {"UNANCHORED"})
    assert [f["place"]["log"] for f in reported(said)["findings"]] == [OTHER]


def test_keys_may_be_given_in_pem_and_in_several_files(audit: World, tmp_path: Path) -> None:
    first, theirs = tmp_path / "first.pub.pem", tmp_path / "theirs.vkey"
    first.write_text(FIRST.public_key.pem)
    theirs.write_text(THEIRS.public_key.vkey(OTHER))

    said = check(audit, "--trust", first, "--trust", theirs, "--json", trust=False)

    assert reported(said)["signatures_valid"] == 24
    assert names(said) == {"UNANCHORED"}


def test_a_key_in_pem_is_good_for_the_log_that_begins_with_it_alone(
    audit: World, tmp_path: Path
) -> None:
    first = tmp_path / "first.pub.pem"
    first.write_text(FIRST.public_key.pem)

    said = check(audit, "--trust", first, "--json", trust=False)

    untrusted = [f for f in reported(said)["findings"] if f["name"] == "KEY_UNTRUSTED"]
    assert said.code == 12
    assert [f["place"]["log"] for f in untrusted] == [OTHER]


def test_a_log_whose_key_is_not_named_is_unknown(audit: World, tmp_path: Path) -> None:
    ours = tmp_path / "ours.vkey"
    ours.write_text(FIRST.public_key.vkey(ORIGIN))

    said = check(audit, "--trust", ours, "--json", trust=False)

    assert said.code == 12
    assert names(said) == {"LOG_UNKNOWN", "UNANCHORED"}


def test_a_log_that_is_named_and_not_there_is_missing(audit: World, tmp_path: Path) -> None:
    third = tmp_path / "third.vkey"
    third.write_text(SECOND.public_key.vkey("example.com/third"))

    said = check(audit, "--trust", third, "--json")

    missing = [f for f in reported(said)["findings"] if f["name"] == "LOG_MISSING"]
    assert said.code == 13
    assert [f["place"]["log"] for f in missing] == ["example.com/third"]


def test_the_fast_look_says_what_it_left_out(audit: World) -> None:
    said = check(with_heads(audit), "--anchors", audit.auditor, "--fast")

    assert said.code == 0
    assert said.out.splitlines()[:4] == [
        "The history is intact.",
        "24 records of 2 log(s): 3 of 3 checked, of 24 in all, signatures are good.",
        "3 of 3 checked, of 12 in all, checkpoints are signed, and the tree has the root of each.",
        "Columns, chains and all other signatures were left out: without --fast they are not.",
    ]


def test_one_instance_alone_is_checked_in_full(audit: World) -> None:
    for index in (4, 5):
        edit_row(audit, index, lambda row: row.update(version_oss="9.9.9"))

    said = check(audit, "--instance", "staging", "--json")

    report = reported(said)
    columns = [f["place"]["index"] for f in report["findings"] if f["name"] == "ROW_MISMATCH"]
    assert columns == [5]
    assert (report["signatures_checked"], report["signatures"]) == (15, 24)


def test_only_what_is_newer_is_checked_in_full(audit: World) -> None:
    for index in (4, 17):
        edit_row(audit, index, lambda row: row.update(version_oss="9.9.9"))

    said = check(audit, "--since", "2026-03-07", "--json")

    report = reported(said)
    columns = [f["place"]["index"] for f in report["findings"] if f["name"] == "ROW_MISMATCH"]
    assert columns == [17]
    assert (report["signatures_checked"], report["signatures"]) == (4, 24)


def test_the_report_as_json_has_everything_that_is_known(audit: World) -> None:
    report = reported(check(with_heads(audit), "--anchors", audit.auditor, "--json"))

    assert (
        report.items()
        >= {
            "status": "intact",
            "exit_code": 0,
            "fast": False,
            "records": 24,
            "signatures": 24,
            "signatures_checked": 24,
            "signatures_valid": 24,
            "checkpoints": 12,
            "checkpoints_checked": 12,
            "checkpoints_valid": 12,
            "logs": {OTHER: OTHER_SIZE, ORIGIN: SIZE},
            "instances": 3,
            "findings": [],
            "counts": {},
            "unfinished": 0,
            "unlogged": 0,
        }.items()
    )
    assert len(report["vouched_by"]) == 2


def test_a_finding_is_printed_with_its_place(audit: World) -> None:
    edit_row(audit, 4, lambda row: row.update(version_oss="9.9.9"))

    said = check(with_heads(audit), "--anchors", audit.auditor)

    file = next(f for f in audit.files() if f.name.endswith("3.parquet"))
    assert said.code == 13
    assert said.out.startswith("The history is NOT what was signed.\n")
    assert said.out.endswith(
        "ROW_MISMATCH × 1\n"
        "\n"
        "ROW_MISMATCH\n"
        f"  log       {ORIGIN}\n"
        "  index     4\n"
        "  instance  prod\n"
        f"  file      {file}\n"
        "  expected  version_oss '8.2.0'\n"
        "  found     '9.9.9'\n"
    )


def test_very_many_findings_are_not_all_printed(audit: World) -> None:
    def spoil(rows: list[dict[str, Any]]) -> None:
        rows.extend({**rows[0], "signature": b"", "checkpoint": None} for _ in range(80))

    tamper(audit.files()[-1], spoil)

    said = check(audit)

    assert said.out.count("\nPAYLOAD_SIG_INVALID\n") <= 50
    assert "more; --json has most of them." in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--trust", "nobody.vkey"), "cannot read public key 'nobody.vkey'"),
        (("--expect", "last.note"), "cannot read the expected note 'last.note'"),
        (("--anchors", "nowhere"), "no folder 'nowhere' to read anchors from"),
    ],
)
def test_what_is_not_there_is_an_error_and_no_verdict(
    audit: World, words: tuple[str, str], message: str
) -> None:
    said = check(audit, *words)

    assert said.code in {2, 12}
    assert (said.out, said.err.startswith(f"error: {message}")) == ("", True)


def test_the_operators_own_journal_tells_of_what_was_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = three_days(tmp_path / "tally")
    monkeypatch.chdir(folder)
    newest_file(folder).unlink()
    notes = folder / "history" / "checkpoints.log"
    notes.write_text(notes.read_text().rpartition("example.com/tallybook\n4\n")[0])

    say("catalog")

    said = say("verify")

    assert said.code == 3
    assert "1 signed record(s) wait in the signer's journal" in said.out


@pytest.mark.slow
def test_the_installed_command_needs_no_settings_and_nothing_but_the_copy(
    audit: World, tmp_path: Path
) -> None:
    expect(audit, SIZE)
    (note,) = audit.expected
    copy = tmp_path / "copy"
    audit.root.rename(copy)

    ran = installed(
        *("verify", "--warehouse", copy, "--trust", audit.trusted, "--expect", note, "--json"),
        cwd=tmp_path / "elsewhere",
    )

    report = json.loads(ran.out)
    assert (ran.code, ran.err) == (3, "")
    assert [(f["name"], f["place"]["log"]) for f in report["findings"]] == [("UNANCHORED", OTHER)]
    assert report["signatures_valid"] == 24
