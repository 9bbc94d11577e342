"""What somebody could do to a bundle on its way to the auditor, and by which names it is found.

The bundle is of five nights of prod out of the history in `rotated`: records 9, 13, 17, 22 and
26; 5 and 30 are the edges, 0 the genesis and 20 the change of keys. One checkpoint is of 21
records, the newest of 37.
"""

import json
from collections.abc import Callable
from contextlib import suppress

import msgspec

from tests.builders import a_checkpoint, a_key, a_snapshot
from tests.forged_tables import (
    a_hidden_row,
    a_null_for_a_zero,
    another_cell,
    another_type,
    in_table,
    with_statistics,
    with_statistics_of_old,
)
from tests.rotated import FIRST, SECOND
from warehouse.definitions import Definitions
from warehouse.errors import BrokenHistory
from warehouse.note import parse_checkpoint
from warehouse.payload import Snapshot
from warehouse.proofs.contents import Manifest, Period
from warehouse.proofs.pages import bundle_page
from warehouse.proofs.proof import TlogProof, parse_proof
from warehouse.proofs.tables import csv_of, parquet_of, table_of
from warehouse.record import Record, decode, encode, sha256_hex

Members = dict[str, bytes]
Forgery = Callable[[Members], object]
STRANGER = a_key(66)
A_WEEK = Period("2024-03-02T00:00:00.000Z", "2024-03-06T23:59:59.999Z")
INDEXES = (0, 5, 9, 13, 17, 20, 22, 26, 30)


def replaced(name: str, old: bytes, new: bytes) -> Forgery:
    def change(members: Members) -> None:
        assert old in members[name], name
        members[name] = members[name].replace(old, new, 1)

    return change


def without(*indexes: int) -> Forgery:
    """Leave records out, and tell of what is left as an honest bundle would."""

    def change(members: Members) -> None:
        for index in indexes:
            for name in (f"payloads/{index}.json", f"payloads/{index}.sig"):
                del members[name]
            del members[f"proofs/{index}.tlog-proof"]
        told_again(members)

    return change


def told_again(members: Members) -> None:
    """Write the data and the manifest as they follow from the payloads that are there."""
    manifest = msgspec.json.decode(members["manifest.json"], type=Manifest)
    taken = []
    for index in INDEXES:
        payload = members.get(f"payloads/{index}.json")
        said = decode(payload) if payload else None
        if payload and isinstance(said, Snapshot) and not manifest.period.place(said.taken_at):
            taken.append((Record(payload, b"", ""), said))
    (name,) = [name for name in members if name.startswith("definitions/")]
    definitions = msgspec.json.decode(members[name], type=Definitions)
    table = table_of(taken, {name[12:-5]: definitions})
    members["data.parquet"], members["data.csv"] = parquet_of(table), csv_of(table)
    written(members, msgspec.structs.replace(manifest, snapshots=len(taken)))


def written(members: Members, manifest: Manifest) -> None:
    """Write the manifest, and the text that goes with it."""
    payloads = []
    for index in INDEXES:
        with suppress(KeyError, BrokenHistory):
            payloads.append(decode(members[f"payloads/{index}.json"]))
    members["manifest.json"] = manifest.written()
    members["README.txt"] = bundle_page(manifest, FIRST.public_key, payloads).encode()


def a_number_in_all_places(members: Members) -> None:
    replaced("payloads/13.json", b'"users":104', b'"users":900')(members)
    told_again(members)


def two_proofs_swapped(members: Members) -> None:
    one, other = "proofs/13.tlog-proof", "proofs/17.tlog-proof"
    members[one], members[other] = members[other], members[one]


def in_proof(index: int, change: Callable[[TlogProof], TlogProof]) -> Forgery:
    name = f"proofs/{index}.tlog-proof"

    def forge(members: Members) -> None:
        members[name] = str(change(parse_proof(members[name].decode()))).encode()

    return forge


def another_path(proof: TlogProof) -> TlogProof:
    return TlogProof(proof.index, (bytes(32), *proof.path[1:]), proof.checkpoint)


def a_shorter_path(proof: TlogProof) -> TlogProof:
    return TlogProof(proof.index, proof.path[:-1], proof.checkpoint)


def another_place(proof: TlogProof) -> TlogProof:
    return TlogProof(proof.index + 1, proof.path, proof.checkpoint)


def in_manifest(**fields: object) -> Forgery:
    def change(members: Members) -> None:
        said = json.loads(members["manifest.json"])
        written(members, msgspec.convert(said | fields, Manifest))

    return change


def a_fork(members: Members) -> None:
    """Another tree, signed by the key in force: the holder keeps two histories."""
    note = a_checkpoint(*[b"another"] * 40, by=[SECOND])
    members["checkpoints/40.note"] = note.encode()


def a_second_head_of_one_size(members: Members) -> None:
    note = a_checkpoint(*[b"another"] * 21, by=[FIRST])
    members["checkpoints/21.note"] = note.encode()


def a_head_by_a_stranger(members: Members) -> None:
    head = parse_checkpoint(members["checkpoints/37.note"].decode())
    forged = str(parse_checkpoint(a_checkpoint(b"another", by=[STRANGER]))).split("\n")
    note = f"{head.note.text}\n{forged[-2]}\n"
    for name, content in members.items():
        members[name] = content.replace(str(head).encode(), note.encode())


def a_definition_that_says_otherwise(members: Members) -> None:
    (name,) = [name for name in members if name.startswith("definitions/")]
    replaced(name, b"What users means", b"What users never meant")(members)


def no_definitions(members: Members) -> None:
    (name,) = [name for name in members if name.startswith("definitions/")]
    del members[name]


def definitions_too_many(members: Members) -> None:
    members[f"definitions/{sha256_hex(b'{}')}.json"] = b"{}"


def one_key_for_the_other(members: Members) -> None:
    one, other = (f"keys/{key.public_key.key_id}.pem" for key in (FIRST, SECOND))
    members[one] = members[other]


def signed_by_a_stranger(index: int) -> Forgery:
    def change(members: Members) -> None:
        payload = members[f"payloads/{index}.json"]
        members[f"payloads/{index}.sig"] = STRANGER.sign(payload)

    return change


def signed_late_by_the_first_key(members: Members) -> None:
    members["payloads/22.sig"] = FIRST.sign(members["payloads/22.json"])


def an_invented_record(members: Members) -> None:
    """The record after the period, made up, with everything but the key."""
    at = "2024-03-07T02:00:00.000Z"
    payload = a_snapshot(index=30, seq=7, taken_at=at, db_time=at, recorded_at=at)
    definitions = next(name[12:-5] for name in members if name.startswith("definitions/"))
    said = msgspec.structs.replace(payload, definitions=definitions)
    members["payloads/30.json"] = encode(said)


ROWS = {"ROW_MISMATCH": 2}
FORGERIES: dict[str, tuple[Forgery, dict[str, int]]] = {
    "a number in a payload": (
        replaced("payloads/13.json", b'"users":104', b'"users":900'),
        {"PAYLOAD_SIG_INVALID": 1, "ROOT_MISMATCH": 1, "PREV_MISMATCH": 1, **ROWS},
    ),
    "a number in the payload and the data": (
        a_number_in_all_places,
        {"PAYLOAD_SIG_INVALID": 1, "ROOT_MISMATCH": 1, "PREV_MISMATCH": 1},
    ),
    "a line break after a payload": (
        lambda m: m.update({"payloads/13.json": m["payloads/13.json"] + b"\n"}),
        {"TRAILING_DATA": 1, "SEQ_GAP": 1, "PREV_MISMATCH": 1, "ROW_MISMATCH": 3},
    ),
    "a space in a payload": (
        replaced("payloads/13.json", b":", b": "),
        {"PAYLOAD_NOT_CANONICAL": 1, "SEQ_GAP": 1, "PREV_MISMATCH": 1, "ROW_MISMATCH": 3},
    ),
    "another log in a payload": (
        replaced("payloads/30.json", b'"log":"example.com', b'"log":"example.net'),
        {"PAYLOAD_FIELD_MISMATCH": 1, "PAYLOAD_SIG_INVALID": 1, "ROOT_MISMATCH": 1},
    ),
    "another index in a payload": (
        replaced("payloads/30.json", b'"index":30', b'"index":31'),
        {"PAYLOAD_FIELD_MISMATCH": 1, "PAYLOAD_SIG_INVALID": 1, "ROOT_MISMATCH": 1},
    ),
    "an invented record": (
        an_invented_record,
        {"PAYLOAD_SIG_INVALID": 1, "ROOT_MISMATCH": 1, "PREV_MISMATCH": 1},
    ),
    "no signature": (
        lambda m: m.pop("payloads/13.sig"),
        {"FILE_UNREADABLE": 1, "PAYLOAD_SIG_INVALID": 1},
    ),
    "an empty signature": (
        lambda m: m.update({"payloads/13.sig": b""}),
        {"FILE_UNREADABLE": 1, "PAYLOAD_SIG_INVALID": 1},
    ),
    "a signature with a byte more": (
        lambda m: m.update({"payloads/13.sig": m["payloads/13.sig"] + b"\0"}),
        {"PAYLOAD_SIG_INVALID": 1},
    ),
    "signed by a stranger": (signed_by_a_stranger(13), {"PAYLOAD_SIG_INVALID": 1}),
    "signed late by a retired key": (signed_late_by_the_first_key, {"KEY_RETIRED_USED": 1}),
    "a record less": (without(13), {"SEQ_GAP": 1, "PREV_MISMATCH": 1}),
    "no record before": (without(5), {"SEQ_GAP": 1}),
    "neither the first nor the one before": (without(5, 9), {"SEQ_GAP": 1}),
    "no record after": (without(30), {"UNANCHORED": 1}),
    "neither the last nor the one after": (without(26, 30), {"UNANCHORED": 1}),
    "no change of keys": (
        without(20),
        {
            "PAYLOAD_SIG_INVALID": 3,
            "CHECKPOINT_SIG_INVALID": 1,
            "UNANCHORED": 1,
            "FILE_UNKNOWN": 1,
        },
    ),
    "no genesis": (
        without(0),
        {"GENESIS_MISSING": 1},
    ),
    "a proof less": (lambda m: m.pop("proofs/13.tlog-proof"), {"FILE_UNREADABLE": 1}),
    "two proofs swapped": (two_proofs_swapped, {"PAYLOAD_FIELD_MISMATCH": 2}),
    "another place in a proof": (in_proof(13, another_place), {"PAYLOAD_FIELD_MISMATCH": 1}),
    "another path": (in_proof(13, another_path), {"ROOT_MISMATCH": 1}),
    "a shorter path": (in_proof(13, a_shorter_path), {"ROOT_MISMATCH": 1}),
    "a proof with a byte more": (
        lambda m: m.update({"proofs/13.tlog-proof": m["proofs/13.tlog-proof"] + b"\n"}),
        {"CHECKPOINT_MALFORMED": 1},
    ),
    "a proof of another kind": (
        replaced("proofs/13.tlog-proof", b"@v1", b"@v2"),
        {"FILE_UNREADABLE": 1},
    ),
    "a checkpoint less": (
        lambda m: m.pop("checkpoints/21.note"),
        {"CHECKPOINT_MALFORMED": 6},
    ),
    "a checkpoint under another name": (
        lambda m: m.update({"checkpoints/22.note": m.pop("checkpoints/21.note")}),
        {"CHECKPOINT_MALFORMED": 1},
    ),
    "a checkpoint that is none": (
        lambda m: m.update({"checkpoints/21.note": b"21 records"}),
        {"CHECKPOINT_MALFORMED": 7},
    ),
    "a checkpoint by a stranger": (
        a_head_by_a_stranger,
        {"CHECKPOINT_SIG_INVALID": 1},
    ),
    "another checkpoint of that size": (
        a_second_head_of_one_size,
        {"CHECKPOINT_MALFORMED": 6, "FORK": 1},
    ),
    "a fork": (a_fork, {"FORK": 1}),
    "no proof that one tree continues the other": (in_manifest(steps=[]), {"FORK": 1}),
    "a false proof that it does": (
        in_manifest(steps=[{"first": 21, "second": 37, "path": ["AAAA", "****"]}]),
        {"FORK": 1},
    ),
    "a cell of the table": (in_table(another_cell), {"ROW_MISMATCH": 1}),
    "nothing for a number": (in_table(a_null_for_a_zero), {"ROW_MISMATCH": 1}),
    "another type": (in_table(another_type), {"ROW_MISMATCH": 1}),
    "a row less": (in_table(lambda table: table.slice(1)), {"ROW_MISMATCH": 1}),
    "rows in another order": (
        in_table(lambda table: table.take([1, 0, 2, 3, 4])),
        {"ROW_MISMATCH": 1},
    ),
    "a table that is none": (
        lambda m: m.update({"data.parquet": b"PAR1"}),
        {"ROW_MISMATCH": 1},
    ),
    "no table": (lambda m: m.pop("data.parquet"), {"FILE_UNREADABLE": 1}),
    "a cell of the spreadsheet": (replaced("data.csv", b",104,", b",900,"), {"ROW_MISMATCH": 1}),
    "a row more in the spreadsheet": (
        lambda m: m.update({"data.csv": m["data.csv"] + b"a,b\n"}),
        {"ROW_MISMATCH": 1},
    ),
    "another name in the spreadsheet": (
        replaced("data.csv", b"users", b"loser"),
        {"ROW_MISMATCH": 1},
    ),
    "an open quote in the spreadsheet": (
        lambda m: m.update({"data.csv": m["data.csv"] + b'"'}),
        {"ROW_MISMATCH": 1},
    ),
    "a row that pyarrow passes over": (a_hidden_row, {"ROW_MISMATCH": 1}),
    "statistics that lie": (with_statistics, {"ROW_MISMATCH": 1}),
    "statistics by an unheard-of writer": (with_statistics_of_old, {"ROW_MISMATCH": 1}),
    "quotes in the spreadsheet": (replaced("data.csv", b",104,", b',"104",'), {"ROW_MISMATCH": 1}),
    "a text that says anything": (
        replaced("README.txt", b"5 snapshots", b"365 snapshots"),
        {"ROW_MISMATCH": 1},
    ),
    "a manifest that says things twice": (
        replaced("manifest.json", b"{", b'{"instance": "staging",'),
        {"ROW_MISMATCH": 1},
    ),
    "a text in a key": (
        lambda m: m.update(
            {f"keys/{FIRST.public_key.key_id}.pem": b"more\n" + FIRST.public_key.pem.encode()}
        ),
        {"KEY_FORMAT": 1},
    ),
    "a definition": (
        a_definition_that_says_otherwise,
        {"DEFINITIONS_MISMATCH": 1, "FILE_UNKNOWN": 1},
    ),
    "no definitions": (no_definitions, {"FILE_UNREADABLE": 1}),
    "definitions that nobody names": (definitions_too_many, {"FILE_UNKNOWN": 1}),
    "another name": (
        in_manifest(instance="staging"),
        {"PAYLOAD_FIELD_MISMATCH": 7},
    ),
    "another log": (
        in_manifest(log="example.com/other"),
        {"PAYLOAD_FIELD_MISMATCH": 9, "CHECKPOINT_MALFORMED": 11, "UNANCHORED": 1},
    ),
    "a longer period": (
        in_manifest(until="2024-03-31T00:00:00.000Z"),
        {"UNANCHORED": 1, "ROW_MISMATCH": 3},
    ),
    "a period from the beginning": (in_manifest(since=None), {"SEQ_GAP": 1, "ROW_MISMATCH": 3}),
    "another count": (in_manifest(snapshots=6), {"ROW_MISMATCH": 1}),
    "one key for the other": (one_key_for_the_other, {"KEY_FORMAT": 1}),
    "a key that is none": (
        lambda m: m.update({f"keys/{FIRST.public_key.key_id}.pem": b"none"}),
        {"KEY_FORMAT": 1},
    ),
}
