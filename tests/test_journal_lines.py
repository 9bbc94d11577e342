"""The signer's journal as a disk may leave it: what was flushed counts, what was not does not."""

from contextlib import suppress
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.journal_lines import Journal, OtherFormat, Written, understood, with_checksum, written
from etl.memory import Head, Memory
from tests.builders import ORIGIN, a_genesis, a_key, a_missed, a_snapshot
from warehouse.payload import Instance
from warehouse.record import NotCanonical, encode

SECTOR = 512
GENESIS = encode(a_genesis(a_key()))
SNAPSHOTS = [encode(a_snapshot(index=n, seq=n - 1, tool="x" * 1500)) for n in range(1, 4)]


def a_file() -> Written:
    """A journal of a genesis record and one batch, each on blocks of its own."""
    begun = written(Journal(Memory.of_new_log(ORIGIN), (GENESIS,)))
    return grown(begun, SNAPSHOTS[0])


def grown(file: Written, *batch: bytes) -> Written:
    """The file with one more batch written into its room."""
    following = file.followed_by(Journal(file.journal.memory, batch))
    assert following
    return following[1]


OLD = a_file()
NEW = grown(OLD, *SNAPSHOTS[1:])
START = -(-OLD.end // 4096) * 4096
SECTORS = range(START, NEW.end, SECTOR)


def test_a_batch_begins_on_a_block_of_its_own_and_the_file_keeps_its_size() -> None:
    gap = NEW.content[OLD.end : START]

    assert START % 4096 == 0
    assert NEW.content[: OLD.end] == OLD.content[: OLD.end]
    assert gap.strip(b"\n") == b""
    assert NEW.content[START:].startswith(SNAPSHOTS[1] + b"\n" + SNAPSHOTS[2] + b"\n")
    assert len(NEW.content) == len(OLD.content)


def test_every_batch_is_read_back_in_its_order() -> None:
    found = understood(NEW.content)

    assert found == NEW
    assert found.journal.batch == tuple(SNAPSHOTS[1:])
    assert found.journal.before == OLD.journal.memory
    assert found.journal.memory.size == 4


@given(kept=st.sets(st.sampled_from(SECTORS), max_size=len(SECTORS) - 1))
def test_a_batch_of_which_any_sectors_are_missing_was_never_there(kept: set[int]) -> None:
    disk = bytearray(OLD.content)
    for at in kept:
        disk[at : at + SECTOR] = NEW.content[at : at + SECTOR]

    found = understood(bytes(disk))

    assert found.journal == OLD.journal
    assert found.clean is (not kept)


def test_a_batch_that_was_cut_off_anywhere_was_never_there() -> None:
    found = {
        understood(NEW.content[:end].ljust(len(NEW.content), b"\n")).journal.memory.size
        for end in range(START, NEW.end - 1)
    }

    assert found == {OLD.journal.memory.size}


def test_no_batch_is_written_beside_what_another_left_unfinished() -> None:
    torn = understood(NEW.content[: START + 700].ljust(len(NEW.content), b"\n"))

    assert torn.journal == OLD.journal
    assert torn.followed_by(Journal(torn.journal.memory, (SNAPSHOTS[1],))) is None


def flips() -> list[int]:
    """Every byte that counts, empty lines between batches left out."""
    content = NEW.content
    return [at for at in range(NEW.end) if content[max(0, at - 1) : at + 1] != b"\n\n"]


def test_no_bit_that_flips_in_what_counts_is_taken_for_an_unfinished_batch() -> None:
    taken = []
    for at in flips():
        disk = bytearray(NEW.content)
        disk[at] ^= 1 << at % 8
        with suppress(ValueError, msgspec.DecodeError, NotCanonical, OtherFormat):
            understood(bytes(disk))
            taken.append(at)

    assert taken == []


@pytest.mark.parametrize("at", [OLD.end, START - 1, NEW.end, len(NEW.content) - 1])
def test_a_bit_that_flips_in_the_room_changes_nothing_and_is_swept_away(at: int) -> None:
    disk = bytearray(NEW.content)
    disk[at] ^= 1 << 3

    found = understood(bytes(disk))

    assert found.journal == NEW.journal


def test_a_journal_is_written_anew_when_its_room_is_used_up() -> None:
    file, batches = a_file(), 0
    payloads = [encode(a_missed(index=n, seq=n - 1)) for n in range(2, 200)]
    for payload in payloads:
        following = file.followed_by(Journal(file.journal.memory, (payload,)))
        if following is None:
            break
        _, file = following
        batches += 1

    assert 10 < batches < 40
    assert understood(file.content) == file
    assert file.end <= len(file.content)


def test_a_log_of_thousands_of_instances_writes_its_state_only_now_and_then() -> None:
    instances = [Instance(f"4c1b6b6e-0000-4000-8000-{n:012d}", "prod") for n in range(3_000)]
    heads = {instance: Head(instance, 1, "0" * 64) for instance in instances}
    many = replace(OLD.journal.before, heads=heads)
    file = written(Journal(many, (SNAPSHOTS[0],)))

    following = file.followed_by(Journal(file.journal.memory, (SNAPSHOTS[1],)))

    assert following
    start, now = following
    assert now.end - start < 5_000 < file.state


@pytest.mark.parametrize("earlier", [b":2,", b":3,"])
def test_a_journal_of_an_earlier_format_is_read_and_replaced(earlier: bytes) -> None:
    file = written(OLD.journal)
    lines = file.content[: file.end - len("0" * 64 + "\n")].replace(b":4,", earlier, 1)

    found = understood(with_checksum(lines))

    assert found.journal == OLD.journal
    assert found.followed_by(Journal(found.journal.memory, (SNAPSHOTS[1],))) is None
