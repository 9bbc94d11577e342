"""Attacks on what a history consists of: its records' places, and its files."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.attacks import OTHER_LOG, finding, in_file, lost_end, record_in
from tests.builders import ORIGIN, History, a_snapshot, put, signed, tamper
from warehouse.layout import log_key
from warehouse.ledger import read_records
from warehouse.record import sha256_hex
from warehouse.rows import Row
from warehouse.verify import Finding


def a_record_in_the_middle_is_deleted(history: History) -> Sequence[Finding]:
    _, before, file, after, _ = history.files()
    expected, found = record_in(before).sha256, record_in(file).sha256
    file.unlink()
    return [
        finding("INDEX_GAP", after, 3, "index 2", "index 3"),
        finding("SEQ_GAP", after, 3, "seq 1", "seq 2"),
        finding("PREV_MISMATCH", after, 3, expected, found),
    ]


def the_newest_record_is_deleted(history: History) -> Sequence[Finding]:
    history.files()[-1].unlink()
    return [lost_end(5, 4)]


def the_genesis_record_is_deleted(history: History) -> Sequence[Finding]:
    genesis, first, *_ = history.files()
    genesis.unlink()
    return [
        finding("INDEX_GAP", first, 1, "index 0", "index 1"),
        finding("GENESIS_MISSING", first, 1, "a genesis record at index 0", "index 1"),
    ]


def everything_is_deleted(history: History) -> Sequence[Finding]:
    for file in history.files():
        file.unlink()
    return [lost_end(5, 0)]


def misnamed(file: Path, index: int, named: int, instance: str = "prod") -> Finding:
    key = log_key(ORIGIN)
    words = (f"a file named for {key} from {index}", f"one named for {key} from {named}")
    return finding("PAYLOAD_FIELD_MISMATCH", file, index, *words, instance=instance)


def two_records_change_places(history: History) -> Sequence[Finding]:
    _, first, second, third, _ = history.files()
    hashes = [record_in(file).sha256 for file in (first, second, third)]
    between = third.with_suffix(".swap")
    second.rename(between)
    third.rename(second)
    between.rename(third)
    return [
        misnamed(second, 3, 2),
        finding("INDEX_GAP", second, 3, "index 2", "index 3"),
        finding("SEQ_GAP", second, 3, "seq 1", "seq 2"),
        finding("PREV_MISMATCH", second, 3, hashes[0], hashes[1]),
        misnamed(third, 2, 3),
        finding("INDEX_DUPLICATE", third, 2, "index 4", "index 2"),
        finding("SEQ_DUPLICATE", third, 2, "seq 3", "seq 1"),
        finding("PREV_MISMATCH", third, 2, hashes[2], hashes[0]),
    ]


def a_record_is_doubled(history: History) -> Sequence[Finding]:
    _, first, second, third, _ = history.files()
    hashes = [record_in(file).sha256 for file in (first, second, third)]
    copy = put(history.root, record_in(second), at=5)
    return [
        misnamed(copy, 2, 5),
        finding("INDEX_DUPLICATE", copy, 2, "index 5", "index 2"),
        finding("SEQ_DUPLICATE", copy, 2, "seq 3", "seq 1"),
        finding("PREV_MISMATCH", copy, 2, hashes[2], hashes[0]),
    ]


def a_record_is_doubled_inside_its_file(history: History) -> Sequence[Finding]:
    file = history.files()[4]
    tamper(file, lambda rows: rows.append(rows[0]))
    prev = read_records(file)[0].sha256
    return [
        finding("INDEX_DUPLICATE", file, 4, "index 5", "index 4", instance="staging"),
        finding("SEQ_DUPLICATE", file, 4, "seq 1", "seq 0", instance="staging"),
        finding("PREV_MISMATCH", file, 4, prev, "0" * 64, instance="staging"),
    ]


def a_record_takes_the_place_of_another_instances(history: History) -> Sequence[Finding]:
    _, first, second, third, last = history.files()
    lost, prev = record_in(second).sha256, record_in(first).sha256
    spliced = record_in(last).sha256
    second.unlink()
    shutil.copy(last, second)
    return [
        misnamed(second, 4, 2, "staging"),
        finding("INDEX_GAP", second, 4, "index 2", "index 4", instance="staging"),
        finding("INDEX_DUPLICATE", third, 3, "index 5", "index 3"),
        finding("SEQ_GAP", third, 3, "seq 1", "seq 2"),
        finding("PREV_MISMATCH", third, 3, prev, lost),
        finding("INDEX_DUPLICATE", last, 4, "index 5", "index 4", instance="staging"),
        finding("SEQ_DUPLICATE", last, 4, "seq 1", "seq 0", instance="staging"),
        finding("PREV_MISMATCH", last, 4, spliced, "0" * 64, instance="staging"),
    ]


def a_record_of_another_log_of_ours_is_put_in(history: History) -> Sequence[Finding]:
    file = put(history.root, signed(a_snapshot(log=OTHER_LOG, index=5)), at=5)
    right = file.with_name(f"{log_key(ORIGIN)}.000000000005.parquet")
    file.rename(right)
    named = f"one named for {log_key(ORIGIN)} from 5"
    wanted = f"a file named for {log_key(OTHER_LOG)} from 5"
    missing = "a genesis record at index 0"
    return [
        finding("PAYLOAD_FIELD_MISMATCH", right, 5, wanted, named, log=OTHER_LOG),
        finding("INDEX_GAP", right, 5, "index 0", "index 5", log=OTHER_LOG),
        finding("GENESIS_MISSING", right, 5, missing, "index 5", log=OTHER_LOG),
    ]


def a_file_is_renamed(history: History) -> Sequence[Finding]:
    last = history.files()[-1]
    renamed = last.with_name(f"{log_key(ORIGIN)}.000000000300.parquet")
    last.rename(renamed)
    return [misnamed(renamed, 4, 300, "staging")]


def a_file_has_no_content(history: History) -> Sequence[Finding]:
    file = history.files()[-1]
    file.write_bytes(b"")
    reason = f"cannot read '{file}': Parquet file size is 0 bytes"
    return [in_file("FILE_UNREADABLE", file, "a Parquet file", reason), lost_end(5, 4)]


def a_file_has_no_record(history: History) -> Sequence[Finding]:
    file = history.files()[-1]
    tamper(file, list[Row].clear)
    found = in_file("FILE_UNREADABLE", file, "at least one record", "no record")
    return [found, lost_end(5, 4)]


def rows_that_nobody_signed_are_put_beside(history: History) -> Sequence[Finding]:
    file = history.files()[1]
    stray = file.with_name("more.parquet")
    shutil.copy(file, stray)
    return [in_file("FILE_UNKNOWN", stray, "a commit's name", "more.parquet")]


def a_definition_is_reworded(history: History) -> Sequence[Finding]:
    (file,) = history.ledger.layout.definitions.iterdir()
    content = file.read_bytes().replace(b"What users means.", b"Whatever we like.")
    file.unlink()
    file.write_bytes(content)
    reason = f"'{file}' has changed: expected SHA-256 {file.stem}, found {sha256_hex(content)}"
    first = in_file("DEFINITIONS_MISMATCH", file, "the content that the name promises", reason)
    return [first, *without_definitions(history, file)]


def a_definition_is_deleted(history: History) -> Sequence[Finding]:
    (file,) = history.ledger.layout.definitions.iterdir()
    file.unlink()
    return without_definitions(history, file)


def without_definitions(history: History, file: Path) -> list[Finding]:
    words = (f"definitions/{file.name}", "no file with that content")
    return [
        finding("DEFINITIONS_MISMATCH", path, index, *words, instance=name)
        for (index, path), name in zip(
            list(enumerate(history.files()))[1:], ("prod", "prod", "prod", "staging"), strict=True
        )
    ]
