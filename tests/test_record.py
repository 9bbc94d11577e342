"""Canonical bytes: one encoding for each content, and nothing else is read.

RFC 8785 is implemented a second time here, from its text, to compare with.
"""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import PROD, a_genesis, a_heads, a_key, a_key_change, a_missed, a_snapshot
from tests.kinds import A_HEAD, AN_ANCHOR, EVERY_KIND
from warehouse.payload import MAX_INTEGER, possession
from warehouse.record import MAX_PAYLOAD, NotCanonical, canonical, decode, encode, moment, timestamp

# RFC 8785 §3.2.2.2: these two-letter escapes, other controls as \u00xx, everything else as it is.
SHORT_ESCAPES = {
    *("\b\\b", "\t\\t", "\n\\n", "\f\\f", "\r\\r"),
    *('"\\"', "\\\\\\"),
}
ESCAPES = {found[0]: found[1:] for found in SHORT_ESCAPES}

texts = st.text(st.characters(exclude_categories=["Cs"]))
zones = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Not the first and the last day of the calendar: in UTC they may be beyond it.
milliseconds = st.integers(86_400_000, 3_652_057 * 86_400_000)
moments = st.builds(
    lambda since, zone: (datetime.min.replace(tzinfo=UTC) + since).astimezone(zone),
    milliseconds.map(lambda number: timedelta(milliseconds=number)),
    zones,
)
keys = st.text(st.characters(max_codepoint=127))
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
contents = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)


def rfc_8785(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return f'"{"".join(map(rfc_8785_character, value))}"'
        case list():
            return f"[{','.join(map(rfc_8785, value))}]"
        case dict():
            # §3.2.3: sorted by UTF-16 code units.
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            members = (f"{rfc_8785(name)}:{rfc_8785(value[name])}" for name in names)
            return f"{{{','.join(members)}}}"
        case _:
            raise AssertionError(value)


def rfc_8785_character(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    return f"\\u{ord(character):04x}" if character < " " else character


@given(contents)
def test_canonical_bytes_are_those_of_rfc_8785(content: object) -> None:
    assert canonical(content) == rfc_8785(content).encode()


@given(contents)
def test_canonical_bytes_say_what_was_meant(content: object) -> None:
    assert msgspec.json.decode(canonical(content)) == content


@given(
    names=st.dictionaries(keys, integers | st.booleans() | texts),
    reasons=st.dictionaries(keys, texts),
    index=st.integers(0, MAX_INTEGER),
    due_at=st.none() | st.just("2026-11-23T02:00:00.000Z"),
    tool=texts,
)
def test_a_snapshot_is_read_back_as_it_was_written(
    names: dict[str, int | bool | str],
    reasons: dict[str, str],
    index: int,
    due_at: str | None,
    tool: str,
) -> None:
    payload = a_snapshot(stats=names, unavailable=reasons, index=index, due_at=due_at, tool=tool)

    assert decode(encode(payload)) == payload


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_record_of_any_kind_is_read_back_as_it_was_written(kind: str) -> None:
    payload = EVERY_KIND[kind]

    assert decode(encode(payload)) == payload


def test_the_bytes_of_a_genesis_record_never_change() -> None:
    payload = a_genesis(a_key())

    assert encode(payload) == (
        b'{"algorithm":"ed25519","index":0,"log":"example.com/tallybook",'
        b'"nonce":"ffeeddccbbaa99887766554433221100",'
        b'"public_key":"MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",'
        b'"recorded_at":"2026-11-23T01:00:00.000Z","recovery_key":null,"schedule":null,'
        b'"tool":"tallybook/test","type":"tallybook/genesis/v1"}'
    )


def test_the_bytes_of_a_missed_record_never_change() -> None:
    assert encode(a_missed()) == (
        b'{"due_at":"2026-11-23T02:00:00.000Z","index":1,"instance":{"id":'
        b'"4c1b6b6e-0000-4000-8000-000000000001","name":"prod"},"log":"example.com/tallybook",'
        b'"nonce":"00112233445566778899aabbccddeeff","prev":"' + b"0" * 64 + b'","reason":'
        b'"the source could not be reached","recorded_at":"2026-11-23T02:00:01.000Z","seq":0,'
        b'"tool":"tallybook/test","type":"tallybook/missed/v1"}'
    )


def test_the_bytes_of_a_heads_record_never_change() -> None:
    assert encode(a_heads(A_HEAD, anchors=[AN_ANCHOR])) == (
        b'{"anchors":[{"at":"2026-11-23T02:00:05.000Z","kind":"file","name":"elsewhere","size":2}],'
        b'"heads":[{"count":2,"id":"4c1b6b6e-0000-4000-8000-000000000001","name":"prod",'
        b'"sha256":"' + b"ab" * 32 + b'"}],"index":2,"instances":1,"log":"example.com/tallybook",'
        b'"nonce":"00112233445566778899aabbccddeeff","recorded_at":"2026-11-23T02:00:01.000Z",'
        b'"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","size":2,"tool":"tallybook/test",'
        b'"type":"tallybook/heads/v1"}'
    )


def test_the_bytes_of_a_key_record_never_change() -> None:
    assert encode(a_key_change(a_key(2), proof="AAAA")) == (
        b'{"action":"rotate","from_index":null,"index":1,"log":"example.com/tallybook",'
        b'"nonce":"00112233445566778899aabbccddeeff","proof":"AAAA",'
        b'"public_key":"MCowBQYDK2VwAyEAgTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=",'
        b'"recorded_at":"2026-11-23T02:00:01.000Z","revoked":null,"tool":"tallybook/test",'
        b'"type":"tallybook/key/v1"}'
    )


def test_what_a_key_signs_to_show_that_it_is_held_never_changes() -> None:
    assert possession("example.com/tallybook", 7, "ab" * 32) == (
        b"\x00tallybook/possession/v1\nexample.com/tallybook\n7\n" + b"ab" * 32 + b"\n"
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "payload is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":1.5}', "$.a: float has no place in a record"),
        (b'{"a":1e2}', "$.a: float has no place in a record"),
        (b'{"a":NaN}', "$.a: float has no place in a record"),
        (b'{"a":9007199254740992}', "$.a: 9007199254740992 is beyond ±(2^53 - 1)"),
        (b'{"a":[0,-9007199254740992]}', "$.a[1]: -9007199254740992 is beyond ±(2^53 - 1)"),
        ('{"ä":1}'.encode(), "$: key 'ä' is not ASCII text"),
        (b'{"a":"\\ud800"}', "$.a: text with half a surrogate pair"),
        (b"1", "payload is of no known type: Expected `object`, got `int`"),
        (b"{}", "payload is of no known type: Object missing required field `type`"),
        (b'{"type":"x"}', "payload is of no known type: Invalid value 'x' - at `$.type`"),
        (b"x" * (MAX_PAYLOAD + 1), "payload of 1048577 bytes is larger than 1048576"),
    ],
)
def test_what_is_no_payload_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(NotCanonical) as refusal:
        decode(payload)

    assert str(refusal.value) == reason


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_nesting_without_end_is_refused(depth: int) -> None:
    with pytest.raises(NotCanonical):
        decode(b"[" * depth + b"]" * depth)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_unknown_field_is_refused(kind: str) -> None:
    fields = {**msgspec.to_builtins(EVERY_KIND[kind]), "extra": 1}

    with pytest.raises(NotCanonical, match="unknown field `extra`"):
        decode(canonical(fields))


@pytest.mark.parametrize("inside", ["instance", "source", "unleash", "names"])
def test_an_unknown_field_deeper_in_is_refused(inside: str) -> None:
    fields = msgspec.to_builtins(a_snapshot())
    fields[inside] = {**fields[inside], "extra": 1}

    with pytest.raises(NotCanonical, match="unknown field `extra`"):
        decode(canonical(fields))


@pytest.mark.parametrize("field", ["seq", "prev", "stats", "nonce", "names"])
def test_a_missing_field_is_refused(field: str) -> None:
    fields = msgspec.to_builtins(a_snapshot())
    del fields[field]

    with pytest.raises(NotCanonical, match=f"missing required field `{field}`"):
        decode(canonical(fields))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_field_of_every_kind_is_needed(kind: str) -> None:
    whole = msgspec.to_builtins(EVERY_KIND[kind])

    for field in whole:
        fields = {name: value for name, value in whole.items() if name != field}
        with pytest.raises(NotCanonical, match=f"missing required field `{field}`"):
            decode(canonical(fields))


@pytest.mark.parametrize("inside", ["heads", "anchors"])
def test_an_unknown_field_in_a_list_is_refused(inside: str) -> None:
    fields = msgspec.to_builtins(EVERY_KIND["heads"])
    fields[inside] = [{**fields[inside][0], "extra": 1}]

    with pytest.raises(NotCanonical, match="unknown field `extra`"):
        decode(canonical(fields))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("rotation", "action", "replace"),
        ("rotation", "from_index", -1),
        ("rotation", "from_index", "3"),
        ("heads", "size", -1),
        ("heads", "instances", None),
        ("heads", "heads", [PROD.id]),
        ("missed", "due_at", None),
        ("missed", "instance", PROD.id),
    ],
)
def test_a_field_that_says_what_cannot_be_is_refused(kind: str, field: str, value: object) -> None:
    fields = {**msgspec.to_builtins(EVERY_KIND[kind]), field: value}

    with pytest.raises(NotCanonical, match=r"^payload is of no known type: "):
        decode(canonical(fields))


@pytest.mark.parametrize(
    ("field", "value"),
    [("index", True), ("index", "1"), ("seq", None), ("prev", 0), ("stats", {"users": None})],
)
def test_a_field_of_another_type_is_refused(field: str, value: object) -> None:
    fields = {**msgspec.to_builtins(a_snapshot()), field: value}

    with pytest.raises(NotCanonical, match="of no known type"):
        decode(canonical(fields))


def test_a_payload_that_is_too_large_is_not_signed() -> None:
    with pytest.raises(NotCanonical, match=r"^payload of \d+ bytes is larger than 1048576$"):
        encode(a_snapshot(tool="x" * MAX_PAYLOAD))


def test_a_number_that_readers_may_round_is_not_signed() -> None:
    with pytest.raises(NotCanonical) as refusal:
        encode(a_snapshot(stats={"users": MAX_INTEGER + 1}))

    assert str(refusal.value) == "$.stats.users: 9007199254740992 is beyond ±(2^53 - 1)"


@given(moments)
def test_a_timestamp_is_read_back_as_the_same_moment(then: datetime) -> None:
    assert moment(timestamp(then)) == then


@pytest.mark.parametrize(
    "text",
    ["2026-11-23T02:00:00Z", "2026-11-23T02:00:00.000+00:00", "2026-11-23 02:00:00.000Z", "now"],
)
def test_another_form_of_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(expected a timestamp like 2026|Invalid isoformat)"):
        moment(text)
