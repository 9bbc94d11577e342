"""Attacks on which records there are, and in which order."""

import shutil
from collections.abc import Callable

from tests.attack_rebuild import Said, rebuild, the_owner
from tests.attack_tools import Attack, append, file_of, follow_up, rewrite_log, roll_back
from tests.attack_world import OTHER, World
from tests.builders import ORIGIN, tamper, write_rows
from warehouse.checks.findings import Place
from warehouse.layout import log_key
from warehouse.ledger import read_rows
from warehouse.payload import Instance

WHOLE = Place(ORIGIN)
NEWEST = Place(ORIGIN, 20, "prod")

Does = Callable[[World], object]


def delete(index: int) -> Does:
    """Delete a record out of its file, whatever the numbers of the others."""

    def attack(world: World) -> None:
        tamper(file_of(world, index), lambda rows: rows.remove(_at(rows, index)))

    return attack


def _at(rows: list[dict[str, object]], index: int) -> dict[str, object]:
    return next(row for row in rows if row["index"] == index)


def delete_file(index: int) -> Does:
    """Delete the file that holds this record."""
    return lambda world: file_of(world, index).unlink()


def without(gone: Callable[[Said], bool]) -> Callable[[list[Said]], None]:
    def change(said: list[Said]) -> None:
        said[:] = [one for one in said if not gone(one)]

    return change


def is_staging(one: Said) -> bool:
    return one.instance == "staging"


def is_record_14(one: Said) -> bool:
    return bool(one.content["index"] == 14)


def an_instance_is_gone(world: World) -> None:
    for file in world.files():
        rows = read_rows(file)
        left = [row for row in rows if row["instance"] != "staging"]
        left[-1]["checkpoint"] = rows[-1]["checkpoint"]
        write_rows(file, left)


def a_log_is_gone(world: World) -> None:
    for file in world.files(OTHER):
        file.unlink()
    rewrite_log(world, lambda notes: [n for n in notes if not n.startswith(OTHER)])


def a_log_is_gone_for_who_has_its_key_alone(world: World) -> None:
    a_log_is_gone(world)
    shutil.rmtree(world.state(OTHER))
    (world.auditor / "other-4.note").unlink()


def everything_is_gone(world: World) -> None:
    shutil.rmtree(world.layout.hot)
    world.layout.epoch(0).mkdir(parents=True)
    world.layout.checkpoints.unlink()


def insert(said: list[Said]) -> None:
    content = {**said[14].content, "stats": {"users": 1}}
    said.insert(15, Said(content, {**said[14].row, "checkpoint": None}))


def two_rows_change_places(world: World) -> None:
    def swap(rows: list[dict[str, object]]) -> None:
        rows[0], rows[1] = rows[1], rows[0]

    tamper(file_of(world, 13), swap)


def two_records_change_places(said: list[Said]) -> None:
    said[13], said[14] = said[14], said[13]


def two_files_change_names(world: World) -> None:
    one, other = file_of(world, 13), file_of(world, 16)
    between = one.with_suffix(".swap")
    one.rename(between)
    other.rename(one)
    between.rename(other)


def a_record_comes_twice(world: World) -> None:
    tamper(file_of(world, 13), lambda rows: rows.insert(1, rows[1]))


def a_file_comes_twice(world: World) -> None:
    name = world.layout.hot_name(ORIGIN, 20)
    shutil.copy(file_of(world, 19), world.layout.epoch(0) / name)


def a_record_stands_for_another_instance(world: World) -> None:
    def splice(rows: list[dict[str, object]]) -> None:
        rows[1] = {**rows[2], "checkpoint": None}

    tamper(file_of(world, 13), splice)


def a_record_of_another_log_of_the_same_key(world: World) -> None:
    stray = follow_up(world, log="example.com/third")
    append(world, stray, head_by=())
    there = world.layout.epoch(0) / world.layout.hot_name("example.com/third", 20)
    there.rename(there.with_name(world.layout.hot_name(ORIGIN, 20)))


def a_file_is_renamed(world: World) -> None:
    file_of(world, 19).rename(world.layout.epoch(0) / f"{log_key(ORIGIN)}.000000000300.parquet")


def follows_with(**fields: object) -> Does:
    """Let the owner add a record, in its place or not."""
    return lambda world: append(world, follow_up(world, **fields))


def no_head(world: World) -> None:
    append(world, follow_up(world), head_by=())


def no_head_in_between(world: World) -> None:
    no_head(world)
    append(world, follow_up(world))


# fmt: off
ATTACKS = (
    Attack("a record in the middle is deleted", delete(14),
           "INDEX_GAP PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH SEQ_GAP PREV_MISMATCH HEADS_MISMATCH"
           " FORK GAP", Place(ORIGIN, 15, "staging"),
           fast="INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"),
    Attack("the first record is deleted", delete_file(0),
           "GENESIS_MISSING INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED HEADS_MISMATCH FORK"
           " UNANCHORED", Place(ORIGIN, 1, "prod"),
           fast="GENESIS_MISSING INDEX_GAP ROOT_MISMATCH CHECKPOINT_SIG_INVALID FORK UNANCHORED"),
    Attack("the newest record is deleted", delete_file(19), "ROLLBACK", WHOLE, fast="ROLLBACK"),
    Attack("the newest record is deleted with its checkpoints",
           lambda world: roll_back(world, 19), "ROLLBACK", WHOLE, fast="ROLLBACK"),
    Attack("a file in the middle is deleted", delete_file(13),
           "INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED SEQ_GAP PREV_MISMATCH HEADS_MISMATCH"
           " FORK GAP", Place(ORIGIN, 16),
           fast="INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"),
    Attack("the newest record of a commit is deleted", delete(15),
           "INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED SEQ_GAP PREV_MISMATCH HEADS_MISMATCH"
           " FORK GAP", Place(ORIGIN, 16),
           fast="INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"),
    Attack("everything is deleted", everything_is_gone, "LOG_MISSING", Place(OTHER),
           fast="LOG_MISSING"),
    Attack("an instance is deleted", an_instance_is_gone,
           "INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED HEADS_MISMATCH FORK UNANCHORED",
           Place(ORIGIN, 3), fast="INDEX_GAP ROOT_MISMATCH CHECKPOINT_MALFORMED FORK UNANCHORED"),
    Attack("an instance is deleted, everything renumbered",
           lambda w: rebuild(w, without(is_staging)),
           "PAYLOAD_SIG_INVALID KEY_UNTRUSTED CHECKPOINT_SIG_INVALID TIME_AFTER_ANCHOR ROLLBACK"
           " FORK ANCHOR_INVALID UNANCHORED", Place(ORIGIN, 2),
           fast="PAYLOAD_SIG_INVALID CHECKPOINT_SIG_INVALID ROLLBACK FORK ANCHOR_INVALID"
           " UNANCHORED"),
    Attack("an instance is deleted by the owner",
           lambda w: rebuild(w, without(is_staging), by=the_owner),
           "FORK TIME_AFTER_ANCHOR ROLLBACK UNANCHORED", WHOLE, fast="FORK ROLLBACK UNANCHORED"),
    Attack("an instance is deleted by the owner, who forgets the heads",
           lambda w: rebuild(w, without(is_staging), by=the_owner, heads=False),
           "HEADS_MISMATCH TIME_AFTER_ANCHOR ROLLBACK FORK UNANCHORED", Place(ORIGIN, 2),
           fast="ROLLBACK FORK UNANCHORED"),
    Attack("a record is deleted, everything renumbered",
           lambda w: rebuild(w, without(is_record_14)),
           "PAYLOAD_SIG_INVALID CHECKPOINT_SIG_INVALID TIME_AFTER_ANCHOR ROLLBACK FORK GAP",
           Place(ORIGIN, 14, "staging"), fast="CHECKPOINT_SIG_INVALID ROLLBACK FORK"),
    Attack("a record is deleted by the owner",
           lambda w: rebuild(w, without(is_record_14), by=the_owner),
           "FORK TIME_AFTER_ANCHOR ROLLBACK GAP", WHOLE, fast="FORK ROLLBACK"),
    Attack("a log is deleted", a_log_is_gone, "LOG_MISSING", Place(OTHER), fast="LOG_MISSING"),
    Attack("a log is deleted, for who has its key alone", a_log_is_gone_for_who_has_its_key_alone,
           "LOG_MISSING", Place(OTHER), fast="LOG_MISSING"),
    Attack("a record is inserted, everything renumbered", lambda w: rebuild(w, insert),
           "PAYLOAD_SIG_INVALID CHECKPOINT_SIG_INVALID TIME_BEFORE_ANCHOR FORK",
           Place(ORIGIN, 15, "prod"), fast="CHECKPOINT_SIG_INVALID FORK"),
    Attack("a record is inserted by the owner", lambda w: rebuild(w, insert, by=the_owner),
           "FORK TIME_BEFORE_ANCHOR", WHOLE, fast="FORK"),
    Attack("two rows change places", two_rows_change_places,
           "INDEX_GAP INDEX_DUPLICATE PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH HEADS_MISMATCH FORK",
           Place(ORIGIN, 14, "prod"), fast="ROOT_MISMATCH FORK"),
    Attack("two records change places, renumbered",
           lambda w: rebuild(w, two_records_change_places),
           "PAYLOAD_SIG_INVALID CHECKPOINT_SIG_INVALID FORK", Place(ORIGIN, 13, "prod"),
           fast="CHECKPOINT_SIG_INVALID FORK"),
    Attack("two files change names", two_files_change_names,
           "PAYLOAD_FIELD_MISMATCH INDEX_GAP INDEX_DUPLICATE ROOT_MISMATCH CHECKPOINT_MALFORMED"
           " SEQ_GAP SEQ_DUPLICATE PREV_MISMATCH HEADS_MISMATCH TIME_BACKWARDS FORK GAP",
           Place(ORIGIN, 13), fast="ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"),
    Attack("a record is there twice", a_record_comes_twice,
           "INDEX_DUPLICATE PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH SEQ_DUPLICATE PREV_MISMATCH"
           " HEADS_MISMATCH FORK", Place(ORIGIN, 14, "prod"),
           fast="INDEX_DUPLICATE ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"),
    Attack("a file is there twice", a_file_comes_twice,
           "INDEX_DUPLICATE PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH SEQ_DUPLICATE PREV_MISMATCH",
           Place(ORIGIN, 19, "prod"), fast="CHECKPOINT_MALFORMED UNANCHORED"),
    Attack("a record stands for another instance", a_record_stands_for_another_instance,
           "INDEX_DUPLICATE INDEX_GAP PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH SEQ_GAP"
           " SEQ_DUPLICATE PREV_MISMATCH HEADS_MISMATCH FORK GAP", Place(ORIGIN, 15, "staging"),
           fast="ROOT_MISMATCH FORK"),
    Attack("a record of another log of the same key", a_record_of_another_log_of_the_same_key,
           "PAYLOAD_FIELD_MISMATCH UNCHECKPOINTED_TAIL UNANCHORED",
           Place("example.com/third", 20, "prod"), fast="UNCHECKPOINTED_TAIL UNANCHORED"),
    Attack("a file is renamed", a_file_is_renamed, "PAYLOAD_FIELD_MISMATCH",
           Place(ORIGIN, 19, "prod"), fast="INDEX_GAP CHECKPOINT_MALFORMED UNANCHORED"),
    Attack("a number of the log is left out", follows_with(index=25),
           "INDEX_GAP CHECKPOINT_MALFORMED UNANCHORED", Place(ORIGIN, 25, "prod"),
           fast="INDEX_GAP CHECKPOINT_MALFORMED UNANCHORED"),
    Attack("a number of the chain is left out", follows_with(seq=9), "SEQ_GAP UNANCHORED", NEWEST,
           fast="UNANCHORED"),
    Attack("a number of the chain comes twice", follows_with(seq=6), "SEQ_DUPLICATE UNANCHORED",
           NEWEST, fast="UNANCHORED"),
    Attack("a chain begins again", follows_with(seq=0, prev="0" * 64),
           "SEQ_DUPLICATE PREV_MISMATCH UNANCHORED", NEWEST, fast="UNANCHORED"),
    Attack("a link leads elsewhere", follows_with(prev="ab" * 32), "PREV_MISMATCH UNANCHORED",
           NEWEST, fast="UNANCHORED"),
    Attack("an instance has another id", follows_with(instance=Instance("another", "prod")),
           "SEQ_GAP PREV_MISMATCH UNANCHORED", NEWEST, fast="UNANCHORED"),
    Attack("the end has no head", no_head, "UNCHECKPOINTED_TAIL UNANCHORED", WHOLE,
           fast="UNCHECKPOINTED_TAIL UNANCHORED"),
    Attack("a commit has no head", no_head_in_between, "CHECKPOINT_MALFORMED UNANCHORED",
           Place(ORIGIN, 20), fast="CHECKPOINT_MALFORMED UNANCHORED"),
)
# fmt: on
