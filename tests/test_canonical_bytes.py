"""Nothing is read but the one encoding of its content: not the quick way, not the slow one.

Bytes that say the same in another way would be a second record with the same meaning.
"""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import a_snapshot
from tests.kinds import EVERY_KIND
from warehouse.payload import Instance, Names, ProjectFlags
from warehouse.record import NotCanonical, TrailingData, canonical, decode, encode, parse

SAME_CONTENT = "payload is not in canonical form"
OTHER_BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a space at the beginning": (lambda b: b" " + b, SAME_CONTENT),
    "a space behind a colon": (lambda b: b.replace(b":", b": ", 1), SAME_CONTENT),
    "a space behind a comma": (lambda b: b.replace(b",", b", ", 1), SAME_CONTENT),
    "a line break inside": (lambda b: b.replace(b",", b",\n", 1), SAME_CONTENT),
    "a tab inside": (lambda b: b.replace(b":", b":\t", 1), SAME_CONTENT),
    "a byte order mark": (lambda b: b"\xef\xbb\xbf" + b, SAME_CONTENT),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), SAME_CONTENT),
    "an escape that is not needed": (lambda b: b.replace(b"/", b"\\/", 1), SAME_CONTENT),
    "a coded letter": (lambda b: b.replace(b"example", b"\\u0065xample", 1), SAME_CONTENT),
    "a coded letter in a key": (lambda b: b.replace(b'"users"', b'"\\u0075sers"'), SAME_CONTENT),
    "a key twice": (lambda b: b.replace(b'"index":1,', b'"index":1,"index":1,'), SAME_CONTENT),
    "a key twice, first another": (
        lambda b: b.replace(b'"index":1,', b'"index":2,"index":1,'),
        SAME_CONTENT,
    ),
    "a statistic twice": (lambda b: b.replace(b'"users":', b'"users":1,"users":'), SAME_CONTENT),
    "keys out of order": (
        lambda b: b.replace(b'"log":"example.com/tallybook",', b"").replace(
            b'{"db_time"', b'{"log":"example.com/tallybook","db_time"'
        ),
        SAME_CONTENT,
    ),
    "statistics out of order": (
        lambda b: b.replace(b',"users":120', b"").replace(b'"stats":{', b'"stats":{"users":120,'),
        SAME_CONTENT,
    ),
    "minus zero": (lambda b: b.replace(b'"seq":0,', b'"seq":-0,'), SAME_CONTENT),
    "a line break at the end": (lambda b: b + b"\n", "payload has 1 bytes after its end"),
    "spaces at the end": (lambda b: b + b"   ", "payload has 3 bytes after its end"),
    "more behind it": (lambda b: b + b"{}", "payload goes on after its end"),
    "a zero behind it": (lambda b: b + b"\0", "payload goes on after its end"),
    "itself again": (lambda b: b + b, "payload goes on after its end"),
    "an end cut off": (
        lambda b: b[:-1],
        "payload is not JSON: Expecting ',' delimiter: line 1 column 1072 (char 1071)",
    ),
    "a leading zero": (
        lambda b: b.replace(b'"index":1,', b'"index":01,'),
        "payload is not JSON: Expecting ',' delimiter: line 1 column 143 (char 142)",
    ),
    "a decimal": (
        lambda b: b.replace(b'"users":120', b'"users":120.5'),
        "$.stats.users: float has no place in a record",
    ),
    "a decimal that is whole": (
        lambda b: b.replace(b'"users":120', b'"users":120.0'),
        "$.stats.users: float has no place in a record",
    ),
    "an exponent": (
        lambda b: b.replace(b'"users":120', b'"users":12e1'),
        "$.stats.users: float has no place in a record",
    ),
    "infinity": (
        lambda b: b.replace(b'"users":120', b'"users":Infinity'),
        "$.stats.users: float has no place in a record",
    ),
    "2^53": (
        lambda b: b.replace(b'"users":120', b'"users":9007199254740992'),
        "$.stats.users: 9007199254740992 is beyond ±(2^53 - 1)",
    ),
    "2^53 + 1": (
        lambda b: b.replace(b'"users":120', b'"users":9007199254740993'),
        "$.stats.users: 9007199254740993 is beyond ±(2^53 - 1)",
    ),
    "-2^53 - 1 as a place": (
        lambda b: b.replace(b'"index":1,', b'"index":-9007199254740993,'),
        "$.index: -9007199254740993 is beyond ±(2^53 - 1)",
    ),
    "a number without end": (
        lambda b: b.replace(b'"users":120', b'"users":1' + b"0" * 400),
        f"$.stats.users: 1{'0' * 400} is beyond ±(2^53 - 1)",
    ),
    "a key beyond ASCII": (
        lambda b: b.replace(b'"users"', '"üsers"'.encode()),
        "$.stats: key 'üsers' is not ASCII text",
    ),
    "a key beyond ASCII, coded": (
        lambda b: b.replace(b'"users"', b'"\\u00fcsers"'),
        "$.stats: key 'üsers' is not ASCII text",
    ),
    "a name beyond ASCII, coded": (
        lambda b: b.replace(b'"name":"prod"', b'"name":"pr\\u00f6d"'),
        SAME_CONTENT,
    ),
    "a name in Latin-1": (
        lambda b: b.replace(b'"name":"prod"', b'"name":"pr\xf6d"'),
        "payload is not JSON: 'utf-8' codec can't decode byte 0xf6 in position 209: "
        "invalid start byte",
    ),
    "half a surrogate pair": (
        lambda b: b.replace(b'"name":"prod"', b'"name":"pr\\ud800d"'),
        "$.instance.name: text with half a surrogate pair",
    ),
}


@pytest.mark.parametrize("change", OTHER_BYTES)
def test_other_bytes_are_refused_by_name(change: str) -> None:
    payload = encode(a_snapshot())
    apply, reason = OTHER_BYTES[change]
    changed = apply(payload)

    with pytest.raises(NotCanonical) as refusal:
        decode(changed)

    assert changed != payload
    assert str(refusal.value) == reason
    assert isinstance(refusal.value, TrailingData) is ("after its end" in reason)


@pytest.mark.parametrize(
    "name", ["pröd", "生産", "\U0001f512", "\x7f", "a\u2028b", "\x80", "\ufeff"]
)
def test_names_beyond_ascii_are_read_back_as_they_were_written(name: str) -> None:
    names = Names(
        apps=[name],
        changes=[],
        flags=[ProjectFlags(project=name, active=1, archived=0)],
        omitted={},
    )
    payload = a_snapshot(instance=Instance(name, name), names=names, remarks={"users": name})

    encoded = encode(payload)

    assert name.encode() in encoded
    assert decode(encoded) == payload


WORDS = [
    *(b" ", b"\n", b"0", b"-0", b"1.0", b"1e2", b"null", b"true", b"9007199254740993", b"-"),
    *(b'"', b'""', b"\\", b"\\u0041", b"\\/", b"\\n", b"\\u001f", b"\\u001F", b"\\u007f", b"\x7f"),
    *(b"{", b"}", b"{}", b"[]", b",", b":", b'"users":1,', b'"index":1,', b'"stats":{},', b"\x00"),
    *("ü".encode(), b"\xc3", b"\\u00fc", b"\\ud83d\\ude00", b"\\ud800", b"\xef\xbb\xbf"),
]
insertions = st.binary(max_size=3) | st.sampled_from(WORDS)


@st.composite
def changed_payloads(draw: st.DrawFn) -> bytes:
    """The bytes of a record of any kind, changed at some places: cut, doubled, moved, replaced."""
    payload = encode(draw(st.sampled_from(list(EVERY_KIND.values()))))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(payload)))
        end = min(len(payload), start + draw(st.integers(0, 40)))
        target = draw(st.integers(0, len(payload)))
        piece = payload[start:end]
        match draw(st.sampled_from(["replace", "double", "move"])):
            case "replace":
                payload = payload[:start] + draw(insertions) + payload[end:]
            case "double":
                payload = payload[:target] + piece + payload[target:]
            case _:
                rest = payload[:start] + payload[end:]
                payload = rest[:target] + piece + rest[target:]
    return payload


ODD_VALUES: list[object] = [
    *(None, True, 0, -1, 2**53 - 1, 2**53, -(2**53), 10**400, 0.0, 1.5, 1e100, float("nan")),
    *("", "ü", "\x1f", '"', "\\", "/", "\x7f", "\u2028", "\U0001f512", "\ud800"),
    *([], [0.5], [1, None], {}, {"b": 1, "a": 2}, {"ä": 1}, {"\ud800": 1}, {"a": {"b": 1.5}}),
]


@st.composite
def reordered_payloads(draw: st.DrawFn) -> bytes:
    """The content of a record of any kind with other values in it, and perhaps in other order."""
    fields = msgspec.to_builtins(draw(st.sampled_from(list(EVERY_KIND.values()))))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        fields[name] = draw(st.sampled_from(ODD_VALUES))
    names = draw(st.permutations(sorted(fields))) if draw(st.booleans()) else sorted(fields)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    ordered = {name: fields[name] for name in names}
    text = json.dumps(ordered, separators=separators, ensure_ascii=draw(st.booleans()))
    return text.encode(errors="surrogatepass")


def written_again(payload: bytes) -> bytes | None:
    """The canonical bytes of what a payload says; None for what has none."""
    try:
        return canonical(json.loads(payload))
    except (ValueError, RecursionError, NotCanonical):
        return None


def is_of_a_known_type(payload: bytes) -> bool:
    try:
        parse(payload)
    except NotCanonical:
        return False
    return True


@given(changed_payloads() | reordered_payloads())
@example(encode(a_snapshot()).replace(b'"users":120', b'"users":120.0'))
@example(encode(a_snapshot(tool="\x1f")).replace(b"\\u001f", b"\\u001F"))
@settings(max_examples=1000)
def test_nothing_is_read_but_its_one_encoding(payload: bytes) -> None:
    expected = written_again(payload) == payload and is_of_a_known_type(payload)

    try:
        content = decode(payload)
    except NotCanonical:
        assert not expected
    else:
        assert expected
        assert encode(content) == payload
