"""A proof under the newest checkpoint that somebody stamped, with the timestamp in it."""

import json
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import ORIGIN, Clock, History, a_history, a_reading
from tests.command import tallybook
from tests.test_proving import MEMBERS, prove, script, unpacked
from tests.tsa import an_authority
from warehouse.checks.trust import trust_any
from warehouse.layout import log_key
from warehouse.note import parse_checkpoint
from warehouse.proofs.archive import write_archive
from warehouse.proofs.checking import check_archive

pytestmark = pytest.mark.slow


def anchor(history: History, note: str, token: bytes, keeper: str = "tsa") -> str:
    """Keep a timestamp in the warehouse, as an anchor does."""
    size = parse_checkpoint(note).size
    folder = history.root / "anchors" / keeper
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{log_key(ORIGIN)}.{size:012d}"
    (folder / f"{name}.note").write_text(note)
    (folder / f"{name}.tsr").write_bytes(token)
    return f"anchors/{keeper}/{name}"


@pytest.mark.slow
def test_the_newest_checkpoint_with_a_timestamp_is_preferred(tmp_path: Path) -> None:
    authority = an_authority(tmp_path / "authority")
    history = a_history(tmp_path)
    history.take_days(6)
    notes = list(history.ledger.checkpoints(ORIGIN, 0))
    anchor(history, notes[1], authority.stamp(notes[1].encode()))
    anchor(history, notes[2], authority.stamp(notes[1].encode()), "another")
    anchor(history, notes[3], b"no token", "damaged")
    kept = anchor(history, notes[4], authority.stamp(notes[4].encode()))

    ran = prove(history.root, tmp_path, "--at", "2026-11-24", "--json")
    folder = unpacked(tmp_path / "proof.zip")

    assert json.loads(ran.out)["checkpoint_size"] == 5
    assert json.loads(ran.out)["anchors"] == ["tsa"]
    assert zipfile.ZipFile(tmp_path / "proof.zip").namelist() == [
        *MEMBERS,
        f"{kept}.note",
        f"{kept}.tsr",
    ]
    assert (folder / "checkpoint.note").read_text() == notes[4]
    assert (folder / f"{kept}.note").read_text() == notes[4]
    assert script(tmp_path / "proof.zip", history.key.pem) == 0
    (command,) = [
        line.strip()
        for line in (folder / "README.txt").read_text().splitlines()
        if line.startswith("    openssl ts ")
    ]
    shutil.copy(authority.ca, folder / "AUTHORITY.pem")
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
def test_a_snapshot_newer_than_every_timestamp_goes_without(tmp_path: Path) -> None:
    authority = an_authority(tmp_path / "authority")
    history = a_history(tmp_path)
    history.take_days(3)
    notes = list(history.ledger.checkpoints(ORIGIN, 0))
    anchor(history, notes[2], authority.stamp(notes[2].encode()))

    ran = prove(history.root, tmp_path, "--json")

    assert json.loads(ran.out)["checkpoint_size"] == 4
    assert json.loads(ran.out)["anchors"] == []


@pytest.mark.slow
def test_a_timestamp_in_a_proof_vouches_for_it_where_its_authority_is_trusted(
    tmp_path: Path,
) -> None:
    authority = an_authority(tmp_path / "authority")
    clock = Clock(datetime(2024, 2, 28, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    history.take(a_reading(taken_at=clock.now))
    (_, note) = history.ledger.checkpoints(ORIGIN, 0)
    kept = anchor(history, note, authority.stamp(note.encode()))
    prove(history.root, tmp_path)
    (tmp_path / "key.pem").write_text(history.key.pem)
    for name in ("mine", "none"):
        (tmp_path / name).mkdir()
    shutil.copy(authority.ca, tmp_path / "mine" / "ca.pem")

    audit = ("verify", "proof.zip", "--trust", "key.pem", "--json", "--anchors")
    mine, none = (tallybook(*audit, name, cwd=tmp_path) for name in ("mine", "none"))

    assert (mine.code, none.code) == (0, 3)
    assert json.loads(mine.out)["vouched_by"] == [f"{kept}.tsr"]
    assert json.loads(none.out)["counts"] == {"UNANCHORED": 1}


@pytest.mark.slow
def test_a_timestamp_of_something_else_in_a_proof_is_named(tmp_path: Path) -> None:
    authority = an_authority(tmp_path / "authority")
    history = a_history(tmp_path)
    history.take_days(2)
    note = list(history.ledger.checkpoints(ORIGIN, 0))[-1]
    kept = anchor(history, note, authority.stamp(note.encode()))
    prove(history.root, tmp_path)
    with zipfile.ZipFile(tmp_path / "proof.zip") as content:
        members = {name: content.read(name) for name in content.namelist()}
    members[f"{kept}.tsr"] = authority.stamp(b"something else")
    write_archive(tmp_path / "forged.zip", members.items())

    report = check_archive(
        tmp_path / "forged.zip", trust_any([history.key]), authorities=[authority.ca]
    )

    assert report.counts == {"ANCHOR_INVALID": 1, "UNANCHORED": 1}


@pytest.mark.slow
def test_a_record_that_is_younger_than_its_timestamp_is_found(tmp_path: Path) -> None:
    authority = an_authority(tmp_path / "authority")
    history = a_history(tmp_path, clock=Clock(datetime.now(UTC) + timedelta(hours=5)))
    history.take()
    note = list(history.ledger.checkpoints(ORIGIN, 0))[-1]
    anchor(history, note, authority.stamp(note.encode()))
    prove(history.root, tmp_path)

    report = check_archive(
        tmp_path / "proof.zip", trust_any([history.key]), authorities=[authority.ca]
    )

    assert report.counts == {"TIME_AFTER_ANCHOR": 1}
