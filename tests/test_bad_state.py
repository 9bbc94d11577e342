"""A signer's memory, key or catalogue that is lost, old, damaged or open to others."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.demo.binaries import server_user
from etl.signing import create_key, load_key
from tests.histories import ORIGIN, History, a_history
from tests.readers import Reader

pytestmark = pytest.mark.slow


@pytest.fixture
def history(reader: Reader, tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=reader.url)


def taken(history: History) -> None:
    """Take a snapshot that works."""
    ran = history.run("snapshot")
    assert (ran.code, ran.err) == (0, "")


def restore(folder: Path, backup: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)


def test_a_warehouse_of_an_older_backup_is_refused_by_name(
    history: History, tmp_path: Path
) -> None:
    taken(history)
    shutil.copytree(history.warehouse, tmp_path / "backup")
    taken(history)
    taken(history)
    shutil.copytree(history.warehouse, tmp_path / "newest")
    restore(history.warehouse, tmp_path / "backup")

    ran = history.run("snapshot")

    message = (
        f"error: WAREHOUSE_BEHIND_SIGNER: the signer has signed 4 records of {ORIGIN!r}, the "
        f"warehouse in {str(history.warehouse)!r} ends after 2\n"
        "hint: The warehouse was restored from an older copy, or files are missing. "
        "Bring back the newest copy; do not begin anew from this one.\n"
    )
    assert (ran.code, ran.err) == (1, message)
    assert history.verdict() == (13, "tampered")
    restore(history.warehouse, tmp_path / "newest")
    taken(history)
    assert history.verdict() == (0, "intact")


def test_a_warehouse_without_its_newest_record_gets_it_again(
    history: History, tmp_path: Path
) -> None:
    taken(history)
    shutil.copytree(history.warehouse, tmp_path / "backup")
    taken(history)
    signed = history.payloads()
    restore(history.warehouse, tmp_path / "backup")

    taken(history)

    assert history.payloads()[:-1] == signed
    assert history.verdict() == (0, "intact")


def test_an_empty_warehouse_is_not_begun_anew(history: History) -> None:
    taken(history)
    taken(history)
    shutil.rmtree(history.warehouse)

    ran = history.run("snapshot")

    assert ran.code == 10
    assert ran.err.startswith(f"error: no warehouse in {str(history.warehouse)!r}\n")
    assert not history.warehouse.exists()


@pytest.mark.parametrize("behind", [1, 2])
def test_a_signer_of_an_older_backup_is_refused_by_name(
    history: History, tmp_path: Path, behind: int
) -> None:
    taken(history)
    shutil.copytree(history.state, tmp_path / "backup")
    for _ in range(behind):
        taken(history)
    restore(history.state, tmp_path / "backup")
    before = history.payloads()

    ran = history.run("snapshot")

    message = (
        f"error: SIGNER_BEHIND_WAREHOUSE: the signer remembers 2 records of {ORIGIN!r}, the "
        f"warehouse in {str(history.warehouse)!r} has more\n"
        "hint: The signer's state was restored from an older copy, or the key is in use elsewhere. "
        "Bring back the newest state: signing on would fork the log.\n"
    )
    assert (ran.code, ran.err) == (1, message)
    assert history.payloads() == before


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\xff\xfe", b"garbage"])
def test_a_damaged_state_is_refused(history: History, content: bytes) -> None:
    (history.state / "signer.journal").write_bytes(content)

    ran = history.run("snapshot")

    assert ran.code == 1
    assert ran.err.startswith(
        f"error: cannot read the signer's state '{history.state}/signer.journal': "
    )
    assert ran.err.endswith("\nhint: Restore it from your backup.\n")


def test_a_lost_state_is_refused(history: History) -> None:
    (history.state / "signer.journal").unlink()

    ran = history.run("snapshot")

    message = (
        f"error: the signer's state '{history.state}/signer.journal' is missing\n"
        "hint: Restore it from your backup: without it the signer cannot know what it signed.\n"
    )
    assert (ran.code, ran.err) == (1, message)


@pytest.mark.parametrize("content", [None, b"", b"torn", b"\x00" * 100])
def test_a_damaged_text_of_checkpoints_is_written_again(
    history: History, content: bytes | None
) -> None:
    taken(history)
    file = history.warehouse / "checkpoints.log"
    before = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    taken(history)

    assert file.read_bytes().startswith(before)
    assert file.read_bytes().count(f"\n\n\u2014 {ORIGIN} ".encode()) == 3
    assert history.verdict() == (0, "intact")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602, 0o777])
def test_a_key_that_is_open_to_others_is_refused(history: History, mode: int) -> None:
    history.key.chmod(mode)

    ran = history.run("snapshot")

    message = (
        f"error: others can read the signing key {str(history.key)!r}: expected mode 0600, "
        f"found {mode:04o}\n"
        f"hint: Close it: chmod 600 {history.key}   If it may have been copied, replace it.\n"
    )
    assert (ran.code, ran.err) == (12, message)
    assert history.snapshots() == []


def test_a_lost_key_is_refused(history: History) -> None:
    history.key.unlink()

    ran = history.run("snapshot")

    message = (
        f"error: there is no signing key {str(history.key)!r}\n"
        "hint: Restore it from your backup; a new key would be another signer.\n"
    )
    assert (ran.code, ran.err) == (12, message)


def test_another_key_than_the_logs_is_refused(history: History) -> None:
    in_force = load_key(history.key).public_key.key_id
    history.key.unlink()
    other = create_key(history.key).public_key.key_id

    ran = history.run("snapshot")

    message = (
        f"error: the key in force of {ORIGIN!r} is {in_force}, "
        f"the settings' signing_key is {other}\n"
        "hint: Keys change by `tallybook keys rotate` only. Put the key in force back, or "
        "name it in signing_key.\n"
    )
    assert (ran.code, ran.err) == (12, message)
    assert history.snapshots() == []
    assert history.verdict() == (0, "intact")


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_damaged_key_is_refused(history: History, content: str) -> None:
    history.key.write_text(content)

    ran = history.run("snapshot")

    message = (
        f"error: {str(history.key)!r} is not a private key in PEM form\n"
        "hint: Restore it from your backup; expected -----BEGIN PRIVATE KEY-----\n"
    )
    assert (ran.code, ran.err) == (12, message)


# Once as root, so that all there is to import is imported: the interpreter may lie where the
# other user cannot look.
AS_ANOTHER_USER = """
import contextlib, io, os, sys
from schedules.cli import main, tallybook
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    tallybook.main(sys.argv[1:], standalone_mode=False)
os.setgroups([]); os.setgid({gid}); os.setuid({uid})
main()
"""


def test_a_key_of_another_user_is_refused(reader: Reader) -> None:
    user = server_user()
    if user.uid is None:
        pytest.skip("only root can become another user")
    program = AS_ANOTHER_USER.format(uid=user.uid, gid=user.gid)
    with tempfile.TemporaryDirectory(prefix="tallybook-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        history = a_history(Path(name) / "tally", prod=reader.url)
        history.state.chmod(0o755)
        ran = history.run("snapshot", program=program)
        shown = history.run("show", program=program)

    message = (
        f"error: cannot read the signing key {str(history.key)!r}: permission denied\n"
        "hint: Run as the user who owns it.\n"
    )
    assert (ran.code, ran.err) == (12, message)
    # Reading needs no key.
    assert (shown.code, shown.err) == (0, "")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "empty": lambda file: overwrite(file, b""),
    "garbage": lambda file: overwrite(file, b"garbage" * 1000),
    "cut": lambda file: overwrite(file, file.read_bytes()[:5000]),
    "another file's": lambda file: overwrite(file, b"PAR1"),
}


def overwrite(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["catalog.duckdb", "catalog.json"])
def test_a_damaged_catalogue_is_made_anew(history: History, damage: str, name: str) -> None:
    taken(history)
    DAMAGES[damage](history.warehouse / name)

    asked = history.run("sql", "SELECT count(*) AS n FROM snapshots", "--format", "csv")
    again = history.run("snapshot")

    assert (asked.code, asked.out, asked.err) == (0, "n\n1\n", "")
    assert (again.code, again.err) == (0, "")
    assert history.verdict() == (0, "intact")


def test_a_damaged_catalogue_is_made_anew_by_a_writer(history: History) -> None:
    taken(history)
    DAMAGES["garbage"](history.warehouse / "catalog.duckdb")

    taken(history)

    assert len(history.snapshots()) == 2
