"""An auditor's bundle: one instance, one period, and everything that it takes to check them.

See `contents` for what is in it. It is checked as its reader will check it before it gets
its name.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import Final

from warehouse.checks.trust import trust_any
from warehouse.definitions import Definitions, read_set
from warehouse.errors import BadInput
from warehouse.history import NoSnapshot, newest_two
from warehouse.keys import PublicKey
from warehouse.layout import Layout
from warehouse.merkle_proofs import consistency_path
from warehouse.note import SignedCheckpoint
from warehouse.payload import AnyPayload, Chained, Missed, Snapshot
from warehouse.proofs import contents
from warehouse.proofs.archive import new_archive, require_new, write_archive
from warehouse.proofs.checking import check_archive
from warehouse.proofs.contents import Manifest, Period, Step, moment_of
from warehouse.proofs.pages import bundle_page
from warehouse.proofs.proof import TlogProof
from warehouse.proofs.reading import LogReading, Unprovable, read_log, require_known
from warehouse.proofs.signers import Signers
from warehouse.proofs.tables import Taken, csv_of, parquet_of, table_of
from warehouse.query import ask
from warehouse.record import Record, decode, timestamp

_CHAINS: Final = """
    SELECT
        l.log, l.instance_id, l.index,
        coalesce(s.taken_at, (decode(l.payload)->>'due_at')::TIMESTAMP, l.recorded_at) AS moment
    FROM ledger AS l
    LEFT JOIN snapshots AS s ON s.log = l.log AND s.index = l.index
    WHERE l.instance = $instance AND l.log = coalesce($log, l.log)
    ORDER BY l.log, l.instance_id, l.seq
"""
_SCHEDULES: Final = """
    SELECT index FROM ledger
    WHERE type = 'tallybook/schedule/v1' AND log = $log AND index < $until
      AND (decode(payload)->>'source') = $instance
"""


@dataclass(frozen=True)
class Bundle:
    """What goes into a bundle: records with their payloads and proofs, by index.

    `heads` are the checkpoints that the proofs lead to and the newest of all, the shortest first.
    """

    manifest: Manifest
    keys: Sequence[PublicKey]
    records: dict[int, tuple[Record, AnyPayload]]
    proofs: dict[int, TlogProof]
    heads: Sequence[SignedCheckpoint]
    definitions: dict[str, tuple[Definitions, bytes]]

    @property
    def taken(self) -> list[Taken]:
        """The snapshots of the period."""
        return [
            (record, payload)
            for record, payload in self.records.values()
            if isinstance(payload, Snapshot) and not self.manifest.period.place(payload.taken_at)
        ]

    def members(self) -> Iterator[tuple[str, bytes]]:
        """What a bundle's zip holds."""
        table = table_of(self.taken, {name: one for name, (one, _) in self.definitions.items()})
        payloads = [payload for _, payload in self.records.values()]
        yield contents.README, bundle_page(self.manifest, self.keys[0], payloads).encode()
        yield contents.MANIFEST, self.manifest.written()
        yield contents.PARQUET, parquet_of(table)
        yield contents.CSV, csv_of(table)
        for index, (record, _) in self.records.items():
            yield contents.payload_name(index), record.payload
            yield contents.signature_name(index), record.signature
            yield contents.proof_name(index), str(self.proofs[index]).encode()
        for head in self.heads:
            yield contents.checkpoint_name(head.size), str(head).encode()
        for name, (_, content) in self.definitions.items():
            yield contents.definitions_name(name), content
        for key in self.keys:
            yield contents.key_name(key.key_id), key.pem.encode()


def bundle(root: Path, instance: str, period: Period, log: str | None, to: Path) -> Bundle:
    """Write the bundle of an instance and a period to a new zip file.

    `log` is an origin, None where only one log has the instance. Raises NoSnapshot, BadInput,
    and Unprovable where the history does not bear it out.
    """
    require_new(to)
    require_known(root, instance, log)
    origin, indexes = _chosen(root, instance, period, log)
    layout = Layout(root)
    read = read_log(layout, origin, indexes)
    made = _gathered(layout, read, instance, period)
    with new_archive(to) as draft:
        write_archive(draft, made.members())
        report = check_archive(draft, trust_any([read.first_key()]))
        if report.status in ("tampered", "untrusted"):
            worst = report.findings[0]
            raise Unprovable(f"{worst.name}: expected {worst.expected}, found {worst.found}")
    return made


def _chosen(root: Path, instance: str, period: Period, log: str | None) -> tuple[str, list[int]]:
    chains: dict[tuple[str, str], list[tuple[int, int]]] = {}
    rows = ask(root, _CHAINS, {"instance": instance, "log": log}).rows
    for origin, instance_id, index, moment in rows:
        place = period.place(timestamp(moment.replace(tzinfo=UTC)))
        chains.setdefault((origin, instance_id), []).append((index, place))
    found = {key: indexes for key, chain in chains.items() if (indexes := _with_edges(chain))}
    origins = sorted({origin for origin, _ in found})
    if not origins:
        newest_two(root, instance)
        raise NoSnapshot(
            f"nothing was recorded of {instance!r} in that period",
            hint='When it begins and ends: tallybook sql "SELECT * FROM instances"',
        )
    if len(origins) > 1:
        raise BadInput(
            f"{instance!r} is in {len(origins)} logs, and a bundle is of one",
            hint=f"Say which with --log: {', '.join(origins)}",
        )
    chosen = [index for indexes in found.values() for index in indexes]
    asked = {"instance": instance, "log": origins[0], "until": max(chosen)}
    schedules = [index for (index,) in ask(root, _SCHEDULES, asked).rows]
    return origins[0], chosen + schedules


def _with_edges(chain: Sequence[tuple[int, int]]) -> list[int]:
    """The records in the period, all between them, and the nearest before and after it."""
    places = [place for _, place in chain]
    if 0 not in places:
        return []
    first = places.index(0)
    last = len(places) - 1 - places[::-1].index(0)
    # A clock that was set back makes neighbours that are no edges.
    before = next((at for at in range(first - 1, -1, -1) if places[at] < 0), 0)
    after = next((at for at in range(last + 1, len(places)) if places[at] > 0), len(places) - 1)
    return [index for index, _ in chain[before : after + 1]]


def _gathered(layout: Layout, read: LogReading, instance: str, period: Period) -> Bundle:
    records = {
        index: (record, decode(record.payload)) for index, record in sorted(read.records.items())
    }
    signers = read.signers()
    proofs = _proofs(read, signers)
    heads = {proof.checkpoint.size: proof.checkpoint for proof in proofs.values()}
    if read.newest:
        heads[read.newest.size] = read.newest
    manifest = _manifest(read, instance, period, records, sorted(heads))
    named = [
        payload.definitions for _, payload in records.values() if isinstance(payload, Snapshot)
    ]
    definitions = {}
    for name in dict.fromkeys(named):
        path = layout.definitions / f"{name}.json"
        definitions[name] = (read_set(path), path.read_bytes())
    in_order = [heads[size] for size in sorted(heads)]
    return Bundle(manifest, list(signers.keys), records, proofs, in_order, definitions)


def _proofs(read: LogReading, signers: Signers) -> dict[int, TlogProof]:
    by_key: dict[str, list[int]] = {}
    for index, record in read.records.items():
        by_key.setdefault(record.key_id, []).append(index)
    proofs = {}
    for key_id, indexes in by_key.items():
        key = signers.key(key_id)
        if key is None:
            raise Unprovable(f"KEY_UNTRUSTED: {read.origin!r} never had the key {key_id}")
        for proof in read.prove(indexes, read.checkpoint_by(key)):
            proofs[proof.index] = proof
    return proofs


def _manifest(
    read: LogReading,
    instance: str,
    period: Period,
    records: dict[int, tuple[Record, AnyPayload]],
    sizes: Sequence[int],
) -> Manifest:
    inside = [
        payload
        for _, payload in records.values()
        if isinstance(payload, Chained) and not period.place(moment_of(payload))
    ]
    return Manifest(
        format=contents.FORMAT,
        log=read.origin,
        instance=instance,
        since=period.since,
        until=period.until,
        snapshots=sum(isinstance(payload, Snapshot) for payload in inside),
        missed=sum(isinstance(payload, Missed) for payload in inside),
        steps=list(_steps(read, sizes)),
    )


def _steps(read: LogReading, sizes: Sequence[int]) -> Iterator[Step]:
    leaves = read.leaf_list() if len(sizes) > 1 else []
    for first, second in pairwise(sizes):
        hashes = consistency_path(leaves, first, second)
        yield Step(first, second, [base64.b64encode(one).decode() for one in hashes])
