"""Signed notes and checkpoints: one way to write each, and what is none is refused by name."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import ORIGIN, a_checkpoint, a_key, signed
from warehouse.keys import parse_vkey
from warehouse.note import (
    Checkpoint,
    MalformedNote,
    Note,
    Signature,
    SignedCheckpoint,
    notes_in,
    parse_checkpoint,
    parse_note,
)

SIGNER, SECOND, STRANGER = a_key(), a_key(2), a_key(66)
KEY = SIGNER.public_key
HEAD = a_checkpoint(b"one", b"two", b"three")
TEXT, _, LINE = HEAD.rpartition("\n\n")

lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
texts = st.lists(lines, max_size=5).map(lambda some: "".join(f"{line}\n" for line in some) or "\n")
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"))
signatures = st.builds(
    Signature,
    names.filter(bool),
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=1, max_size=80),
)
notes = st.builds(Note, texts, st.lists(signatures, min_size=1, max_size=16).map(tuple))
checkpoints = st.builds(
    Checkpoint,
    names.filter(bool),
    st.integers(0, 10**16 - 1),
    st.binary(min_size=32, max_size=32),
)


def with_line(*more: str) -> str:
    """The checkpoint with signature lines added behind its own."""
    return HEAD + "".join(more)


def a_line(name: str = ORIGIN, key_hash: bytes = b"\1\2\3\4", signature: bytes = b"?" * 64) -> str:
    return str(Signature(name, key_hash, signature))


@given(notes)
def test_a_note_is_read_back_as_it_was_written(note: Note) -> None:
    assert parse_note(str(note)) == note


@given(checkpoints, st.lists(signatures, min_size=1, max_size=3).map(tuple))
def test_a_checkpoint_is_read_back_as_it_was_written(
    checkpoint: Checkpoint, by: tuple[Signature, ...]
) -> None:
    note = Note(checkpoint.text, by)

    found = parse_checkpoint(str(note))

    assert found == SignedCheckpoint(checkpoint, note)
    assert (found.origin, found.size, found.root) == (
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
    )
    assert str(found) == str(note)


def test_a_checkpoint_is_written_as_c2sp_has_it() -> None:
    root = bytes(range(32))
    signature = Signature("example.com/log", b"\0\1\2\3", b"\4" * 64)
    note = Note(Checkpoint("example.com/log", 42, root).text, (signature,))

    assert str(note) == (
        "example.com/log\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "\n"
        "\u2014 example.com/log AAECAwQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
        "BAQEBAQEBAQEBAQEBAQEBAQEBAQ=\n"
    )


def test_a_checkpoint_of_the_checksum_database_of_go_is_read_and_verified() -> None:
    content = (
        "go.sum database tree\n15081221\nBoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg=\n"
        "\n"
        "\u2014 sum.golang.org Az3grilD7vQqTrv66jRgKM84Y80KTprrSt4bKmiOPxgmS5ZVBTeCl6dUvjYnN13R+"
        "C8j0jGY1WnUADGMkok3U0m2Zgo=\n"
    )
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    name, key = parse_vkey(vkey, named="Go's key")

    found = parse_checkpoint(content)

    assert (found.origin, found.size) == ("go.sum database tree", 15081221)
    assert key.signed(found.note, name) is True
    assert str(found) == content


@pytest.mark.parametrize("more", [0, 1, 16])
def test_a_note_has_up_to_16_signatures(more: int) -> None:
    note = Note("text\n", (Signature("name", bytes(4), b"?"),) * more)

    if more:
        assert parse_note(str(note)) == note
    else:
        with pytest.raises(MalformedNote):
            parse_note(str(note))


def test_a_text_may_have_empty_lines_and_signature_lines_in_it() -> None:
    content = f"a text\n\n{a_line()}and more\n\n{LINE}"

    note = parse_note(content)

    assert note.text == f"a text\n\n{a_line()}and more\n"
    assert str(note) == content


NO_LINES = "note has no empty line with whole signature lines after it"
NO_THREE = "checkpoint has not exactly three lines"
MALFORMED: dict[str, tuple[str, str]] = {
    "nothing": ("", NO_LINES),
    "no signature": (TEXT + "\n", NO_LINES),
    "no signature behind the empty line": (TEXT + "\n\n", NO_LINES),
    "no empty line": (HEAD.replace("\n\n", "\n"), NO_LINES),
    "no newline at the end": (HEAD[:-1], NO_LINES),
    "more behind it": (HEAD + "x", NO_LINES),
    "a line of something behind it": (HEAD + "x\n", "'x' is no signature line"),
    "an empty line behind it": (HEAD + "\n", NO_LINES),
    "an empty line between the lines": (HEAD + "\n" + a_line(), NO_THREE),
    "a space behind it": (HEAD[:-1] + " \n", "base64 as it is written|is not base64: .+"),
    "another kind of dash": (HEAD.replace("\u2014", "\u2013"), r"'\u2013 .+' is no signature line"),
    "no space after the dash": (HEAD.replace("\u2014 ", "\u2014"), ".+ is no signature line"),
    "no name": (with_line("\u2014  AAAAAAAA\n"), ".+ is no signature line"),
    "a name alone": (with_line("\u2014 name\n"), ".+ is no signature line"),
    "a plus in the name": (with_line(a_line("a+b")), ".+ is no signature line"),
    "a wide space in the name": (with_line(a_line("a\u2003b")), ".+ is no signature line"),
    "a line separator in the name": (with_line(a_line("a\u2028b")), ".+ is no signature line"),
    "a carriage return": (HEAD.replace("\n", "\r\n"), "note has a control character in it"),
    "a tab": (HEAD.replace("/", "\t"), "note has a control character in it"),
    "a zero": (HEAD.replace("/", "\0"), "note has a control character in it"),
    "a signature of 4 bytes": (with_line(a_line(signature=b"")), f"signature of '{ORIGIN}' is too"),
    "no padding": (HEAD.replace("=\n", "\n", 1), r".+ is not base64: Incorrect padding"),
    "an unused bit set": (with_line("\u2014 name AAAAAAB=\n"), "'AAAAAAB=' is not base64 as it is"),
    "two paddings": (with_line("\u2014 name AAAAAAA==\n"), "'AAAAAAA==' is not base64"),
    "base64 for addresses": (with_line("\u2014 name AAAAAA-_\n"), "'AAAAAA-_' is not base64: "),
    "base64 beyond ASCII": (with_line("\u2014 name AAAAAAAä\n"), "'AAAAAAAä' is not base64: "),
    "17 signatures": (with_line(*[a_line()] * 16), "note has more than 16 signatures"),
    "too long": (with_line(a_line() * 1000), "note of 1[0-9]+ characters is longer than 65536"),
    "two lines": (HEAD.replace("\n3\n", "\n", 1), NO_THREE),
    "four lines": (HEAD.replace("\n\n", "\nextension\n\n", 1), NO_THREE),
    "four lines, one of them empty": (HEAD.replace("\n\n", "\n\n\n", 1), NO_THREE),
    "no origin": (HEAD.removeprefix(ORIGIN), "checkpoint has no origin"),
    "a root of 31 bytes": (
        HEAD.replace(TEXT.split("\n")[2], base64.b64encode(bytes(31)).decode()),
        "checkpoint's root has 31 bytes, expected 32",
    ),
    "a root of 33 bytes": (
        HEAD.replace(TEXT.split("\n")[2], base64.b64encode(bytes(33)).decode()),
        "checkpoint's root has 33 bytes, expected 32",
    ),
    "no root": (HEAD.replace(TEXT.split("\n")[2], ""), "checkpoint's root has 0 bytes, expected 3"),
    "a root in hex": (HEAD.replace(TEXT.split("\n")[2], "00" * 32), "checkpoint's root has 48 byt"),
    "a root with an unused bit set": (
        HEAD.replace(TEXT.split("\n")[2], "A" * 42 + "B="),
        "'A+B=' is not base64 as it is written",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_checkpoint_is_refused_with_its_reason(name: str) -> None:
    content, reason = MALFORMED[name]

    with pytest.raises(MalformedNote, match=f"^{reason}"):
        parse_checkpoint(content)


@pytest.mark.parametrize(
    "size",
    [
        "",
        "03",
        "00",
        "+3",
        "-3",
        " 3",
        "3 ",
        "3.0",
        "3e0",
        "0x3",
        "1_0",
        "three",
        "\u0663",
        "\u00b3",
        "\uff13",
    ],
)
def test_a_size_that_is_no_plain_number_is_refused(size: str) -> None:
    with pytest.raises(MalformedNote) as refusal:
        parse_checkpoint(HEAD.replace("\n3\n", f"\n{size}\n", 1))

    assert str(refusal.value) == f"checkpoint's size {size!r} is no plain number"


def test_a_size_without_end_is_refused() -> None:
    with pytest.raises(MalformedNote) as refusal:
        parse_checkpoint(HEAD.replace("\n3\n", f"\n{'9' * 17}\n", 1))

    assert str(refusal.value) == f"checkpoint's size '{'9' * 17}' is too large"


def is_signed(content: bytes) -> bool:
    """Whether it is a checkpoint, and our key signed it."""
    try:
        return KEY.signed(parse_checkpoint(content.decode()).note, ORIGIN) is True
    except (UnicodeDecodeError, MalformedNote):
        return False


def test_no_bit_of_a_checkpoint_can_be_changed() -> None:
    whole = HEAD.encode()

    for place in range(len(whole)):
        for bit in range(8):
            changed = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            assert not is_signed(changed), (place, bit)
    assert is_signed(whole)


def test_a_key_knows_its_own_signature() -> None:
    note = parse_note(HEAD)

    assert KEY.signed(note, ORIGIN) is True
    assert STRANGER.public_key.signed(note, ORIGIN) is None
    assert KEY.signed(note, "example.com/other") is None


def test_the_signatures_of_two_keys_are_both_good() -> None:
    note = parse_note(a_checkpoint(b"one", by=[SIGNER, SECOND]))

    assert [line.name for line in note.signatures] == [ORIGIN, ORIGIN]
    assert KEY.signed(note, ORIGIN) is True
    assert SECOND.public_key.signed(note, ORIGIN) is True


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(a_line(), id="of an unknown key"),
        pytest.param(a_line("witness.example"), id="of an unknown name"),
        pytest.param(a_line("witness.example", KEY.note_hash(ORIGIN)), id="of a name with our id"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_unknown_signature_line_is_ignored(line: str, first: bool) -> None:
    ordered = line + LINE if first else LINE + line

    assert KEY.signed(parse_note(f"{TEXT}\n\n{ordered}"), ORIGIN) is True


@pytest.mark.parametrize("first", [True, False])
def test_a_bad_line_of_a_known_key_spoils_the_note(first: bool) -> None:
    bad = a_line(ORIGIN, KEY.note_hash(ORIGIN))
    ordered = bad + LINE if first else LINE + bad

    assert KEY.signed(parse_note(f"{TEXT}\n\n{ordered}"), ORIGIN) is False


def test_a_signature_of_another_note_is_not_good() -> None:
    _, _, line = a_checkpoint(b"one", b"two", b"other").rpartition("\n\n")

    assert KEY.signed(parse_note(f"{TEXT}\n\n{line}"), ORIGIN) is False


def test_a_key_with_the_same_four_bytes_is_not_taken_for_ours() -> None:
    colliding = Signature(ORIGIN, KEY.note_hash(ORIGIN), STRANGER.sign(f"{TEXT}\n".encode()))

    assert KEY.signed(Note(f"{TEXT}\n", (colliding,)), ORIGIN) is False


def test_a_signature_of_a_payload_is_no_signature_of_a_checkpoint() -> None:
    record = signed(TEXT.encode())
    replayed = Signature(ORIGIN, KEY.note_hash(ORIGIN), record.signature)

    assert KEY.signed(Note(TEXT + "\n", (replayed,)), ORIGIN) is False


def lines_of(content: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+$", content)


def test_a_file_of_notes_is_taken_apart() -> None:
    heads = [a_checkpoint(*[b"x"] * size) for size in (1, 2, 3)]
    file = "".join(f"{head}\n" for head in heads)

    assert list(notes_in(lines_of(file))) == [(head, True) for head in heads]


def test_an_empty_file_has_no_notes() -> None:
    assert list(notes_in([])) == []


@pytest.mark.parametrize(
    "before", ["", f"{a_checkpoint(b'one')}\n"], ids=["alone", "behind another"]
)
def test_a_note_that_is_cut_at_any_byte_is_not_whole(before: str) -> None:
    whole = [(before[:-1], True)] if before else []
    content = f"{HEAD}\n".encode()

    for at in range(1, len(content)):
        torn = content[:at].decode(errors="surrogateescape")
        assert list(notes_in(lines_of(before + torn))) == [*whole, (torn, False)]
    assert list(notes_in(lines_of(f"{before}{HEAD}\n"))) == [*whole, (HEAD, True)]
