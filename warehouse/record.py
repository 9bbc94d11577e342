"""Records: what is signed, and the exact bytes of it.

A payload is a JSON object in RFC 8785 form, narrowed until every encoder agrees:
ASCII keys, integers within ±(2^53 − 1), no floats (decimals travel as text), no
trailing newline, a closed set of fields per type, at most 1 MiB. The bytes are
stored as they were signed; nobody has to re-create them to check a signature.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from warehouse.errors import BrokenHistory
from warehouse.payload import MAX_INTEGER, AnyPayload, Payload

MAX_PAYLOAD: Final = 1 << 20


class NotCanonical(BrokenHistory):
    """Bytes that are not the one true encoding of their content."""


_DECODER: Final = msgspec.json.Decoder(AnyPayload)
# Writes what `canonical` writes, for content that a decoder with closed types has read.
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class TrailingData(NotCanonical):
    """Bytes after the end of what is otherwise the encoding of a record."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One signed payload. `key_id` is the lower-case hex SHA-256 of the signer's SPKI DER."""

    payload: bytes
    signature: bytes
    key_id: str

    @property
    def sha256(self) -> str:
        """What the next record of the same instance names as `prev`."""
        return sha256_hex(self.payload)


def sha256_hex(content: bytes | memoryview) -> str:
    """Return the lower-case hex SHA-256, as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def timestamp(moment: datetime) -> str:
    """Write a moment as records do: `2026-11-23T02:00:00.000Z`, milliseconds, always UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Read a record's timestamp. Raises ValueError unless it is one that `timestamp` writes."""
    found = datetime.fromisoformat(text)
    if timestamp(found) != text:
        raise ValueError(f"expected a timestamp like 2026-11-23T02:00:00.000Z, found {text!r}")
    return found


def encode(payload: Payload) -> bytes:
    """Return the bytes to sign. Raises NotCanonical for what no reader could be sure of."""
    # Nearly always: what the closed types take back is what `canonical` would have written.
    with suppress(NotCanonical, UnicodeEncodeError):
        encoded = _CANONICAL.encode(payload)
        if encoded.isascii() and len(encoded) <= MAX_PAYLOAD:
            parse(encoded)
            return encoded
    encoded = canonical(msgspec.to_builtins(payload))
    if len(encoded) > MAX_PAYLOAD:
        raise NotCanonical(f"payload of {len(encoded)} bytes is larger than {MAX_PAYLOAD}")
    return encoded


def decode(payload: bytes) -> AnyPayload:
    """Read a payload. Raises NotCanonical unless these are exactly the bytes `encode` gives."""
    if len(payload) > MAX_PAYLOAD:
        raise NotCanonical(f"payload of {len(payload)} bytes is larger than {MAX_PAYLOAD}")
    # Nearly every payload ends here. Closed types leave no room for floats, large integers or
    # other fields, so that writing it again shows all the rest: order, white space, escapes.
    if payload.isascii():
        with suppress(msgspec.DecodeError, RecursionError):
            decoded: AnyPayload = _DECODER.decode(payload)
            if _CANONICAL.encode(decoded) == payload:
                return decoded
    return _decode_step_by_step(payload)


def _decode_step_by_step(payload: bytes) -> AnyPayload:
    try:
        again = canonical(json.loads(payload))
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            raise TrailingData("payload goes on after its end") from None
        raise NotCanonical(f"payload is not JSON: {error}") from None
    if again == payload:
        return parse(payload)
    if payload.startswith(again):
        raise TrailingData(f"payload has {len(payload) - len(again)} bytes after its end")
    raise NotCanonical("payload is not in canonical form")


# What was just encoded is looked at again at once.
@lru_cache(maxsize=8)
def parse(payload: bytes) -> AnyPayload:
    """Read a payload whose bytes are known to be canonical: those this process has encoded.

    Raises NotCanonical for a type or a field that no record has.
    """
    try:
        decoded: AnyPayload = _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotCanonical(f"payload is of no known type: {error}") from None
    return decoded


def canonical(value: object) -> bytes:
    """Encode as RFC 8785 does, refusing what the record format leaves out.

    With ASCII keys and no floats, sorted keys and minimal escapes are all there
    is to it. Raises NotCanonical naming the place.
    """
    _check(value, "$")
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def _check(value: object, path: str) -> None:
    match value:
        case None | bool():
            return
        case int():
            if abs(value) > MAX_INTEGER:
                raise NotCanonical(f"{path}: {value} is beyond ±(2^53 - 1)")
        case str():
            _check_text(value, path)
        case list() | tuple():
            for position, item in enumerate(value):
                if not _is_plain(item):
                    _check(item, f"{path}[{position}]")
        case dict():
            _check_object(value, path)
        case _:
            raise NotCanonical(f"{path}: {type(value).__name__} has no place in a record")


def _check_object(value: Mapping[Any, object], path: str) -> None:
    for key, item in value.items():
        if not isinstance(key, str) or not key.isascii():
            raise NotCanonical(f"{path}: key {key!r} is not ASCII text")
        if not _is_plain(item):
            _check(item, f"{path}.{key}")


def _is_plain(value: object) -> bool:
    # Nearly all of a record is small numbers and ASCII: no path has to be made for those.
    if type(value) is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER
    return type(value) is str and value.isascii()


def _check_text(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotCanonical(f"{path}: text with half a surrogate pair") from None
