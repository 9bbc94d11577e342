"""checkpoints.log: every signed head as plain text, each once, whatever a crash left there."""

import threading
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import ORIGIN, History, a_checkpoint, a_history, a_key, a_reading
from warehouse.checkpoints import complete, read_checkpoints
from warehouse.errors import CannotStore
from warehouse.note import Checkpoint, MalformedNote, Note, Signature, parse_checkpoint

SIGNER = a_key()
OTHER = "example.com/other"


@cache
def head(size: int, origin: str = ORIGIN) -> str:
    """A checkpoint of a log of so many records, whatever they are."""
    text = Checkpoint(origin, size, sha256(f"{size}".encode()).digest()).text
    key_hash = SIGNER.public_key.note_hash(origin)
    return str(Note(text, (Signature(origin, key_hash, SIGNER.sign(text.encode())),)))


def heads_of(*sizes: int, origin: str = ORIGIN) -> list[str]:
    return [head(size, origin) for size in sizes]


def file_of(*notes: str) -> bytes:
    return "".join(f"{note}\n" for note in notes).encode()


class Warehouse:
    """What a warehouse tells of one log, and how often it was asked since which size."""

    def __init__(self, *sizes: int, origin: str = ORIGIN) -> None:
        self.origin = origin
        self.notes = [(size, head(size, origin)) for size in sizes]
        self.asked: list[int] = []

    @property
    def size(self) -> int:
        return self.notes[-1][0]

    def newer(self, after: int) -> Iterator[str]:
        self.asked.append(after)
        return (note for size, note in self.notes if size > after)

    def complete(self, file: Path) -> None:
        complete(file, self.origin, self.size, self.newer)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.log"


def sizes_in(file: Path, origin: str = ORIGIN) -> list[int]:
    """The sizes that the file has whole checkpoints of, in its order."""
    found = [parse_checkpoint(note) for note, whole in read_checkpoints(file) if whole]
    return [checkpoint.size for checkpoint in found if checkpoint.origin == origin]


def test_a_file_that_is_not_there_is_made(file: Path) -> None:
    Warehouse(1, 2, 4).complete(file)

    assert file.read_bytes() == file_of(*heads_of(1, 2, 4))


def test_what_is_missing_is_added(file: Path) -> None:
    file.write_bytes(file_of(*heads_of(1, 2)))
    warehouse = Warehouse(1, 2, 4, 7)

    warehouse.complete(file)

    assert file.read_bytes() == file_of(*heads_of(1, 2, 4, 7))
    assert warehouse.asked == [2]


def test_what_is_complete_is_not_touched(file: Path) -> None:
    file.write_bytes(file_of(*heads_of(1, 2, 4)))
    before = file.stat()
    file.chmod(0o444)
    warehouse = Warehouse(1, 2, 4)

    for _ in range(3):
        warehouse.complete(file)

    after = file.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert warehouse.asked == []


def test_nothing_is_asked_where_the_file_knows_more(file: Path) -> None:
    file.write_bytes(file_of(*heads_of(1, 2, 4)))
    warehouse = Warehouse(1, 2)

    warehouse.complete(file)

    assert file.read_bytes() == file_of(*heads_of(1, 2, 4))
    assert warehouse.asked == []


def test_a_torn_note_is_repaired_wherever_it_is_torn(file: Path) -> None:
    whole = file_of(*heads_of(1, 2, 4))
    warehouse = Warehouse(1, 2, 4)

    for at in range(len(file_of(*heads_of(1, 2))), len(whole)):
        file.write_bytes(whole[:at])
        warehouse.complete(file)

        assert file.read_bytes() == whole, at


def test_the_only_note_is_repaired_wherever_it_is_torn(file: Path) -> None:
    whole = file_of(head(1))

    for at in range(len(whole)):
        file.write_bytes(whole[:at])
        Warehouse(1).complete(file)

        assert file.read_bytes() == whole, at


def test_a_torn_note_of_another_log_is_left_to_that_log(file: Path) -> None:
    whole = file_of(head(1), head(1, OTHER))
    others = Warehouse(1, origin=OTHER)

    for at in range(len(file_of(head(1))) + 1, len(whole)):
        file.write_bytes(whole[:at])
        Warehouse(1, 2).complete(file)

        assert file.read_bytes() == file_of(*heads_of(1, 2)), at
        others.complete(file)
        assert file.read_bytes() == file_of(*heads_of(1, 2), head(1, OTHER)), at


def test_two_logs_write_in_turns(file: Path) -> None:
    for size in (1, 2, 3):
        Warehouse(*range(1, size + 1)).complete(file)
        Warehouse(*range(1, size + 1), origin=OTHER).complete(file)

    assert file.read_bytes() == file_of(
        *(note for size in (1, 2, 3) for note in (head(size), head(size, OTHER)))
    )


def test_a_log_far_behind_another_is_found(file: Path) -> None:
    others = file_of(*heads_of(*range(1, 2001), origin=OTHER))
    file.write_bytes(file_of(head(1)) + others)
    warehouse = Warehouse(1, 2)

    warehouse.complete(file)

    assert len(others) > 1 << 18
    assert file.read_bytes() == file_of(head(1)) + others + file_of(head(2))
    assert warehouse.asked == [1]


def test_an_origin_that_begins_like_another_is_another(file: Path) -> None:
    file.write_bytes(file_of(*heads_of(9, origin=f"{ORIGIN}-2")))

    Warehouse(1).complete(file)

    assert (sizes_in(file), sizes_in(file, f"{ORIGIN}-2")) == ([1], [9])


def test_a_file_of_3000_notes_needs_only_its_tail(file: Path) -> None:
    notes = file_of(*heads_of(*range(1, 3001)))
    # Were any of this read, it would be taken for a note that is torn, and cut off.
    unread = b"x" * (len(notes) - (1 << 18))
    file.write_bytes(unread + notes[len(unread) :])
    warehouse = Warehouse(2999, 3000, 3001)

    warehouse.complete(file)

    assert file.read_bytes() == unread + notes[len(unread) :] + file_of(head(3001))
    assert warehouse.asked == [3000]


@pytest.mark.parametrize("signers", [1, 16])
def test_long_notes_are_found_again(file: Path, signers: int) -> None:
    origin = f"example.com/{'long' * 60}"
    by = [a_key(seed) for seed in range(1, signers + 1)]
    notes = [a_checkpoint(*[b"record"] * size, origin=origin, by=by) for size in (1, 2, 3)]
    whole = file_of(*notes)

    for at in range(len(file_of(*notes[:2])), len(whole), 7):
        file.write_bytes(whole[:at])
        complete(file, origin, 3, lambda after: notes[after:])

        assert file.read_bytes() == whole, at


@given(
    order=st.lists(st.sampled_from([ORIGIN, OTHER]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 400), min_size=12, max_size=12),
)
def test_no_note_is_ever_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], cuts: list[int]
) -> None:
    file = tmp_path_factory.mktemp("cut") / "checkpoints.log"
    grown = dict.fromkeys([ORIGIN, OTHER], 0)

    for origin, cut in zip(order, cuts, strict=False):
        grown[origin] += 1
        Warehouse(*range(1, grown[origin] + 1), origin=origin).complete(file)
        file.write_bytes(file.read_bytes()[: -cut or None])
    for origin, size in grown.items():
        if size:
            Warehouse(*range(1, size + 1), origin=origin).complete(file)

    assert [whole for _, whole in read_checkpoints(file)] == [True] * sum(grown.values())
    assert {origin: sizes_in(file, origin) for origin in grown} == {
        origin: list(range(1, size + 1)) for origin, size in grown.items()
    }


def test_writers_at_the_same_time_do_not_mix_their_notes(file: Path) -> None:
    origins = [f"example.com/{number}" for number in range(4)]

    def write(origin: str) -> None:
        for size in range(1, 26):
            Warehouse(*range(1, size + 1), origin=origin).complete(file)

    for origin in origins:
        heads_of(*range(1, 26), origin=origin)
    writers = [threading.Thread(target=write, args=(origin,)) for origin in origins]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [sizes_in(file, origin) for origin in origins] == [list(range(1, 26))] * 4
    assert all(whole for _, whole in read_checkpoints(file))


def test_a_file_that_is_not_there_has_no_notes(file: Path) -> None:
    assert list(read_checkpoints(file)) == []


def test_a_reader_is_told_of_a_torn_note(file: Path) -> None:
    file.write_bytes(file_of(*heads_of(1, 2))[:-40])

    assert list(read_checkpoints(file)) == [(head(1), True), (f"{head(2)}\n"[:-40], False)]


def test_bytes_that_are_no_text_are_no_checkpoint(file: Path) -> None:
    file.write_bytes(file_of(head(1)).replace(b"\n1\n", b"\n\xff\n"))

    ((note, whole),) = read_checkpoints(file)

    assert whole
    with pytest.raises(MalformedNote, match=r"^checkpoint's size '\ufffd' is no plain number$"):
        parse_checkpoint(note)


def test_a_file_that_cannot_be_written_says_so(file: Path) -> None:
    file.mkdir()

    with pytest.raises(CannotStore) as refusal:
        Warehouse(1).complete(file)

    assert str(refusal.value) == f"cannot write '{file}': is a directory"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def test_every_commit_has_a_checkpoint_in_the_file(history: History) -> None:
    history.take()
    history.take(a_reading(), a_reading())

    notes = list(read_checkpoints(history.ledger.layout.checkpoints))

    assert sizes_in(history.ledger.layout.checkpoints) == [1, 2, 4]
    assert notes == [(note, True) for note in history.ledger.checkpoints(ORIGIN, 0)]
    assert all(history.key.signed(parse_checkpoint(note).note, ORIGIN) for note, _ in notes)


def test_a_checkpoint_is_of_the_tree_of_all_records_up_to_it(history: History) -> None:
    history.take(a_reading(), a_reading())
    payloads = [record.payload for record in history.ledger.records()]

    assert list(history.ledger.checkpoints(ORIGIN, 0)) == [
        a_checkpoint(payloads[0]),
        a_checkpoint(*payloads),
    ]


def test_a_file_that_was_deleted_is_written_again(history: History) -> None:
    history.take_days(3)
    file = history.ledger.layout.checkpoints
    before = file.read_bytes()
    file.unlink()

    history.log.heal()

    assert file.read_bytes() == before


def test_a_file_that_lost_its_end_is_completed_by_the_next_run(history: History) -> None:
    history.take_days(3)
    file = history.ledger.layout.checkpoints
    file.write_bytes(file.read_bytes()[:-250])

    history.take()

    assert sizes_in(file) == [1, 2, 3, 4, 5]
    assert all(whole for _, whole in read_checkpoints(file))


def test_logs_share_the_file_of_their_warehouse(tmp_path: Path) -> None:
    history, other = a_history(tmp_path), a_history(tmp_path, origin=OTHER, seed=2)
    for _ in range(2):
        history.take()
        other.take()

    file = history.ledger.layout.checkpoints
    assert (sizes_in(file), sizes_in(file, OTHER)) == ([1, 2, 3], [1, 2, 3])
    file.unlink()
    history.log.heal()
    other.log.heal()
    assert (sizes_in(file), sizes_in(file, OTHER)) == ([1, 2, 3], [1, 2, 3])
