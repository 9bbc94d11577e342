"""Attacks on the files that a history consists of: records', heads', definitions', views'."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from etl.signing import KeySigner
from tests.attack_tools import (
    Attack,
    a_line,
    edit_note,
    file_of,
    record_of,
    rewrite_log,
)
from tests.attack_world import OTHER, SECOND, STRANGER, World, note_of
from tests.builders import ORIGIN, tamper, write_rows
from warehouse import catalog
from warehouse.checks.findings import Place
from warehouse.ledger import read_rows
from warehouse.note import Checkpoint, parse_checkpoint
from warehouse.rows import HOT_SCHEMA, Row

WHOLE = Place(ORIGIN)
SOMEWHERE = Place()
MIDDLE = Place(ORIGIN, 15, "staging")
END = Place(ORIGIN, 19, "prod")

Does = Callable[[World], object]


def in_the_last_file(change: Callable[[Path], object]) -> Does:
    return lambda world: change(file_of(world, 19))


def no_rows(file: Path) -> None:
    tamper(file, list[Row].clear)


def a_column_more(file: Path) -> None:
    (row,) = read_rows(file)
    write_rows(file, [{**row, "sum": "0"}], HOT_SCHEMA.append(pa.field("sum", pa.string())))


def whole_numbers_for_floats(file: Path) -> None:
    (row,) = read_rows(file)
    stats = HOT_SCHEMA.get_field_index("stats")
    schema = HOT_SCHEMA.set(stats, pa.field("stats", pa.map_(pa.string(), pa.int64())))
    write_rows(file, [{**row, "stats": [(name, int(v)) for name, v in row["stats"]]}], schema)


def statistics_that_lie(file: Path) -> None:
    """By these DuckDB leaves out rows; a reader that takes all of them never looks at them."""
    table = pq.ParquetFile(file).read()
    file.unlink()
    pq.write_table(table, file, write_statistics=["type"], store_schema=False)
    in_the_footer(file, b"tallybook/snapshot/v1", b"nothing/that/is/in/it")


def bytes_that_are_called_text_once(file: Path) -> None:
    """What a column is stands in the footer twice, and readers differ in which one they take."""
    in_the_footer(file, b"\x0acheckpoint\x25", b"\x0acheckpoint\x24")


def in_the_footer(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    end = len(content) - 8
    footer = end - int.from_bytes(content[end : end + 4], "little")
    assert old in content[footer:end]
    file.write_bytes(content[:footer] + content[footer:].replace(old, new))


def a_file_that_nobody_committed(file: Path) -> None:
    shutil.copy(file, file.with_name("more.parquet"))


def a_file_in_an_epoch_of_its_own(file: Path) -> None:
    folder = file.parent.with_name("epoch=000001")
    folder.mkdir()
    shutil.copy(file, folder / file.name)


def head(change: Callable[[str], str], size: int = 20) -> Does:
    """Change the head of a commit, in its file and in checkpoints.log."""
    return lambda world: edit_note(world, size, change)


def logged(size: int, change: Callable[[str], str]) -> Does:
    """Change what checkpoints.log has of a commit, and there alone."""

    def change_all(notes: list[str]) -> list[str]:
        changed = [change(note) if is_head(note, size) else note for note in notes]
        return [note for note in changed if note]

    return lambda world: rewrite_log(world, change_all)


def is_head(note: str, size: int) -> bool:
    return note.startswith(f"{ORIGIN}\n{size}\n")


def without_our_lines(note: str) -> str:
    text, empty, _ = note.rpartition("\n\n")
    return f"{text}{empty}"


def our_bytes_under_a_strangers_signature(note: str) -> str:
    """Four bytes name a key: anybody can write those of another's."""
    text = parse_checkpoint(note).note.text
    four = SECOND.public_key.note_hash(ORIGIN)
    return without_our_lines(note) + a_line(ORIGIN, four, STRANGER.sign(text.encode()))


def signed_by_a_stranger(note: str) -> str:
    text = parse_checkpoint(note).note.text
    four = STRANGER.public_key.note_hash(ORIGIN)
    return without_our_lines(note) + a_line(ORIGIN, four, STRANGER.sign(text.encode()))


def signed_once_more_and_badly(note: str) -> str:
    return note + a_line(ORIGIN, SECOND.public_key.note_hash(ORIGIN), bytes(64))


def another_root(note: str) -> str:
    found = parse_checkpoint(note)
    forged = Checkpoint(found.origin, found.size, bytes(32)).text
    return note.replace(found.note.text, forged)


def of_size(size: int, signer: KeySigner) -> str:
    """A head of so many records that never were."""
    text = Checkpoint(ORIGIN, size, bytes(32)).text
    return (
        f"{text}\n{a_line(ORIGIN, signer.public_key.note_hash(ORIGIN), signer.sign(text.encode()))}"
    )


def a_shorter_root(note: str) -> str:
    return note.replace(note.split("\n")[2], base64.b64encode(bytes(31)).decode())


def the_signature_of_a_payload(world: World) -> None:
    signature = record_of(world, 19).signature
    line = a_line(ORIGIN, SECOND.public_key.note_hash(ORIGIN), signature)
    edit_note(world, 20, lambda note: without_our_lines(note) + line)


def the_head_of_another_commit(world: World) -> None:
    other = note_of(world, 16)
    edit_note(world, 19, lambda _: other)


def the_head_of_another_log(world: World) -> None:
    other = note_of(world, 4, OTHER)
    edit_note(world, 20, lambda _: other, logged=False)


def in_a_row_between(world: World) -> None:
    note = note_of(world, 16)
    tamper(file_of(world, 13), lambda rows: rows[1].update(checkpoint=note))


def unused_bits(note: str) -> str:
    """Another spelling of the same bytes: the last digit of base64 has bits that count not."""
    line = note.splitlines()[-1]
    assert line.endswith("=")
    kept = line.rstrip("=")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelt = kept[:-1] + digits[digits.index(kept[-1]) ^ 1] + line[len(kept) :]
    assert base64.b64decode(respelt.split()[-1]) == base64.b64decode(line.split()[-1])
    return note.replace(line, respelt)


def in_definitions(change: Callable[[Path], object]) -> Does:
    def attack(world: World) -> None:
        (file,) = world.layout.definitions.iterdir()
        change(file)

    return attack


def reword(file: Path) -> None:
    content = file.read_bytes().replace(b"What users means.", b"Whatever we like.")
    file.unlink()
    file.write_bytes(content)


def in_the_catalogue(statement: str) -> Does:
    def attack(world: World) -> None:
        catalog.refresh(world.root)
        world.layout.catalog.chmod(0o644)
        with duckdb.connect(str(world.layout.catalog)) as connection:
            connection.execute(statement)

    return attack


def no_database(world: World) -> None:
    catalog.refresh(world.root)
    world.layout.catalog.chmod(0o644)
    world.layout.catalog.write_bytes(b"no database")


# fmt: off
HEADS = {
    "a head has a byte more": head(lambda note: f"{note}."),
    "a head has a line more": head(lambda note: note.replace("\n\n", "\nmore\n\n", 1)),
    "a head's signature is spelt otherwise": head(unused_bits),
    "a head's size has a leading zero": head(lambda note: note.replace("\n20\n", "\n020\n")),
    "a head's root has 31 bytes": head(a_shorter_root),
    "a head has no signature": head(without_our_lines),
    "a head is no note at all": head(lambda _: "trust us"),
    "a head is of another log": the_head_of_another_log,
}
SIGNATURES = {
    "a head is signed by a stranger": head(signed_by_a_stranger),
    "a head is signed by a stranger in our name": head(our_bytes_under_a_strangers_signature),
    "a head is signed by us, and badly once more": head(signed_once_more_and_badly),
    "a head has the signature of a payload": the_signature_of_a_payload,
}
VIEWS = {
    "a view answers otherwise": in_the_catalogue("CREATE OR REPLACE VIEW instances AS SELECT 7"),
    "a view is gone": in_the_catalogue("DROP VIEW definitions"),
    "the catalogue has a table of its own": in_the_catalogue("CREATE TABLE corrected (users INT)"),
    "the catalogue has a function of its own": in_the_catalogue("CREATE MACRO sha256(x) AS x"),
    "the catalogue is no database": no_database,
}
UNREADABLE = {
    "a file is empty": in_the_last_file(lambda file: file.write_bytes(b"")),
    "a file is no Parquet": in_the_last_file(lambda file: file.write_bytes(b"PAR1 or not PAR1")),
    "a file has no rows": in_the_last_file(no_rows),
    "a file has a column more": in_the_last_file(a_column_more),
    "a file has columns of other types": in_the_last_file(whole_numbers_for_floats),
}
TWO_READINGS = {
    "a file's statistics hide its rows": in_the_last_file(statistics_that_lie),
    "a file's text is bytes to others": in_the_last_file(bytes_that_are_called_text_once),
}
ATTACKS = (
    *(Attack(story, does, "FILE_UNREADABLE ROLLBACK", SOMEWHERE, fast="FILE_UNREADABLE ROLLBACK")
      for story, does in UNREADABLE.items()),
    *(Attack(story, does, "FILE_UNREADABLE ROLLBACK", SOMEWHERE)
      for story, does in TWO_READINGS.items()),
    Attack("a file is there that nobody committed",
           in_the_last_file(a_file_that_nobody_committed), "FILE_UNKNOWN", SOMEWHERE,
           fast="FILE_UNKNOWN"),
    Attack("a file is there twice, in another epoch",
           in_the_last_file(a_file_in_an_epoch_of_its_own),
           "INDEX_DUPLICATE ROOT_MISMATCH SEQ_DUPLICATE PREV_MISMATCH", END,
           fast="INDEX_DUPLICATE ROOT_MISMATCH FORK"),
    *(Attack(story, does, "CHECKPOINT_MALFORMED", END, fast="CHECKPOINT_MALFORMED")
      for story, does in HEADS.items()),
    *(Attack(story, does, "CHECKPOINT_SIG_INVALID", END, fast="CHECKPOINT_SIG_INVALID")
      for story, does in SIGNATURES.items()),
    Attack("a head has another root", head(another_root), "ROOT_MISMATCH CHECKPOINT_SIG_INVALID",
           END, fast="ROOT_MISMATCH CHECKPOINT_SIG_INVALID"),
    Attack("a head in the middle has another root", head(another_root, 16),
           "ROOT_MISMATCH CHECKPOINT_SIG_INVALID", MIDDLE, fast="ROOT_MISMATCH"),
    Attack("a head in the middle is signed by a stranger", head(signed_by_a_stranger, 16),
           "CHECKPOINT_SIG_INVALID", MIDDLE),
    Attack("a head is that of another commit", the_head_of_another_commit, "CHECKPOINT_MALFORMED",
           Place(ORIGIN, 18, "staging"), fast="CHECKPOINT_MALFORMED"),
    Attack("a head stands in a row between", in_a_row_between, "CHECKPOINT_MALFORMED",
           Place(ORIGIN, 14, "prod"), fast="CHECKPOINT_MALFORMED"),
    Attack("a head is not in checkpoints.log", logged(16, lambda _: ""), "CHECKPOINT_MALFORMED",
           MIDDLE, fast="CHECKPOINT_MALFORMED"),
    Attack("a head is in checkpoints.log twice", logged(16, lambda note: f"{note}\n{note}"),
           "CHECKPOINT_MALFORMED", Place(ORIGIN, 18, "staging"), fast="CHECKPOINT_MALFORMED"),
    Attack("checkpoints.log has a head that nobody signed", logged(16, signed_by_a_stranger),
           "CHECKPOINT_SIG_INVALID", MIDDLE, fast="CHECKPOINT_SIG_INVALID"),
    Attack("checkpoints.log has lines of something else",
           logged(16, lambda note: f"a\n\nb\n\n{note}"), "CHECKPOINT_MALFORMED", SOMEWHERE,
           fast="CHECKPOINT_MALFORMED"),
    Attack("checkpoints.log has a head of no commit",
           logged(16, lambda note: f"{of_size(15, SECOND)}\n{note}"), "CHECKPOINT_MALFORMED",
           MIDDLE, fast="CHECKPOINT_MALFORMED"),
    Attack("checkpoints.log ends with a head that nobody signed",
           logged(20, lambda note: f"{note}\n{of_size(30, STRANGER)}"), "CHECKPOINT_SIG_INVALID",
           WHOLE, fast="CHECKPOINT_SIG_INVALID"),
    Attack("checkpoints.log knows more records",
           logged(20, lambda note: f"{note}\n{of_size(30, SECOND)}"), "ROLLBACK", WHOLE,
           fast="ROLLBACK"),
    Attack("a definition is reworded", in_definitions(reword), "DEFINITIONS_MISMATCH",
           Place(OTHER, 1, "shop"), fast="DEFINITIONS_MISMATCH"),
    Attack("definitions are deleted", in_definitions(Path.unlink), "DEFINITIONS_MISMATCH",
           Place(OTHER, 1, "shop")),
    *(Attack(story, does, "CATALOG_MISMATCH", SOMEWHERE)
      for story, does in VIEWS.items()),
)
# fmt: on
