"""docs/verify-without-us.md, run as it stands: on a history with a change of keys, on forgeries.

The page's last table says which tool notices what. Here each forgery is made, each tool is
run on it by the page's own commands, and the table has to be right in every cell.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from etl.keys.change import name_recovery, revoke
from etl.snapshot import MissedSlot
from tests.builders import (
    DAY,
    ORIGIN,
    PROD,
    Clock,
    a_history,
    a_key,
    a_reading,
    a_snapshot,
    put,
    signed,
    tamper,
    write_rows,
)
from tests.rotated import (
    BEGAN,
    FIRST,
    NIGHTS,
    SECOND,
    STAGING,
    Rotated,
    a_rotated_history,
    files_of,
    rebuild,
    users_of_staging,
)
from tests.tsa import an_authority
from warehouse.checks.trust import trust_any
from warehouse.checks.witnesses import Outside, Witness
from warehouse.keys import ECDSA_P256
from warehouse.layout import Layout
from warehouse.ledger import read_rows
from warehouse.note import parse_checkpoint
from warehouse.proofs.proving import proof_of
from warehouse.sealed.seal import seal
from warehouse.verify import verify

PAGE = Path(__file__).resolve().parent.parent / "docs" / "verify-without-us.md"
BLOCK = re.compile(
    r"^<!-- (file|run): ([\w. -]+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
KINDS = ("genesis", "snapshot", "missed", "heads", "key")
FENCE = re.compile(r"^```\w+$", re.MULTILINE)
TOOLS = {
    "OpenSSL": "openssl",
    "sha256sum": "posix",
    "Go": "go",
    "DuckDB": "duckdb",
    "kept checkpoint": "kept",
}
GO_IS_HERE = bool(shutil.which("go")) and Path("/usr/share/gocode/src/golang.org/x/mod").is_dir()
HERE = TOOLS.keys() if GO_IS_HERE else TOOLS.keys() - {"Go"}
needs_go = pytest.mark.skipif(not GO_IS_HERE, reason="needs go and golang-golang-x-mod-dev")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("outside tools")]

Forgery = Callable[[Path], object]


def blocks(kind: str, name: str) -> list[str]:
    """The blocks of the page with this mark, in their order."""
    text = PAGE.read_text(encoding="utf-8")
    return [code for found, named, code in BLOCK.findall(text) if (found, named) == (kind, name)]


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's blocks of this name in a folder, as it says: with `sh -e`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    cache = str(PAGE.parent.parent / ".cache" / "go")
    script = "\n".join(blocks("run", name))
    assert script, name
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "GOCACHE": cache, "GOFLAGS": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    return a_rotated_history(tmp_path_factory.mktemp("rotated"))


@pytest.fixture
def desk(rotated: Rotated, tmp_path: Path) -> Path:
    """An auditor's folder: a copy of the history, the first key, a checkpoint kept from before."""
    shutil.copytree(rotated.root, tmp_path / "history")
    (tmp_path / "ledger.pub.pem").write_text(FIRST.public_key.pem)
    (tmp_path / "ledger.vkey").write_text(FIRST.public_key.vkey(ORIGIN) + "\n")
    (tmp_path / "kept.note").write_text(rotated.notes()[-1])
    for name in ("check-log.go", "check.sql", "check-sealed.sql"):
        (code,) = blocks("file", name)
        (tmp_path / name).write_text(code)
    return tmp_path


def the_tools_that_notice(desk: Path) -> set[str]:
    """Run every tool as the page says, each where the one before could prepare it."""
    run("take out", desk)
    found = set()
    for tool in HERE:
        if run(TOOLS[tool], desk).returncode != 0:
            found.add(tool)
        # Nobody else shall fail for want of a key that OpenSSL did not get as far as to write.
        (desk / "ledger-2.vkey").write_text(SECOND.public_key.vkey(ORIGIN) + "\n")
    return found


def test_every_block_of_the_page_is_one_that_is_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    marked = {(kind, name) for kind, name, _ in BLOCK.findall(text)}

    assert len(BLOCK.findall(text)) == len(FENCE.findall(text))
    assert marked == {
        ("file", "check-log.go"),
        ("file", "check.sql"),
        ("file", "check-sealed.sql"),
        ("run", "duckdb sealed"),
        *(("run", name) for name in TOOLS.values()),
        *(("run", name) for name in ("take out", "go proof", "timestamp")),
    }


def test_all_tools_agree_that_an_intact_history_is_intact(desk: Path) -> None:
    kept = parse_checkpoint((desk / "kept.note").read_text())
    outside = Outside((Witness("expected", "kept.note", kept.checkpoint, kept),))

    report = verify(desk / "history", trust_any([FIRST.public_key]), outside=outside)

    assert (report.status, report.findings) == ("intact", [])
    assert run("take out", desk).stderr == ""
    assert run("openssl", desk).stdout == "Signature Verified Successfully\n" * 4
    assert (run("posix", desk).stdout, run("duckdb", desk).stdout) == ("", "")
    assert run("kept", desk).returncode == 0
    assert (desk / "ledger-2.vkey").read_text() == SECOND.public_key.vkey(ORIGIN) + "\n"
    assert (desk / "ledger-2.pub.pem").read_text() == SECOND.public_key.pem


@pytest.mark.parametrize("grace_seconds", [0, 3600])
def test_all_tools_agree_that_a_sealed_history_is_intact(desk: Path, grace_seconds: float) -> None:
    seal(desk / "history", grace_seconds=grace_seconds)

    assert the_tools_that_notice(desk) == set()
    assert run("duckdb sealed", desk).stdout == ""


@pytest.mark.parametrize("kind", ["wide", "values"])
def test_a_number_in_a_sorted_file_is_noticed(desk: Path, kind: str) -> None:
    seal(desk / "history", grace_seconds=0)
    (file, *_) = sorted((desk / "history" / "sealed" / kind).iterdir())
    table = pq.read_table(file)
    name = "users" if kind == "wide" else "value"
    more = pc.add(table[name], 1)
    pq.write_table(table.set_column(table.column_names.index(name), name, more), file)

    noticed = run("duckdb sealed", desk)

    assert noticed.returncode == 1
    assert noticed.stdout.startswith(f"{kind},")


@needs_go
def test_go_says_who_signed_each_checkpoint(desk: Path) -> None:
    run("take out", desk)
    run("openssl", desk)

    first, second = (key.public_key.note_hash(ORIGIN).hex() for key in (FIRST, SECOND))
    assert run("go", desk).stdout.splitlines() == [
        *(f"{size} records, signed by {first}" for size in checkpoint_sizes(desk)[:6]),
        f"{checkpoint_sizes(desk)[6]} records, signed by {first} and {second}",
        *(f"{size} records, signed by {second}" for size in checkpoint_sizes(desk)[7:]),
        f"ok: {checkpoint_sizes(desk)[-1]} records, {len(checkpoint_sizes(desk))} checkpoints",
    ]


def checkpoint_sizes(desk: Path) -> list[int]:
    rows = [row for file in files_of(desk / "history") for row in read_rows(file)]
    return [row["index"] + 1 for row in rows if row["checkpoint"]]


def a_number_in_a_payload(history: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        payload = rows[-2]["payload"]
        assert isinstance(payload, bytes)
        rows[-2]["payload"] = payload.replace(b'"users":102', b'"users":900')

    tamper(files_of(history)[2], change)


def a_number_in_a_column(history: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        stats = rows[-2]["stats"]
        assert isinstance(stats, list)
        rows[-2]["stats"] = [(name, 900 if name == "users" else value) for name, value in stats]

    tamper(files_of(history)[2], change)


def every_hash_after_it(history: Path) -> None:
    rebuild(history, users_of_staging("2024-03-01", 900))


def every_root_after_it(history: Path) -> None:
    rebuild(history, users_of_staging("2024-03-01", 900), heads=True)


def a_record_of_his_own(history: Path) -> None:
    index = sum(len(read_rows(file)) for file in files_of(history))
    put(history, signed(a_snapshot(index=index, seq=9, instance=STAGING), a_key(66)))


def a_record_less(history: Path) -> None:
    tamper(files_of(history)[3], lambda rows: rows.pop(1))


def an_instance_less(history: Path) -> None:
    for file in files_of(history):
        rows = read_rows(file)
        write_rows(file, [row for row in rows if row["instance"] != "staging"])


def two_signatures_swapped(history: Path) -> None:
    def swap(rows: list[dict[str, object]]) -> None:
        rows[0]["signature"], rows[1]["signature"] = rows[1]["signature"], rows[0]["signature"]

    tamper(files_of(history)[3], swap)


def another_definition(history: Path) -> None:
    (file,) = (history / "definitions").iterdir()
    file.chmod(0o644)
    file.write_text(file.read_text().replace("What users means", "What users never meant"))


def a_commit_less(history: Path) -> None:
    files_of(history)[-1].unlink()


def a_commit_less_with_its_checkpoint(history: Path) -> None:
    a_commit_less(history)
    log = history / "checkpoints.log"
    notes = log.read_text().split("\n\n")
    log.write_text("\n\n".join(notes[:-3]) + "\n\n")


def another_key(history: Path) -> None:
    rebuild(history, users_of_staging("2024-03-01", 900), signers=(a_key(61), a_key(62)))


def the_key_itself(history: Path) -> None:
    rebuild(history, users_of_staging("2024-03-01", 900), signers=(FIRST, SECOND))


FORGERIES: dict[str, Forgery] = {
    "changed a number in a payload": a_number_in_a_payload,
    "changed it in the column only": a_number_in_a_column,
    "changed it in both, and every hash after it": every_hash_after_it,
    "the same, and the root in every checkpoint": every_root_after_it,
    "put in a record of his own": a_record_of_his_own,
    "dropped a record": a_record_less,
    "dropped an instance as a whole": an_instance_less,
    "swapped two signatures": two_signatures_swapped,
    "changed a definition": another_definition,
    "dropped the newest commit": a_commit_less,
    "dropped it with its checkpoint": a_commit_less_with_its_checkpoint,
    "signed everything anew, with another key": another_key,
    "signed everything anew, with the key itself": the_key_itself,
}


def the_table() -> dict[str, set[str]]:
    """What the page's last table says: who notices what."""
    text = PAGE.read_text(encoding="utf-8").split("## What each of them notices")[1]
    header, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    tools = [cell.strip() for cell in header.strip("|").split("|")][1:]
    table = {}
    for line in lines:
        did, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        table[did] = {tool for tool, cell in zip(tools, cells, strict=True) if cell == "yes"}
    return table


def test_the_table_has_every_forgery_and_every_tool() -> None:
    assert list(the_table()) == list(FORGERIES)
    assert set().union(*the_table().values()) == TOOLS.keys()


@pytest.mark.parametrize("did", FORGERIES)
def test_a_forgery_is_noticed_by_whom_the_page_says(did: str, desk: Path) -> None:
    FORGERIES[did](desk / "history")

    kept = parse_checkpoint((desk / "kept.note").read_text())
    outside = Outside((Witness("expected", "kept.note", kept.checkpoint, kept),))
    report = verify(desk / "history", trust_any([FIRST.public_key]), outside=outside)

    assert the_tools_that_notice(desk) == the_table()[did] & HERE
    assert report.status in {"tampered", "untrusted"}


@needs_go
@pytest.mark.parametrize("night", [0, NIGHTS - 1, NIGHTS, -1])
def test_go_opens_the_proof_of_one_record(night: int, rotated: Rotated, desk: Path) -> None:
    run("take out", desk)
    run("openssl", desk)
    (desk / "proof").mkdir()
    made = proof_of(Layout(rotated.root), ORIGIN, snapshots_of_prod(rotated)[night])
    for name, content in made.members():
        (desk / "proof" / name).parent.mkdir(exist_ok=True)
        (desk / "proof" / name).write_bytes(content)

    intact = run("go proof", desk)
    (desk / "proof" / "record.json").write_bytes(made.record.payload + b"\n")
    forged = run("go proof", desk)

    size = made.proof.checkpoint.size
    assert intact.stdout == f"ok: record {made.snapshot.index} of {size}\n"
    assert (forged.returncode, forged.stdout) == (1, "FAILED: invalid transparency proof\n")


def snapshots_of_prod(rotated: Rotated) -> list[int]:
    rows = [row for file in files_of(rotated.root) for row in read_rows(file)]
    return [row["index"] for row in rows if row["instance"] == "prod"]


def test_the_queries_know_every_kind_of_record(tmp_path: Path) -> None:
    clock = Clock(BEGAN)
    history = a_history(tmp_path, clock=clock, algorithm=ECDSA_P256, schedule="0 2 * * *")
    name_recovery(history.log, a_key(8))
    history.take(a_reading(taken_at=clock.now))
    clock.now += DAY
    history.log.append([MissedSlot(PROD, clock.now, 'it said "no"')])
    revoke(history.log, history.key.key_id, a_key(8), successor=a_key(2))
    (tmp_path / "ledger.vkey").write_text(history.key.vkey(ORIGIN) + "\n")
    (code,) = blocks("file", "check.sql")
    (tmp_path / "check.sql").write_text(code)

    kinds = {row["type"] for file in history.files() for row in read_rows(file)}
    assert kinds == {f"tallybook/{kind}/v1" for kind in KINDS}
    assert run("take out", tmp_path).returncode == 0
    for name in ("posix", "duckdb"):
        found = run(name, tmp_path)
        assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_openssl_reads_a_timestamp_of_a_checkpoint(desk: Path) -> None:
    authority = an_authority(desk / "authority")
    shutil.copy(authority.ca, desk / "authority.pem")
    (desk / "kept.tsr").write_bytes(authority.stamp((desk / "kept.note").read_bytes()))

    assert run("timestamp", desk).returncode == 0

    (desk / "kept.note").write_text((desk / "kept.note").read_text() + "\n")
    assert run("timestamp", desk).returncode != 0
