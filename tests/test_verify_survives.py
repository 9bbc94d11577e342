"""Nothing of the verifier raises for what a file can hold: all of it is a finding.

Rows that no writer makes, payloads that no run records, files that are none.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.attack_tools import append, changed, record_of, rows_of
from tests.attack_world import RECOVERY, SECOND, SIZE, World
from tests.builders import (
    ORIGIN,
    PROD,
    a_history,
    a_snapshot,
    put,
    signed,
    tamper,
)
from tests.kinds import EVERY_KIND
from warehouse.checks.findings import Report
from warehouse.payload import MAX_INTEGER
from warehouse.record import NotCanonical, canonical, decode, encode, sha256_hex
from warehouse.rows import HOT_SCHEMA

# fmt: off
ODD_TEXTS = (
    "", "garbage", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "2026-03-07T02:20:00Z",
    "\u00fc\u20ac\U0001f600", "\x00", "* * * * *", "nan", "1e999", "[red]x[/red]", "a\nb\n\nc",
    "A" * 5_000,
)
ODD_NUMBERS = (-1, 0, MAX_INTEGER, -MAX_INTEGER)
# fmt: on


def surveyed(world: World) -> Report:
    """Verify in both ways; every finding says what it has found."""
    fast, report = world.verify(fast=True), world.verify()
    assert all(f.expected and f.found for f in (*fast.findings, *report.findings))
    return report


def every_odd_payload(kind: str) -> Iterator[bytes]:
    """What owners could sign: one field after the other says something odd."""
    content = json.loads(encode(EVERY_KIND[kind])) | {"log": ORIGIN, "index": SIZE}
    for place, (path, value) in enumerate(leaves(content)):
        odd: tuple[object, ...] = ODD_NUMBERS if type(value) is int else ODD_TEXTS
        for step in (0, 1):
            replaced = with_leaf(content, path, odd[(place + step) % len(odd)])
            try:
                payload = canonical(replaced)
                decode(payload)
            except NotCanonical:
                continue
            yield payload


def leaves(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(content, dict | list):
        parts = content.items() if isinstance(content, dict) else enumerate(content)
        for key, part in parts:
            yield from leaves(part, (*path, key))
    else:
        yield path, content


def with_leaf(content: Any, path: tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_whatever_an_owner_signs_is_looked_at_to_the_end(world: World, kind: str) -> None:
    by = RECOVERY if kind.startswith("revocation") else SECOND
    likeness = a_snapshot(index=SIZE)
    new = world.layout.epoch(0) / world.layout.hot_name(ORIGIN, SIZE)

    for payload in every_odd_payload(kind):
        append(world, payload, by=by, like=likeness, head_by=(by, SECOND))
        assert surveyed(world).status != "intact"
        new.unlink()


@pytest.mark.parametrize("due_at", ["garbage", "9999-12-31T23:59:59.999Z", "2026-03-08T02:00:00Z"])
def test_a_slot_that_is_no_time_hides_no_gap(world: World, due_at: str) -> None:
    payload = changed(record_of(world, 17).payload, due_at=due_at)
    likeness = decode(record_of(world, 17).payload)

    append(world, changed(payload, index=SIZE), like=likeness)

    assert surveyed(world).status == "tampered"


def one_row(**columns: pa.Array) -> Callable[[World], object]:
    """Rewrite the newest file with columns that Python has no values for."""

    def change(world: World) -> None:
        file, row = world.files()[-1], rows_of(world)[-1]
        arrays = [
            columns.get(field.name, pa.array([row[field.name]], field.type)) for field in HOT_SCHEMA
        ]
        file.unlink()
        table = pa.Table.from_arrays(arrays, schema=HOT_SCHEMA)
        pq.write_table(table, file, write_statistics=False, store_schema=False)

    return change


def milliseconds(count: int) -> pa.Array:
    return pa.array([count], pa.int64()).cast(pa.timestamp("ms"))


def bytes_as_text(content: bytes) -> pa.Array:
    ends = pa.py_buffer((0).to_bytes(4, "little") + len(content).to_bytes(4, "little"))
    return pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(content)])


def payload(content: bytes) -> Callable[[World], object]:
    return one_row(payload=pa.array([content], pa.binary()))


ROWS: dict[str, Callable[[World], object]] = {
    "a time beyond any calendar": one_row(taken_at=milliseconds(253_402_300_800_000)),
    "a time beyond any clock": one_row(recorded_at=milliseconds(2**62)),
    "a time before any clock": one_row(db_time=milliseconds(-(2**62))),
    "a place beyond all": one_row(index=pa.array([2**62], pa.int64())),
    "a place before all": one_row(index=pa.array([-5], pa.int64())),
    "a name that is no text": one_row(instance=bytes_as_text(b"\xff\xfe")),
    "a log that is no text": one_row(log=bytes_as_text(b"\xff\xfe")),
    "a head that is no text": one_row(checkpoint=bytes_as_text(b"\xff\xfe")),
    "a head of a megabyte": one_row(checkpoint=pa.array(["x" * (1 << 20)])),
    "a value that is no number": one_row(
        stats=pa.array([[("users", float("nan"))]], HOT_SCHEMA.field("stats").type)
    ),
    "a value twice": one_row(
        stats=pa.array([[("users", 1.0), ("users", 2.0)]], HOT_SCHEMA.field("stats").type)
    ),
    "a signature of a megabyte": one_row(signature=pa.array([bytes(1 << 20)], pa.binary())),
    "no payload": payload(b""),
    "a payload of two megabytes": payload(b"x" * (2 << 20)),
    "a payload of brackets": payload(b"[" * 100_000),
    "a payload of objects in objects": payload(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a payload in UTF-16": payload('{"type":"tallybook/key/v1"}'.encode("utf-16")),
    "the end of a key record": payload(b'"type":"tallybook/key/v1"}'),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_no_writer_makes_is_a_finding(world: World, row: str) -> None:
    ROWS[row](world)

    assert surveyed(world).status == "tampered"


def beside(make: Callable[[Path], object], name: str | None = None) -> Callable[[World], object]:
    """Put something where a commit's file may be."""
    return lambda world: make(world.layout.epoch(0) / (name or world.layout.hot_name(ORIGIN, SIZE)))


def instead(what: str, make: Callable[[Path], object]) -> Callable[[World], object]:
    """Put something in the place of a file or a folder of the warehouse."""

    def change(world: World) -> None:
        path = world.root / what
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        make(path)

    return change


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


FILES: dict[str, tuple[Callable[[World], object], str]] = {
    "a folder with a commit's name": (beside(Path.mkdir), "tampered"),
    "a link to nowhere with a commit's name": (beside(link_to_nowhere), "tampered"),
    "a link to itself with a commit's name": (beside(link_to_itself), "tampered"),
    "a link to nowhere beside them": (beside(link_to_nowhere, "more.parquet"), "tampered"),
    "a name of two lines": (beside(Path.touch, "a\nb.parquet"), "tampered"),
    "a name that is no text": (beside(Path.touch, os.fsdecode(b"\xff.parquet")), "tampered"),
    "checkpoints.log is a folder": (instead("checkpoints.log", Path.mkdir), "tampered"),
    "checkpoints.log leads nowhere": (instead("checkpoints.log", link_to_nowhere), "incomplete"),
    "checkpoints.log is of empty lines": (
        instead("checkpoints.log", lambda path: path.write_text("\n" * 5_000)),
        "tampered",
    ),
    "definitions lead nowhere": (instead("definitions/x.json", link_to_nowhere), "intact"),
    "definitions are a folder": (instead("definitions/x.json", Path.mkdir), "intact"),
    "there are no definitions": (instead("definitions", lambda path: None), "tampered"),
    "the anchors are a file": (instead("anchors", Path.touch), "intact"),
    "an anchor leads nowhere": (instead("anchors/x.note", link_to_nowhere), "incomplete"),
    "an epoch is a file": (instead("hot/epoch=000001", Path.touch), "intact"),
    "an epoch leads nowhere": (instead("hot/epoch=000001", link_to_nowhere), "intact"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_none_is_a_finding_or_nothing(world: World, what: str) -> None:
    change, status = FILES[what]

    change(world)

    assert surveyed(world).status == status


# fmt: off
SENSELESS = {
    "no text": b"\xff\xfe",
    "nothing": b"",
    "a list": b"[]",
    "something else": b'{"root":"x"}',
    "very deep": b"[" * 100_000,
}
# fmt: on


@pytest.mark.parametrize("content", SENSELESS.values(), ids=SENSELESS)
def test_definitions_with_the_right_name_and_no_sense_are_a_finding(
    world: World, content: bytes
) -> None:
    Path(world.layout.definitions, f"{sha256_hex(content)}.json").write_bytes(content)

    report = surveyed(world)

    assert [f.name for f in report.findings] == ["DEFINITIONS_MISMATCH"]


@pytest.mark.parametrize("stamp", SENSELESS.values(), ids=SENSELESS)
def test_a_label_of_the_catalogue_that_says_nothing_is_no_crash(world: World, stamp: bytes) -> None:
    world.layout.catalog_stamp.write_bytes(stamp)

    assert {f.name for f in surveyed(world).findings} <= {"CATALOG_MISMATCH"}


@pytest.mark.parametrize("index", [-1, MAX_INTEGER])
def test_an_absurd_place_is_a_finding_and_no_crash(tmp_path: Path, index: int) -> None:
    history = a_history(tmp_path)
    history.take()
    put(history.root, signed(a_snapshot(index=index), SECOND), at=2)

    found = {finding.name for finding in history.verify().findings}

    assert {"KEY_UNTRUSTED", "PAYLOAD_FIELD_MISMATCH"} <= found


@pytest.mark.parametrize("value", ["nan", "inf", "many", "1e999", ""])
def test_a_decimal_that_is_no_number_is_a_finding_and_no_crash(tmp_path: Path, value: str) -> None:
    history = a_history(tmp_path)
    history.take()
    spoilt = encode(a_snapshot(instance=PROD, stats={"ratio": value}))
    tamper(history.files()[1], lambda rows: rows[0].update(payload=spoilt))

    assert "PAYLOAD_SIG_INVALID" in history.verify().counts
