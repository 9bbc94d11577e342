"""What records say: a closed set of types, each with a closed set of fields. Pure.

The exact bytes are the business of `warehouse.record`. What was signed stays readable for
ever, so a type never changes: another content is another type.

None of them is looked at by Python's search for cycles (`gc=False`): they are read once and
never changed, so there can be none, and a batch of thousands would be searched many times.
"""

from typing import Annotated, Final, Literal

import msgspec

MAX_INTEGER: Final = (1 << 53) - 1
NO_PREVIOUS: Final = "0" * 64

Integer = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Value = Integer | bool | str


class Payload(
    msgspec.Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    tag_field="type",
    kw_only=True,
):
    """What every record says: its place in the log, and when it was made (UTC)."""

    log: str
    index: Integer
    recorded_at: str
    nonce: str
    tool: str


class Genesis(Payload, frozen=True, tag="tallybook/genesis/v1", kw_only=True):
    """Record 0 of every log: whose log this is.

    Keys are base64 of the SPKI DER. `recovery_key` can revoke others, `schedule` says in cron's
    five fields (UTC) when snapshots are due; both None where there is none.
    """

    algorithm: str
    public_key: str
    recovery_key: str | None
    schedule: str | None


class Instance(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One Unleash as it was recorded: the id its database holds, the name the operator gave.

    The pair identifies: a cloned database shares the id, a rebuilt one the name.
    """

    id: str
    name: str


class Schema(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Which migrations had run: the newest, how many, and the hash of the set of their names."""

    newest: str
    migrations: Integer
    set_hash: str


class Origin(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The database that the numbers came from. None where the role may not read it."""

    postgres: str
    database: str
    system: str | None
    lsn: str | None
    timeline: Integer | None
    role: str
    schema: Schema


class Release(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The Unleash release, only as exact as it is certain, and the evidence for it."""

    oss: str
    enterprise: str
    evidence: str


class EnvironmentChanges(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True
):
    """Changes made in one environment: one number a day, the first day named, in UTC."""

    environment: str
    type: str
    first_day: str
    updates: list[Integer]


class ProjectFlags(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """Flags of one project at the moment of the snapshot."""

    project: str
    active: Integer
    archived: Integer


class Names(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """Rows kept beside the numbers, because a later question cannot be answered without them.

    Bounded; `omitted` counts what did not fit, by field. A list that could not
    be read is empty, and its reason stands under `unavailable`.
    """

    apps: list[str]
    changes: list[EnvironmentChanges]
    flags: list[ProjectFlags]
    omitted: dict[str, Integer]


class Chained(Payload, frozen=True, kw_only=True):
    """A record of one instance: a link of that instance's chain.

    `seq` counts from 0 for each instance, and `prev` is the lower-case hex SHA-256 of that
    instance's previous payload, whatever its type.
    """

    instance: Instance
    seq: Integer
    prev: str


class Snapshot(Chained, frozen=True, tag="tallybook/snapshot/v1", kw_only=True):
    """All statistics of one instance at one moment.

    `due_at` is the slot it was taken for, None by hand. `taken_at` is the daemon's clock,
    `db_time` PostgreSQL's. `stats` maps a statistic to its value, decimals as text; `remarks`
    says which rows were left out of a count because they are malformed.
    """

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


class Missed(Chained, frozen=True, tag="tallybook/missed/v1", kw_only=True):
    """A slot of an instance that has no snapshot, and why."""

    due_at: str
    reason: str


class Scheduled(Payload, frozen=True, tag="tallybook/schedule/v1", kw_only=True):
    """When snapshots of a source are due from now on.

    `cron` has five fields, in the time zone `zone`; None where none is due any more. Slots after
    `since` are due by it, those up to then by the schedule before.
    """

    source: str
    cron: str | None
    zone: str
    since: str


class ChainHead(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The end of one instance's chain: how many records, and the SHA-256 of the newest."""

    id: str
    name: str
    count: Count
    sha256: str


class Anchored(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The newest checkpoint that a keeper elsewhere has taken, and when it was handed over."""

    name: str
    kind: str
    size: Count
    at: str


class Heads(Payload, frozen=True, tag="tallybook/heads/v1", kw_only=True):
    """Where every chain of the log ends, the records before this one.

    `size` and `root` (base64) are those of the checkpoint over the same records. A log of very
    many instances says it in several records, each of some; `instances` counts them all.
    """

    size: Count
    root: str
    instances: Count
    heads: list[ChainHead]
    anchors: list[Anchored]


class Key(Payload, frozen=True, tag="tallybook/key/v1", kw_only=True):
    """A change of the keys of a log.

    `rotate`, signed by the key in force: `public_key` is in force from the next record on.
    `revoke`, signed by the recovery key: the key `revoked` signs nothing from the record
    `from_index` on; where it was the one in force, `public_key` succeeds it. `recovery`,
    signed by the key in force of a log that has none: `public_key` may revoke from now on.

    Keys are base64 of the SPKI DER; `proof` is the signature of `public_key` over
    `possession`, in base64: nobody can name a key that he does not hold.
    """

    action: Literal["rotate", "revoke", "recovery"]
    public_key: str | None
    proof: str | None
    revoked: str | None
    from_index: Count | None


AnyPayload = Genesis | Snapshot | Missed | Scheduled | Heads | Key


def possession(log: str, index: int, key_id: str) -> bytes:
    """What a key signs to show that it is held: for this log, at this place, and nothing else.

    Begins with a zero byte, which neither a payload nor a note can have.
    """
    return f"\x00tallybook/possession/v1\n{log}\n{index}\n{key_id}\n".encode()
