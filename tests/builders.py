"""Makers of small histories for tests: real keys, real files, no database.

What a test does not name has a plain default, so that it reads as what it is about.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from etl.journal import STATE_FILE, read_journal
from etl.log import SigningLog, sign_checkpoint
from etl.memory import Memory
from etl.signing import KeySigner
from etl.snapshot import Reading
from etl.statistic import Unavailable
from warehouse.checks.examine import Scope
from warehouse.checks.findings import Report
from warehouse.checks.trust import trust_any
from warehouse.checks.witnesses import Outside, Witness
from warehouse.definitions import Definition
from warehouse.keys import ED25519, PublicKey
from warehouse.ledger import Ledger, read_rows
from warehouse.merkle import Frontier
from warehouse.note import Checkpoint
from warehouse.payload import (
    Anchored,
    ChainHead,
    Genesis,
    Heads,
    Instance,
    Key,
    Missed,
    Names,
    Origin,
    Payload,
    Release,
    Scheduled,
    Schema,
    Snapshot,
    Value,
    possession,
)
from warehouse.record import Record, canonical, decode, encode, sha256_hex
from warehouse.rows import HOT_SCHEMA, Row, row_of
from warehouse.verify import verify

ORIGIN = "example.com/tallybook"
PROD = Instance("4c1b6b6e-0000-4000-8000-000000000001", "prod")
A_MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
DAY = timedelta(days=1)
NO_NAMES = Names(apps=[], changes=[], flags=[], omitted={})
SOME_STATS: Mapping[str, Value] = {
    "users": 120,
    "featureToggles": 340,
    "projects": 7,
    "roles": 6,
    "groups": 4,
    "environments": 3,
    "segments": 11,
    "activeUsers.last30": 80,
    "apiTokens.admin": 2,
    "averageFlags": "48.5",
    "SAMLenabled": True,
}
_FIRST_OF_A_CHAIN: Mapping[str, Any] = {"instance": PROD, "seq": 0, "prev": "0" * 64}
AN_ORIGIN = Origin(
    postgres="18.0",
    database="unleash",
    system="7400000000000000001",
    lsn="0/16B3748",
    timeline=1,
    role="primary",
    schema=Schema("20260713120000-add-v2-tokens", 300, "0123456789abcdef"),
)


def a_key(seed: int = 1, algorithm: str = ED25519) -> KeySigner:
    """A signer whose key is the same in every run; another `seed` is another key."""
    if algorithm == ED25519:
        return KeySigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))
    return KeySigner(a_curve_key(seed))


def a_curve_key(seed: int = 1) -> ec.EllipticCurvePrivateKey:
    """A key on the curve P-256, the same in every run."""
    return ec.derive_private_key(int.from_bytes(bytes([seed]) * 32), ec.SECP256R1())


def a_definition(
    name: str, *, kind: str = "count", labelled: bool = False, meaning: str | None = None
) -> Definition:
    """The definition of one statistic."""
    return Definition(
        name=name,
        subject="people",
        meaning=meaning or f"What {name} means.",
        unit="pieces",
        kind=kind,
        window="",
        labelled=labelled,
        since="4.17",
        reads=["users.id"],
        sql="SELECT count(*) FROM users",
        hash=sha256_hex(name.encode()),
    )


SOME_DEFINITIONS = (
    *(a_definition(name) for name in ("users", "featureToggles", "projects", "roles", "groups")),
    *(a_definition(name) for name in ("environments", "segments", "activeUsers.last30")),
    a_definition("apiTokens", labelled=True),
    a_definition("averageFlags", kind="ratio"),
    a_definition("SAMLenabled", kind="switch"),
)


def definitions_json(definitions: Iterable[Definition]) -> bytes:
    """A set of definitions as it lies in a warehouse."""
    fields = Definition.__struct_fields__
    rows = [{name: getattr(d, name) for name in fields} for d in definitions]
    return canonical({"statistics": rows})


def a_reading(
    stats: Mapping[str, Value] = SOME_STATS,
    *,
    instance: Instance = PROD,
    taken_at: datetime = A_MONDAY,
    definitions: Iterable[Definition] = SOME_DEFINITIONS,
    unavailable: Sequence[Unavailable] = (),
    remarks: Mapping[str, str] | None = None,
    due_at: datetime | None = None,
    oss: str = "8.2.0",
    names: Names = NO_NAMES,
) -> Reading:
    """A reading as a source would have given it."""
    return Reading(
        instance=instance,
        taken_at=taken_at,
        db_time=taken_at + timedelta(milliseconds=250),
        origin=AN_ORIGIN,
        release=Release(oss=oss, enterprise="", evidence="server"),
        definitions=sha256_hex(definitions_json(definitions)),
        stats=stats,
        unavailable=unavailable,
        remarks=remarks or {},
        names=names,
        due_at=due_at,
    )


def a_snapshot(**changes: Any) -> Snapshot:
    """The payload of a first snapshot; `changes` replace its fields."""
    fields: dict[str, Any] = {
        **_common(1),
        **_FIRST_OF_A_CHAIN,
        "due_at": None,
        "taken_at": "2026-11-23T02:00:00.000Z",
        "db_time": "2026-11-23T02:00:00.250Z",
        "source": AN_ORIGIN,
        "unleash": Release(oss="8.2.0", enterprise="", evidence="server"),
        "definitions": sha256_hex(definitions_json(SOME_DEFINITIONS)),
        "stats": dict(SOME_STATS),
        "unavailable": {},
        "remarks": {},
        "names": NO_NAMES,
    }
    return Snapshot(**{**fields, **changes})


def a_missed(**changes: Any) -> Missed:
    """The payload of a slot without a snapshot, the first of its instance."""
    fields: dict[str, Any] = {
        **_common(1),
        **_FIRST_OF_A_CHAIN,
        "due_at": "2026-11-23T02:00:00.000Z",
        "reason": "the source could not be reached",
    }
    return Missed(**{**fields, **changes})


def a_scheduled(**changes: Any) -> Scheduled:
    """The payload that declares a schedule of 02:00 each day for prod."""
    fields: dict[str, Any] = {
        **_common(1),
        "source": "prod",
        "cron": "0 2 * * *",
        "zone": "UTC",
        "since": "2026-11-22T12:00:00.000Z",
    }
    return Scheduled(**{**fields, **changes})


def a_genesis(signer: KeySigner, **changes: Any) -> Genesis:
    """The payload of a genesis record that declares `signer`; `changes` replace its fields."""
    fields: dict[str, Any] = {
        **_common(0),
        "recorded_at": "2026-11-23T01:00:00.000Z",
        "nonce": "ffeeddccbbaa99887766554433221100",
        "algorithm": signer.public_key.algorithm,
        "public_key": signer.public_key.spki_base64,
        "recovery_key": None,
        "schedule": None,
    }
    return Genesis(**{**fields, **changes})


def a_heads(*heads: ChainHead, **changes: Any) -> Heads:
    """The payload of a record that says where chains end, in its third record."""
    fields: dict[str, Any] = {
        **_common(2),
        "size": 2,
        "root": base64.b64encode(bytes(32)).decode(),
        "instances": len(heads),
        "heads": list(heads),
        "anchors": [],
    }
    return Heads(**{**fields, **changes})


def a_key_change(to: KeySigner, **changes: Any) -> Key:
    """The payload of a rotation to `to`, who proves to hold the key; `changes` replace fields."""
    fields: dict[str, Any] = {
        **_common(1),
        "action": "rotate",
        "public_key": to.public_key.spki_base64,
        "revoked": None,
        "from_index": None,
        **changes,
    }
    proven = possession(fields["log"], fields["index"], to.public_key.key_id)
    return Key(**{"proof": base64.b64encode(to.sign(proven)).decode(), **fields})


def _common(index: int) -> dict[str, Any]:
    return {
        "log": ORIGIN,
        "index": index,
        "recorded_at": "2026-11-23T02:00:01.000Z",
        "nonce": "00112233445566778899aabbccddeeff",
        "tool": "tallybook/test",
    }


def signed(payload: Payload | bytes, signer: KeySigner | None = None) -> Record:
    """Sign a payload, or any bytes."""
    content = payload if isinstance(payload, bytes) else encode(payload)
    by = signer or a_key()
    return Record(content, by.sign(content), by.public_key.key_id)


def a_checkpoint(
    *records: Record | bytes, origin: str = ORIGIN, by: Sequence[KeySigner] = ()
) -> str:
    """The signed head of a log of these records, or payloads, and no others."""
    tree = Frontier()
    for record in records:
        tree = tree.append(record if isinstance(record, bytes) else record.payload)
    return sign_checkpoint(Memory(origin, tree, {}), *(by or [a_key()]))


@dataclass
class Clock:
    """A clock that stands still until somebody moves it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class History:
    """A warehouse of one log with its signer, in a folder of its own."""

    root: Path
    log: SigningLog
    signer: KeySigner

    @property
    def key(self) -> PublicKey:
        return self.signer.public_key

    @property
    def ledger(self) -> Ledger:
        return self.log.ledger

    def take(
        self, *readings: Reading, definitions: Iterable[Definition] = SOME_DEFINITIONS
    ) -> list[Record]:
        """Append readings in one commit, as a run does."""
        content = definitions_json(definitions)
        self.ledger.keep_definitions(content, sha256_hex(content))
        return self.log.append(readings or [a_reading()])

    def take_days(self, days: int, instance: Instance = PROD) -> None:
        """Append one snapshot a day, each in a commit of its own, with a user more each day."""
        for day in range(days):
            stats = {**SOME_STATS, "users": 120 + day}
            self.take(a_reading(stats, instance=instance, taken_at=A_MONDAY + day * DAY))

    def files(self) -> list[Path]:
        """The files of the commits, genesis first."""
        return [file.path for file in self.ledger.layout.record_files()]

    def verify(
        self, *trusted: PublicKey, vouched: bool = True, scope: Scope | None = None
    ) -> Report:
        """Verify with this history's key, or with others; `vouched` by its signer's memory."""
        outside = Outside((self.remembered(),)) if vouched else None
        return verify(
            self.root, trust_any(trusted or [self.key]), outside=outside, scope=scope or Scope()
        )

    def remembered(self) -> Witness:
        """Where the signer remembers the log to end, as a witness."""
        memory = read_journal(self.log.state / STATE_FILE).memory
        head = Checkpoint(memory.origin, memory.size, memory.tree.root)
        return Witness("memory", "the signer's memory", head)

    @property
    def size(self) -> int:
        """How many records the signer remembers."""
        return read_journal(self.log.state / STATE_FILE).memory.size


def a_history(
    folder: Path,
    *,
    origin: str = ORIGIN,
    seed: int = 1,
    algorithm: str = ED25519,
    warehouse: str = "history",
    clock: Callable[[], datetime] | None = None,
    recovery_key: PublicKey | None = None,
    schedule: str | None = None,
    anchored: Callable[[], list[Anchored]] = list,
) -> History:
    """Begin a history in `folder`: its genesis record and nothing else.

    Its clock stands still unless another is given: a test in which no day begins has no
    records of heads.
    """
    state = folder / f"state-{seed}-{sha256_hex(origin.encode())[:8]}"
    state.mkdir(parents=True)
    ledger = Ledger(folder / warehouse)
    ledger.create()
    signer = a_key(seed, algorithm)
    log = SigningLog(
        origin=origin,
        ledger=ledger,
        signer=signer,
        state=state,
        tool="tallybook/test",
        lock_timeout=0.1,
        clock=clock or Clock(datetime.now(UTC)),
        anchored=anchored,
    )
    recovery = recovery_key.spki_base64 if recovery_key else None
    log.begin(recovery_key=recovery, schedule=schedule)
    return History(folder / warehouse, log, signer)


def tamper(path: Path, change: Callable[[list[Row]], object]) -> None:
    """Rewrite a commit's file with its rows changed in place by `change`, as an attacker would."""
    rows = read_rows(path)
    change(rows)
    write_rows(path, rows)


def write_rows(path: Path, rows: list[Row], schema: pa.Schema = HOT_SCHEMA) -> None:
    """Write rows as a commit's file has them, whatever they say."""
    path.unlink(missing_ok=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, path, compression="zstd", write_statistics=False, store_schema=False)


def put(root: Path, *records: Record, at: int | None = None, checkpoint: str | None = None) -> Path:
    """Put records into a warehouse without asking anybody, named for the first one's place."""
    rows = [row_of(record, decode(record.payload)) for record in records]
    rows[-1]["checkpoint"] = checkpoint
    ledger = Ledger(root)
    place = rows[0]["index"] if at is None else at
    path = ledger.layout.epoch(0) / ledger.layout.hot_name(rows[0]["log"], place)
    write_rows(path, rows)
    return path
