"""docs/verify-without-us.md on histories in which the recovery key took another key back."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl.keys.change import name_recovery, revoke
from tests.builders import DAY, ORIGIN, Clock, History, a_history, a_key, a_reading, tamper
from tests.rotated import BEGAN
from tests.test_verify_without_us import GO_IS_HERE, TOOLS, blocks, run
from warehouse.ledger import read_rows

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("outside tools")]


def a_revoked_history(folder: Path, from_index: int | None, *, named_at_once: bool) -> History:
    """One in which the recovery key, there from the beginning or named later, took a key back."""
    clock, recovery = Clock(BEGAN), a_key(8)
    key = recovery.public_key if named_at_once else None
    history = a_history(folder, clock=clock, recovery_key=key)
    if not named_at_once:
        name_recovery(history.log, recovery)
    for _ in range(3):
        clock.now += DAY
        history.take(a_reading(taken_at=clock.now))
    revoke(history.log, history.key.key_id, recovery, from_index, a_key(2))
    history = replace(history, log=replace(history.log, signer=a_key(2)))
    clock.now += DAY
    history.take(a_reading(taken_at=clock.now))
    (folder / "ledger.pub.pem").write_text(history.key.pem)
    (folder / "ledger.vkey").write_text(history.key.vkey(ORIGIN) + "\n")
    for name in ("check-log.go", "check.sql"):
        (code,) = blocks("file", name)
        (folder / name).write_text(code)
    return history


@pytest.mark.parametrize("named_at_once", [True, False])
def test_a_history_in_which_a_key_was_taken_back_is_intact_for_all(
    named_at_once: bool, tmp_path: Path
) -> None:
    history = a_revoked_history(tmp_path, None, named_at_once=named_at_once)

    assert history.verify().status == "intact"
    for name in ("take out", *(tool for tool in TOOLS.values() if tool != "kept")):
        if name != "go" or GO_IS_HERE:
            ran = run(name, tmp_path)
            assert ran.returncode == 0, (name, ran.stdout, ran.stderr)
    for name, key in (("ledger-2", a_key(2)), ("ledger-recovery", a_key(8))):
        assert (tmp_path / f"{name}.pub.pem").read_text() == key.public_key.pem
        assert (tmp_path / f"{name}.vkey").read_text() == key.public_key.vkey(ORIGIN) + "\n"


def test_what_a_key_signed_that_was_taken_back_counts_for_nothing(tmp_path: Path) -> None:
    history = a_revoked_history(tmp_path, 2, named_at_once=True)

    run("take out", tmp_path)
    ran = run("openssl", tmp_path)

    assert history.verify().status == "tampered"
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1] == "record 2: by a key that was taken back"


def test_a_revocation_by_another_key_than_the_recovery_key_is_none(tmp_path: Path) -> None:
    history = a_revoked_history(tmp_path, None, named_at_once=True)
    (row,) = [
        r for file in history.files() for r in read_rows(file) if r["type"].endswith("key/v1")
    ]
    forged = a_key(2).sign(row["payload"])
    tamper(history.files()[-2], lambda rows: rows[0].update(signature=forged))

    run("take out", tmp_path)

    assert history.verify().status == "tampered"
    assert run("openssl", tmp_path).returncode == 1
