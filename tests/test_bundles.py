"""An auditor's bundle: what is in it, and that nothing in it can be changed or left out unseen."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from etl.init import init, new_sources
from etl.log import SigningLog
from etl.signing import load_key
from tests.builders import (
    DAY,
    ORIGIN,
    SOME_DEFINITIONS,
    SOME_STATS,
    Clock,
    a_definition,
    a_history,
    a_reading,
    definitions_json,
)
from tests.command import Ran, tallybook
from tests.rotated import FIRST, SECOND, Rotated, a_rotated_history
from warehouse.checks.findings import Finding, Place, Report
from warehouse.checks.trust import trust_any
from warehouse.checks.witnesses import Outside, Witness
from warehouse.errors import BadInput
from warehouse.keys import PublicKey
from warehouse.ledger import Ledger
from warehouse.note import parse_checkpoint
from warehouse.payload import Instance
from warehouse.proofs.archive import write_archive
from warehouse.proofs.bundling import bundle
from warehouse.proofs.checking import check_archive
from warehouse.proofs.contents import Period
from warehouse.query import ask
from warehouse.record import sha256_hex

pytestmark = pytest.mark.slow

# The rotated history's nights are 2024-02-29 to 2024-03-08; the keys changed after 2024-03-04.
A_WEEK = Period("2024-03-02T00:00:00.000Z", "2024-03-06T23:59:59.999Z")
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    return a_rotated_history(tmp_path_factory.mktemp("rotated"))


@pytest.fixture(scope="module")
def week(rotated: Rotated, tmp_path_factory: pytest.TempPathFactory) -> Members:
    """The members of a bundle of five nights, the change of keys in their middle."""
    path = tmp_path_factory.mktemp("week") / "week.zip"
    bundle(rotated.root, "prod", A_WEEK, None, path)
    return members_of(path)


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as content:
        return {name: content.read(name) for name in content.namelist()}


def a_witness(note: str, kind: str = "expected") -> Witness:
    head = parse_checkpoint(note)
    named = "a kept note" if kind == "expected" else "an anchor"
    return Witness("anchor" if kind == "anchor" else "expected", named, head.checkpoint, head)


def check(
    members: Members, folder: Path, *keys: PublicKey, outside: Outside | None = None
) -> Report:
    """Zip the members and check them, by default with the first key."""
    path = folder / "bundle.zip"
    write_archive(path, members.items())
    return check_archive(path, trust_any(keys or [FIRST.public_key]), outside)


def run(root: Path, folder: Path, *words: str) -> Ran:
    here = ("--warehouse", str(root), "--to", "bundle.zip")
    return tallybook("bundle", "--instance", "prod", *here, *words, cwd=folder)


def indexes(members: Members) -> list[int]:
    names = [name for name in members if name.startswith("payloads/") and name.endswith(".json")]
    return [int(name.removeprefix("payloads/").removesuffix(".json")) for name in names]


@pytest.mark.slow
def test_an_auditor_makes_sure_with_one_key_and_one_note(rotated: Rotated, tmp_path: Path) -> None:
    made = run(rotated.root, tmp_path, "--since", "2024-03-02", "--until", "2024-03-06", "--json")
    (tmp_path / "first.pem").write_text(FIRST.public_key.pem)
    (tmp_path / "kept.note").write_text(rotated.notes()[-1])

    audit = ("verify", "bundle.zip", "--trust", "first.pem")
    alone = tallybook(*audit, cwd=tmp_path)
    vouched = tallybook(*audit, "--expect", "kept.note", cwd=tmp_path)

    assert made.code == 0
    assert json.loads(made.out) == {
        "file": "bundle.zip",
        "log": ORIGIN,
        "instance": "prod",
        "since": "2024-03-02T00:00:00.000Z",
        "until": "2024-03-06T23:59:59.999Z",
        "snapshots": 5,
        "missed": 0,
        "records": 9,
        "checkpoint_sizes": [21, 37],
        "key_ids": [FIRST.public_key.key_id, SECOND.public_key.key_id],
    }
    assert (vouched.code, vouched.err) == (0, "")
    assert vouched.out == (
        f"prod of {ORIGIN}, from 2024-03-02T00:00:00.000Z to 2024-03-06T23:59:59.999Z: "
        "5 snapshots, 0 slots without one.\n"
        "The history is intact.\n"
        "9 records of 1 log(s), 1 instance(s): 9 of 9 signatures are good.\n"
        "2 of 2 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with kept.note.\n"
    )
    assert alone.code == 3
    assert "UNANCHORED × 1" in alone.out


@pytest.mark.slow
def test_what_it_prints_says_how_to_go_on(rotated: Rotated, tmp_path: Path) -> None:
    ran = run(rotated.root, tmp_path, "--since", "2024-03-02")

    assert ran.out == (
        f"bundle.zip: prod of {ORIGIN}, from 2024-03-02T00:00:00.000Z to the end: "
        "7 snapshots, 0 slots without one.\n"
    )
    assert ran.err == (
        "Its reader runs: tallybook verify FILE.zip --trust PUBLIC_KEY.pem   "
        f"(key {FIRST.public_key.key_id})\n"
    )


def test_a_bundle_holds_the_period_its_edges_and_the_keys(week: Members) -> None:
    records = {
        index: msgspec.json.decode(week[f"payloads/{index}.json"]) for index in indexes(week)
    }

    assert [
        (said["type"].split("/")[1], said.get("taken_at", "")[:10], said.get("seq"))
        for said in records.values()
    ] == [
        ("genesis", "", None),
        ("snapshot", "2024-03-01", 1),
        ("snapshot", "2024-03-02", 2),
        ("snapshot", "2024-03-03", 3),
        ("snapshot", "2024-03-04", 4),
        ("key", "", None),
        ("snapshot", "2024-03-05", 5),
        ("snapshot", "2024-03-06", 6),
        ("snapshot", "2024-03-07", 7),
    ]
    (definitions,) = {said["definitions"] for said in records.values() if "definitions" in said}
    assert week.keys() == {
        *("README.txt", "manifest.json", "data.parquet", "data.csv"),
        *(f"payloads/{index}.json" for index in records),
        *(f"payloads/{index}.sig" for index in records),
        *(f"proofs/{index}.tlog-proof" for index in records),
        *("checkpoints/21.note", "checkpoints/37.note"),
        f"definitions/{definitions}.json",
        f"keys/{FIRST.public_key.key_id}.pem",
        f"keys/{SECOND.public_key.key_id}.pem",
    }


def test_a_bundle_tells_nothing_of_other_instances(week: Members) -> None:
    everything = b"".join(week.values())

    assert b"staging" not in everything
    assert b"east" not in everything


def test_the_page_says_what_it_proves_and_what_not(week: Members) -> None:
    said = " ".join(week["README.txt"].decode().split())

    assert "Instance prod" in said
    assert "5 snapshots, 0 slots without one" in said
    assert FIRST.public_key.vkey(ORIGIN) in said
    assert (
        "Signatures stop everyone who does not hold the key. Only an anchor, a checkpoint kept "
        "where the operator cannot reach it, stops the operator who does"
    ) in said
    assert "Nothing proves that the database told the truth." in said


COLUMNS = """
    SELECT * FROM snapshots
    WHERE instance = 'prod' AND taken_at BETWEEN '2024-03-02' AND '2024-03-07'
    ORDER BY index
"""


def test_the_data_is_what_the_view_says(week: Members, rotated: Rotated) -> None:
    answer = ask(rotated.root, COLUMNS)

    table = pq.read_table(io.BytesIO(week["data.parquet"]))

    assert table.column_names == list(answer.columns)
    assert [tuple(row.values()) for row in table.to_pylist()] == answer.rows
    assert {str(field.type) for field in table.schema} == {
        *("string", "int64", "double", "bool", "timestamp[us]"),
    }


def test_the_spreadsheet_says_the_same(week: Members) -> None:
    table = pq.read_table(io.BytesIO(week["data.parquet"]))

    header, *rows = csv.reader(io.StringIO(week["data.csv"].decode()))

    assert header == table.column_names
    assert len(rows) == table.num_rows
    first = dict(zip(header, rows[0], strict=True))
    assert (first["taken_at"], first["users"]) == ("2024-03-02T02:00:00.000Z", "103")
    assert (first["averageFlags"], first["SAMLenabled"]) == ("48.5", "true")


@pytest.mark.slow
def test_columns_follow_the_definitions_of_their_time(tmp_path: Path) -> None:
    clock = Clock(datetime(2024, 1, 1, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    newer = (
        *SOME_DEFINITIONS,
        a_definition("tokens", kind="bytes"),
        a_definition("rate", kind="ratio"),
    )
    history.take(a_reading(taken_at=clock.now))
    clock.now += DAY
    stats = {**SOME_STATS, "tokens": 7, "rate": "0.25", "odd": "1.5", "users": "2.5"}
    history.take(a_reading(stats, taken_at=clock.now, definitions=newer), definitions=newer)
    path = tmp_path / "bundle.zip"

    bundle(history.root, "prod", Period(), None, path)

    table = pq.read_table(io.BytesIO(members_of(path)["data.parquet"]))
    answer = ask(history.root, "SELECT * FROM snapshots ORDER BY index")
    assert table.column_names == list(answer.columns)
    assert [tuple(row.values()) for row in table.to_pylist()] == answer.rows
    assert table["users"].to_pylist() == [120, 2]
    assert check_archive(path, trust_any([history.key])).counts == {"UNANCHORED": 2}


def test_without_a_later_record_newer_ones_may_have_been_left_out(
    rotated: Rotated, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.zip"
    bundle(rotated.root, "prod", Period("2024-03-08T00:00:00.000Z", None), None, path)
    outside = Outside((a_witness(rotated.notes()[-1]),))

    report = check_archive(path, trust_any([FIRST.public_key]), outside)

    place = Place(ORIGIN, 34, "prod", "payloads/34.json")
    assert report.findings == [
        Finding(
            "UNANCHORED",
            place,
            "a record after the period",
            "none: newer ones may have been left out",
        )
    ]
    assert (report.status, report.exit_code) == ("incomplete", 3)


def test_a_bundle_from_the_beginning_has_no_record_before(rotated: Rotated, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    outside = Outside((a_witness(rotated.notes()[-1]),))

    made = bundle(rotated.root, "prod", Period(None, "2024-03-01T00:00:00.000Z"), None, path)

    assert made.manifest.snapshots == 1
    assert indexes(members_of(path)) == [0, 1, 5, 20]
    report = check_archive(path, trust_any([FIRST.public_key]), outside)
    assert (report.status, report.findings) == ("intact", [])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--since", "2025-01-01"], 1, "nothing was recorded of 'prod' in that period"),
        (["--log", "example.com/other"], 2, "no log 'example.com/other' in this history"),
        (["--instance", "nowhere"], 2, "no instance 'nowhere' in this history"),
    ],
)
def test_nothing_makes_no_bundle(
    words: list[str], code: int, message: str, rotated: Rotated, tmp_path: Path
) -> None:
    ran = run(rotated.root, tmp_path, *words)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"error: {message}\nhint: ")
    assert list(tmp_path.iterdir()) == []


def test_a_period_that_ends_before_it_begins_is_refused(rotated: Rotated, tmp_path: Path) -> None:
    ran = run(rotated.root, tmp_path, "--since", "2024-03-06", "--until", "2024-03-02")

    assert (ran.code, ran.out) == (2, "")
    assert "--since is after --until: nothing is in between" in ran.err


def test_a_bundle_is_of_one_log(tmp_path: Path) -> None:
    one = a_history(tmp_path)
    other = a_history(tmp_path, origin="example.com/other", seed=2)
    one.take(a_reading())
    other.take(a_reading())

    with pytest.raises(BadInput) as refused:
        bundle(one.root, "prod", Period(), None, tmp_path / "bundle.zip")
    made = bundle(one.root, "prod", Period(), "example.com/other", tmp_path / "bundle.zip")

    assert str(refused.value) == "'prod' is in 2 logs, and a bundle is of one"
    assert refused.value.hint == f"Say which with --log: example.com/other, {ORIGIN}"
    assert made.manifest.log == "example.com/other"


def test_two_databases_under_one_name_are_two_chains(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    rebuilt = Instance("4c1b6b6e-0000-4000-8000-000000000009", "prod")
    history.take_days(2)
    history.take_days(2, rebuilt)
    path = tmp_path / "bundle.zip"

    made = bundle(history.root, "prod", Period(), None, path)

    report = check_archive(path, trust_any([history.key]))
    assert (made.manifest.snapshots, report.instances) == (4, 2)
    assert report.status == "incomplete"


@pytest.mark.slow
def test_in_its_own_folder_a_history_needs_neither_warehouse_nor_key_named(tmp_path: Path) -> None:
    made = init(tmp_path, new_sources(["prod=postgresql://db.example.com/unleash"], []), ORIGIN)
    ledger = Ledger(tmp_path / "history")
    definitions = definitions_json(SOME_DEFINITIONS)
    ledger.keep_definitions(definitions, sha256_hex(definitions))
    state = tmp_path / "state"
    signer = load_key(state / "signing-key.pem")
    SigningLog(ORIGIN, ledger, signer, state, "tallybook/test").append([a_reading()])

    proved = tallybook("prove", "--instance", "prod", "--to", "proof.zip", cwd=tmp_path)
    packed = tallybook("bundle", "--instance", "prod", "--to", "bundle.zip", cwd=tmp_path)
    verified = [
        tallybook("verify", name, "--json", cwd=tmp_path) for name in ("proof.zip", "bundle.zip")
    ]

    assert (made.origin, proved.code, packed.code) == (ORIGIN, 0, 0)
    assert [ran.code for ran in verified] == [3, 3]
    found = [{one["name"] for one in json.loads(ran.out)["findings"]} for ran in verified]
    assert found[0] == {"UNANCHORED"}
    assert found[1] <= {"UNANCHORED", "TIME_SKEW"}
