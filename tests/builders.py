"""Makers of small histories for tests: real keys, real files, no database.

What a test does not name has a plain default, so that it reads as what it is about.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from etl.journal import STATE_FILE, read_journal
from etl.log import SigningLog
from etl.signing import KeySigner
from etl.snapshot import Reading
from etl.statistic import Unavailable
from warehouse.definitions import Definition
from warehouse.keys import PublicKey
from warehouse.ledger import Ledger, read_rows
from warehouse.payload import (
    Genesis,
    Instance,
    Names,
    Origin,
    Payload,
    Release,
    Schema,
    Snapshot,
    Value,
)
from warehouse.record import Record, canonical, decode, encode, sha256_hex
from warehouse.rows import HOT_SCHEMA, Row, row_of
from warehouse.verify import Report, verify

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
AN_ORIGIN = Origin(
    postgres="18.0",
    database="unleash",
    system="7400000000000000001",
    lsn="0/16B3748",
    timeline=1,
    role="primary",
    schema=Schema("20260713120000-add-v2-tokens", 300, "0123456789abcdef"),
)


def a_key(seed: int = 1) -> KeySigner:
    """A signer whose key is the same in every run; another `seed` is another key."""
    return KeySigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


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
        "log": ORIGIN,
        "index": 1,
        "recorded_at": "2026-11-23T02:00:01.000Z",
        "nonce": "00112233445566778899aabbccddeeff",
        "tool": "tallybook/test",
        "instance": PROD,
        "seq": 0,
        "prev": "0" * 64,
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


def a_genesis(signer: KeySigner, **changes: Any) -> Genesis:
    """The payload of a genesis record that declares `signer`; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "log": ORIGIN,
        "index": 0,
        "recorded_at": "2026-11-23T01:00:00.000Z",
        "nonce": "ffeeddccbbaa99887766554433221100",
        "tool": "tallybook/test",
        "algorithm": "ed25519",
        "public_key": signer.public_key.spki_base64,
        "recovery_key": None,
        "schedule": None,
    }
    return Genesis(**{**fields, **changes})


def signed(payload: Payload | bytes, signer: KeySigner | None = None) -> Record:
    """Sign a payload, or any bytes."""
    content = payload if isinstance(payload, bytes) else encode(payload)
    by = signer or a_key()
    return Record(content, by.sign(content), by.public_key.key_id)


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
        return [file.path for file in self.ledger.layout.hot_files()]

    def verify(self, *trusted: PublicKey, vouched: bool = True) -> Report:
        """Verify with this history's key, or with others; `vouched` by its signer's memory."""
        sizes = {self.log.origin: self.size} if vouched else None
        return verify(self.root, trusted or [self.key], expected_sizes=sizes)

    @property
    def size(self) -> int:
        """How many records the signer remembers."""
        return read_journal(self.log.state / STATE_FILE).memory.size


def a_history(
    folder: Path, *, origin: str = ORIGIN, seed: int = 1, warehouse: str = "history"
) -> History:
    """Begin a history in `folder`: its genesis record and nothing else."""
    state = folder / f"state-{seed}-{sha256_hex(origin.encode())[:8]}"
    state.mkdir(parents=True)
    ledger = Ledger(folder / warehouse)
    ledger.create()
    signer = a_key(seed)
    log = SigningLog(origin, ledger, signer, state, "tallybook/test", lock_timeout=0.1)
    log.begin()
    return History(folder / warehouse, log, signer)


def tamper(path: Path, change: Callable[[list[Row]], object]) -> None:
    """Rewrite a commit's file with its rows changed in place by `change`, as an attacker would."""
    rows = read_rows(path)
    change(rows)
    write_rows(path, rows)


def write_rows(path: Path, rows: list[Row], schema: pa.Schema = HOT_SCHEMA) -> None:
    """Write rows as a commit's file has them, whatever they say."""
    path.unlink(missing_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def put(root: Path, *records: Record, at: int | None = None) -> Path:
    """Put records into a warehouse without asking anybody, named for the first one's place."""
    rows = [row_of(record, decode(record.payload)) for record in records]
    ledger = Ledger(root)
    place = rows[0]["index"] if at is None else at
    path = ledger.layout.epoch(0) / ledger.layout.hot_name(rows[0]["log"], place)
    write_rows(path, rows)
    return path
