"""Records: what is signed, and the exact bytes of it.

A payload is a JSON object in RFC 8785 form, narrowed until every encoder agrees:
ASCII keys, integers within ±(2^53 − 1), no floats (decimals travel as text), no
trailing newline, a closed set of fields per type, at most 1 MiB. The bytes are
stored as they were signed; nobody has to re-create them to check a signature.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from warehouse.errors import BrokenHistory

MAX_PAYLOAD: Final = 1 << 20
MAX_INTEGER: Final = (1 << 53) - 1
NO_PREVIOUS: Final = "0" * 64

Value = int | bool | str


class NotCanonical(BrokenHistory):
    """Bytes that are not the one true encoding of their content."""


class Payload(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    """What every record says: its place in the log, and when it was made (UTC)."""

    log: str
    index: int
    recorded_at: str
    nonce: str
    tool: str


class Genesis(Payload, frozen=True, tag="tallybook/genesis/v1", kw_only=True):
    """Record 0 of every log: whose log this is. `public_key` is base64 of the SPKI DER."""

    algorithm: str
    public_key: str
    recovery_key: str | None
    schedule: str | None


class Instance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Unleash as it was recorded: the id its database holds, the name the operator gave.

    The pair identifies: a cloned database shares the id, a rebuilt one the name.
    """

    id: str
    name: str


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which migrations had run: the newest, how many, and the hash of the set of their names."""

    newest: str
    migrations: int
    set_hash: str


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The database that the numbers came from. None where the role may not read it."""

    postgres: str
    database: str
    system: str | None
    lsn: str | None
    timeline: int | None
    role: str
    schema: Schema


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Unleash release, only as exact as it is certain, and the evidence for it."""

    oss: str
    enterprise: str
    evidence: str


class EnvironmentChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Changes made in one environment: one number a day, the first day named, in UTC."""

    environment: str
    type: str
    first_day: str
    updates: list[int]


class ProjectFlags(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Flags of one project at the moment of the snapshot."""

    project: str
    active: int
    archived: int


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows kept beside the numbers, because a later question cannot be answered without them.

    Bounded; `omitted` counts what did not fit, by field. A list that could not
    be read is empty, and its reason stands under `unavailable`.
    """

    apps: list[str]
    changes: list[EnvironmentChanges]
    flags: list[ProjectFlags]
    omitted: dict[str, int]


class Snapshot(Payload, frozen=True, tag="tallybook/snapshot/v1", kw_only=True):
    """All statistics of one instance at one moment.

    `seq` counts from 0 for each instance, and `prev` is the lower-case hex
    SHA-256 of that instance's previous payload. `due_at` is the slot it was taken
    for, None by hand. `taken_at` is the daemon's clock, `db_time` PostgreSQL's.
    `stats` maps a statistic to its value, decimals as text; `remarks` says which
    rows were left out of a count because they are malformed.
    """

    instance: Instance
    seq: int
    prev: str
    due_at: str | None
    taken_at: str
    db_time: str
    source: Origin
    unleash: Release
    definitions: str
    stats: dict[str, Value]
    unavailable: dict[str, str]
    remarks: dict[str, str]
    names: Names


AnyPayload = Genesis | Snapshot
_DECODER: Final = msgspec.json.Decoder(AnyPayload)


class Record(msgspec.Struct, frozen=True):
    """One signed payload. `key_id` is the lower-case hex SHA-256 of the signer's SPKI DER."""

    payload: bytes
    signature: bytes
    key_id: str

    @property
    def sha256(self) -> str:
        """What the next record of the same instance names as `prev`."""
        return sha256_hex(self.payload)


def sha256_hex(content: bytes) -> str:
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
    encoded = canonical(msgspec.to_builtins(payload))
    if len(encoded) > MAX_PAYLOAD:
        raise NotCanonical(f"payload of {len(encoded)} bytes is larger than {MAX_PAYLOAD}")
    return encoded


def decode(payload: bytes) -> AnyPayload:
    """Read a payload. Raises NotCanonical unless these are exactly the bytes `encode` gives."""
    if len(payload) > MAX_PAYLOAD:
        raise NotCanonical(f"payload of {len(payload)} bytes is larger than {MAX_PAYLOAD}")
    try:
        again = canonical(json.loads(payload))
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"payload is not JSON: {error}") from None
    if again != payload:
        raise NotCanonical("payload is not in canonical form")
    return parse(payload)


def parse(payload: bytes) -> AnyPayload:
    """Read a payload whose bytes are known to be canonical: those this process has encoded.

    Raises NotCanonical for a type or a field that no record has.
    """
    try:
        decoded: AnyPayload = _DECODER.decode(payload)
    except msgspec.DecodeError as error:
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
