"""`tallybook prove`: one snapshot for somebody else, and nothing that does not verify."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.keys.change import revoke
from tests.builders import (
    A_MONDAY,
    DAY,
    ORIGIN,
    a_checkpoint,
    a_history,
    a_key,
    a_reading,
    tamper,
)
from tests.command import Ran, tallybook
from tests.rotated import (
    FIRST,
    SECOND,
    Rotated,
    a_rotated_history,
    files_of,
    rebuild,
    records_of,
    users_of_staging,
)
from warehouse.proofs.proof import parse_proof
from warehouse.record import decode

pytestmark = pytest.mark.slow

MEMBERS = [
    "README.txt",
    "verify.sh",
    "record.json",
    "record.sig",
    "record.tlog-proof",
    "checkpoint.note",
    "key.pem",
]


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    return a_rotated_history(tmp_path_factory.mktemp("rotated"))


@pytest.fixture
def copy(rotated: Rotated, tmp_path: Path) -> Path:
    """A copy of the warehouse that a test may spoil."""
    return Path(shutil.copytree(rotated.root, tmp_path / "history"))


def prove(root: Path, folder: Path, *words: str) -> Ran:
    """Run the installed command."""
    here = ("--warehouse", str(root), "--to", "proof.zip")
    return tallybook("prove", "--instance", "prod", *here, *words, cwd=folder)


def unpacked(archive: Path) -> Path:
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


def script(archive: Path, key: str) -> int:
    """Unpack a proof, run its script with a public key; return the exit code."""
    folder = unpacked(archive)
    (folder / "from elsewhere.pem").write_text(key)
    command = ["bash", "verify.sh", "from elsewhere.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def key_change(root: Path) -> int:
    """The index of the record that changes the keys."""
    return next(
        index
        for index, record in enumerate(records_of(root))
        if b'"type":"tallybook/key/v1"' in record.payload
    )


@pytest.mark.slow
def test_the_newest_snapshot_is_proved(rotated: Rotated, tmp_path: Path) -> None:
    ran = prove(rotated.root, tmp_path, "--json")

    newest = [decode(record.payload) for record in records_of(rotated.root)][-3]
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "file": "proof.zip",
        "log": ORIGIN,
        "index": newest.index,
        "instance": "prod",
        "taken_at": "2024-03-08T02:00:00.000Z",
        "key_id": SECOND.public_key.key_id,
        "key_number": 2,
        "checkpoint_size": newest.index + 3,
        "anchors": [],
    }
    assert zipfile.ZipFile(tmp_path / "proof.zip").namelist() == [
        *MEMBERS,
        *(f"payloads/0.{kind}" for kind in ("json", "sig")),
        "proofs/0.tlog-proof",
        *(f"payloads/{key_change(rotated.root)}.{kind}" for kind in ("json", "sig")),
        f"proofs/{key_change(rotated.root)}.tlog-proof",
    ]
    assert script(tmp_path / "proof.zip", SECOND.public_key.pem) == 0
    assert script(tmp_path / "proof.zip", FIRST.public_key.pem) == 1


@pytest.mark.slow
def test_a_snapshot_from_before_a_change_of_keys_needs_the_old_key_only(
    rotated: Rotated, tmp_path: Path
) -> None:
    ran = prove(rotated.root, tmp_path, "--at", "2024-03-02")

    changed_at = key_change(rotated.root)
    assert ran.out == (
        f"proof.zip: prod at 2024-03-02T02:00:00.000Z, record 9 of {ORIGIN}, "
        f"under a checkpoint of {changed_at + 1} records.\n"
    )
    assert ran.err == (
        "Its reader unpacks it and runs: bash verify.sh ledger.pub.pem   "
        f"(key {FIRST.public_key.key_id})\n"
    )
    assert script(tmp_path / "proof.zip", FIRST.public_key.pem) == 0
    proof = parse_proof((tmp_path / "proof" / "record.tlog-proof").read_text())
    assert proof.checkpoint.size == changed_at + 1
    assert str(proof.checkpoint) == (tmp_path / "proof" / "checkpoint.note").read_text()


def test_a_proof_tells_nothing_of_anybody_else(rotated: Rotated, tmp_path: Path) -> None:
    prove(rotated.root, tmp_path)

    with zipfile.ZipFile(tmp_path / "proof.zip") as content:
        everything = b"".join(content.read(name) for name in content.namelist())
    assert b"staging" not in everything
    assert b"east" not in everything
    assert str(tmp_path).encode() not in everything


def test_the_page_says_what_is_proved_and_what_is_not(rotated: Rotated, tmp_path: Path) -> None:
    prove(rotated.root, tmp_path)

    page = zipfile.ZipFile(tmp_path / "proof.zip").read("README.txt").decode()
    said = " ".join(page.split())
    assert f"Record {json.loads(prove_json(tmp_path))['index']} of the log {ORIGIN}" in said
    assert f"Key {SECOND.public_key.key_id} (ed25519) number 2 of this log" in said
    assert "bash verify.sh ledger-2.pub.pem" in said
    assert "ledger-2.pub.pem is the public half of the key with the number 2." in said
    assert "tallybook verify proof.zip --trust ledger.pub.pem" in said
    assert SECOND.public_key.vkey(ORIGIN) in said
    assert (
        "Signatures stop everyone who does not hold the key. Only an anchor, a checkpoint kept "
        "where the operator cannot reach it, stops the operator who does"
    ) in said
    assert "Nothing proves that the database told the truth." in said
    assert "There is no timestamp of this checkpoint in here." in said
    assert max(map(len, page.splitlines())) <= 100


def prove_json(folder: Path) -> bytes:
    return zipfile.ZipFile(folder / "proof.zip").read("record.json")


def test_the_same_proof_is_the_same_file(rotated: Rotated, tmp_path: Path) -> None:
    prove(rotated.root, tmp_path)
    first = (tmp_path / "proof.zip").read_bytes()
    (tmp_path / "proof.zip").unlink()

    prove(rotated.root, tmp_path)

    assert (tmp_path / "proof.zip").read_bytes() == first


def test_a_file_that_is_there_stays(rotated: Rotated, tmp_path: Path) -> None:
    (tmp_path / "proof.zip").write_text("somebody's")

    ran = prove(rotated.root, tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: 'proof.zip' is there already, and nothing is ever replaced\n"
        "hint: Name another file, or remove that one first.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["proof.zip"]
    assert (tmp_path / "proof.zip").read_text() == "somebody's"


def test_a_folder_that_is_not_there_takes_no_proof(rotated: Rotated, tmp_path: Path) -> None:
    ran = tallybook(
        *("prove", "--instance", "prod", "--warehouse", str(rotated.root), "--to", "no/proof.zip"),
        cwd=tmp_path,
    )

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: cannot write 'no/proof.zip': there is no folder 'no'\n"
        "hint: Make the folder first, or name another file.\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["--instance", "nowhere"],
            2,
            "error: no instance 'nowhere' in this history\n"
            'hint: There are: prod, staging, the "lab", east\n',
        ),
        (
            ["--at", "2024-01-01"],
            1,
            "error: no snapshot of 'prod' as early as 2024-01-01 23:59 UTC\n"
            'hint: When it begins: tallybook sql "SELECT * FROM instances"\n',
        ),
        (
            ["--log", "example.com/other"],
            2,
            "error: no log 'example.com/other' in this history\n"
            "hint: There are: example.com/tallybook\n",
        ),
    ],
)
def test_what_was_never_recorded_cannot_be_proved(
    words: list[str], code: int, said: str, rotated: Rotated, tmp_path: Path
) -> None:
    ran = prove(rotated.root, tmp_path, *words)

    assert (ran.code, ran.out, ran.err) == (code, "", said)
    assert list(tmp_path.iterdir()) == []


def test_the_script_says_which_key_of_several_it_needs(rotated: Rotated, tmp_path: Path) -> None:
    ran = prove(rotated.root, tmp_path)
    folder = unpacked(tmp_path / "proof.zip")
    (folder / "ledger.pub.pem").write_text(FIRST.public_key.pem)

    done = subprocess.run(
        ["bash", "verify.sh", "ledger.pub.pem"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (
        1,
        "FAILED  key: the record is signed by a later key of this log, number 2, and not by "
        f"{FIRST.public_key.key_id}: ask for ledger-2.pub.pem (README.txt says why)\n",
    )
    assert ran.err == (
        "Its reader unpacks it and runs: bash verify.sh ledger-2.pub.pem   "
        f"(key {SECOND.public_key.key_id})\n"
        "He needs that file, because key 2 of the log signed this record; with the first key "
        "alone:\n    tallybook verify FILE.zip --trust ledger.pub.pem\n"
    )


@pytest.mark.slow
def test_of_two_logs_the_newest_snapshot_is_proved_or_that_of_the_one_named(
    tmp_path: Path,
) -> None:
    one = a_history(tmp_path)
    other = a_history(tmp_path, origin="example.com/other", seed=2)
    one.take(a_reading(taken_at=A_MONDAY))
    other.take(a_reading(taken_at=A_MONDAY + DAY))

    newest = prove(one.root, tmp_path, "--json")
    (tmp_path / "proof.zip").rename(tmp_path / "newest.zip")
    named = prove(one.root, tmp_path, "--json", "--log", ORIGIN)

    assert json.loads(newest.out)["log"] == "example.com/other"
    assert json.loads(named.out)["log"] == ORIGIN
    assert script(tmp_path / "newest.zip", a_key(2).public_key.pem) == 0
    assert script(tmp_path / "proof.zip", a_key(1).public_key.pem) == 0


def a_changed_payload(root: Path) -> None:
    rebuild(root, lambda said: "stats" in said and said["stats"].update(users=1))


def a_missing_file(root: Path) -> None:
    files_of(root)[2].unlink()


def a_torn_file(root: Path) -> None:
    file = files_of(root)[2]
    file.write_bytes(file.read_bytes()[:-100])


def another_record_before(root: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[1]["payload"] = rows[2]["payload"]

    tamper(files_of(root)[2], change)


def another_root(root: Path) -> None:
    rebuild(root, users_of_staging("2024-03-01", 7), heads=True)


def another_checkpoint(root: Path) -> None:
    note = a_checkpoint(b"of something else", by=[a_key(2)])
    tamper(files_of(root)[-1], lambda rows: rows[-1].update(checkpoint=note))


def no_genesis(root: Path) -> None:
    tamper(files_of(root)[0], lambda rows: rows[0].update(type="tallybook/heads/v1"))


def a_name_in_a_column(root: Path) -> None:
    tamper(files_of(root)[-1], lambda rows: rows[2].update(instance="prod"))


UNPROVABLE: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a payload": (
        a_changed_payload,
        13,
        f"PAYLOAD_SIG_INVALID in {ORIGIN!r}: expected a signature by "
        f"{SECOND.public_key.key_id} over the payload, found one that does not verify",
    ),
    "a file that is missing": (a_missing_file, 13, f"expected record 4 of {ORIGIN!r}, found 8 in "),
    # DuckDB looks for the snapshot, and is the first to stumble.
    "a torn file": (a_torn_file, 1, "cannot read the history: "),
    "another record before": (
        another_record_before,
        13,
        f"ROOT_MISMATCH: the checkpoint of 37 records of {ORIGIN!r} has another root than the "
        "records have",
    ),
    "another root": (
        another_root,
        13,
        f"no checkpoint of {ORIGIN!r} is signed by its key {SECOND.public_key.key_id}",
    ),
    "another checkpoint": (
        another_checkpoint,
        13,
        f"expected a checkpoint of 37 records of {ORIGIN!r}, found one of 1 records of {ORIGIN!r}",
    ),
    "no genesis": (no_genesis, 13, f"GENESIS_MISSING: record 0 of {ORIGIN!r} is no genesis record"),
    "a name in a column": (
        a_name_in_a_column,
        13,
        f"ROW_MISMATCH: record 35 of {ORIGIN!r} is of 'staging' at 2024-03-08T02:00:00.000Z: its "
        "columns say otherwise",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", UNPROVABLE)
def test_nothing_is_written_that_does_not_verify(what: str, copy: Path, tmp_path: Path) -> None:
    spoil, code, reason = UNPROVABLE[what]
    spoil(copy)

    ran = prove(copy, tmp_path)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"error: {reason}")
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


@pytest.mark.slow
def test_what_was_signed_by_a_revoked_key_is_not_proved(tmp_path: Path) -> None:
    recovery, successor = a_key(8), a_key(2)
    history = a_history(tmp_path, recovery_key=recovery.public_key)
    history.take_days(4)
    revoke(history.log, history.key.key_id, recovery, from_index=3, successor=successor)

    good = prove(history.root, tmp_path, "--at", "2026-11-24")
    bad = prove(history.root, tmp_path, "--at", "2026-11-25", "--to", "other.zip")

    assert good.code == 0
    assert script(tmp_path / "proof.zip", history.key.pem) == 0
    assert bad.err == (
        f"error: KEY_REVOKED: the key {history.key.key_id} may not have signed record 3\n"
        "hint: Find out what is wrong with: tallybook verify\n"
    )
    assert not (tmp_path / "other.zip").exists()
