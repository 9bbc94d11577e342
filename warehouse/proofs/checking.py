"""A bundle or a proof checked by who received it: it is what was signed, and nothing left out.

It needs the file and a public key that came by another way. What is found has the names
that verification of a whole history gives (`warehouse.checks.findings`). Such a file proves
what is in it: about the rest of the log it says nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from warehouse.checks.findings import Find, Place
from warehouse.checks.times import Times, skew_of
from warehouse.checks.trust import Trust
from warehouse.checks.witnesses import Outside
from warehouse.definitions import Definitions
from warehouse.keys import PublicKey
from warehouse.payload import AnyPayload, Chained, Heads, Missed, Scheduled, Snapshot
from warehouse.proofs import contents
from warehouse.proofs.archive import Archive, BadArchive, open_archive
from warehouse.proofs.checking_one import check_one, find_strangers, read_member
from warehouse.proofs.contents import Manifest
from warehouse.proofs.links import Link, check_chain
from warehouse.proofs.pages import bundle_page
from warehouse.proofs.signers import Signers
from warehouse.proofs.slots import check_slots
from warehouse.proofs.subject import ArchiveReport
from warehouse.proofs.tables import (
    Difference,
    Taken,
    csv_difference,
    parquet_difference,
    table_of,
)
from warehouse.proofs.trees import Trees
from warehouse.record import NotCanonical, Record, TrailingData, decode, sha256_hex, timestamp
from warehouse.rows import type_name
from warehouse.timestamps import read_authorities

# A verifier's own clock may be a little behind.
_TOMORROW: Final = timedelta(days=1)
_OF_THE_LOG: Final = "its genesis and key records, and those of the instance"


def check_archive(
    path: Path, trust: Trust, outside: Outside | None = None, authorities: Sequence[Path] = ()
) -> ArchiveReport:
    """Check a file against the keys somebody trusts, and what is known elsewhere of its log.

    `authorities` are files with the certificates whose timestamps count. Raises BadInput where
    there is no file; whatever is in one is told in the report.
    """
    report = ArchiveReport()
    trusted = read_authorities(authorities)
    try:
        with open_archive(path, contents.member_limit) as archive:
            if contents.RECORD in archive.sizes:
                check_one(archive, trust, outside or Outside(), trusted, report)
            else:
                check = _Check(archive, _manifest(archive), Signers(trust), report)
                check.run(outside or Outside())
    except BadArchive as error:
        expected = "a bundle or a proof"
        report.find("FILE_UNREADABLE", expected, str(error), Place(file=path.name))
    report.sort()
    return report


def _manifest(archive: Archive) -> Manifest:
    if contents.MANIFEST not in archive.sizes:
        raise BadArchive(f"it has no member {contents.MANIFEST!r}")
    try:
        return msgspec.json.decode(archive.read(contents.MANIFEST), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArchive(f"member {contents.MANIFEST!r} says what cannot be: {error}") from None


@dataclass
class _Check:
    """One check of a bundle: what comes together from its members."""

    archive: Archive
    manifest: Manifest
    signers: Signers
    report: ArchiveReport
    _records: list[tuple[Record, AnyPayload]] = field(default_factory=list)
    _trees: Trees = field(init=False)

    def __post_init__(self) -> None:
        self._trees = Trees(self.manifest.log, self.report)

    def run(self, outside: Outside) -> None:
        """Check everything, in an order in which each step finds what it needs."""
        self._checkpoints()
        for index in contents.indexes_in(self.archive.sizes):
            self._record(index)
        self._revocations()
        self._trees.check(self.signers.keys, self.signers.current)
        self._trees.follow(self.manifest.steps)
        agreeing = self._trees.compare(outside, self.signers.keys)
        self._times([(size, timestamp(w.at)) for size, w in agreeing if w.at])
        self._chains()
        definitions = self._definitions()
        if definitions is not None:
            self._data(definitions)
        self._members(definitions or {})
        self._texts()
        heads = self._trees.heads
        self.report.logs[self.manifest.log] = heads[-1].size if heads else 0

    def _checkpoints(self) -> None:
        for name in contents.checkpoints_in(self.archive.sizes):
            head = self._trees.add(name, self._read(name))
            if head and name != contents.checkpoint_name(head.size):
                place = Place(log=self.manifest.log, file=name)
                expected = "a checkpoint of as many records as its name says"
                self.report.find("CHECKPOINT_MALFORMED", expected, f"{head.size}", place)

    def _record(self, index: int) -> None:
        content = self.archive.read(contents.payload_name(index))
        signature = self._read(contents.signature_name(index))
        proof = self._read(contents.proof_name(index))
        self.report.records += 1
        self.report.signatures += 1
        place = Place(self.manifest.log, index, None, contents.payload_name(index))
        try:
            payload = decode(content)
        except NotCanonical as error:
            name = "TRAILING_DATA" if isinstance(error, TrailingData) else "PAYLOAD_NOT_CANONICAL"
            self.report.find(name, "canonical JSON", str(error), place)
            return
        place = self._place(index, payload)
        self._belongs(payload, place)
        record, signed = self.signers.identify(content, signature, payload)
        self.report.signatures_checked += 1
        find = self._finder(place)
        self.report.signatures_valid += self.signers.check(record, payload, find, signed=signed)
        if proof:
            at_proof = Place(place.log, index, place.instance, contents.proof_name(index))
            self._trees.take(proof, content, at_proof)
        self._records.append((record, payload))

    def _belongs(self, payload: AnyPayload, place: Place) -> None:
        found = (payload.log, payload.index)
        if found != (self.manifest.log, place.index):
            expected = f"record {place.index} of {self.manifest.log!r}"
            self.report.find(
                "PAYLOAD_FIELD_MISMATCH", expected, f"record {found[1]} of {found[0]!r}", place
            )
        named = _named(payload) or self.manifest.instance
        if named != self.manifest.instance or isinstance(payload, Heads):
            found_kind = f"{type_name(payload)} of {named!r}"
            self.report.find("PAYLOAD_FIELD_MISMATCH", _OF_THE_LOG, found_kind, place)

    def _revocations(self) -> None:
        for record, payload in self._records:
            if self.signers.revoked_at(record.key_id, payload.index):
                start = self.signers.revoked_from(record.key_id)
                expected = f"nothing signed by {record.key_id} from record {start} on"
                place = self._place(payload.index, payload)
                self.report.find("KEY_REVOKED", expected, f"record {payload.index}", place)

    def _times(self, anchors: list[tuple[int, str]]) -> None:
        times = Times(timestamp(datetime.now(UTC) + _TOMORROW), anchors)
        newest = ""
        for _, payload in self._records:
            find = self._finder(self._place(payload.index, payload))
            times.check(payload.index, payload.recorded_at, newest, find)
            if isinstance(payload, Snapshot) and (skew := skew_of(payload)):
                find("TIME_SKEW", *skew)
            newest = max(newest, payload.recorded_at)

    def _chains(self) -> None:
        chains: dict[str, list[Link]] = {}
        for record, payload in self._records:
            if isinstance(payload, Chained) and payload.instance.name == self.manifest.instance:
                link = Link(payload, record.sha256, self._place(payload.index, payload))
                chains.setdefault(payload.instance.id, []).append(link)
        for links in chains.values():
            check_chain(links, self.manifest.period, self.report)
        self.report.instances = len(chains)
        told = [(payload, self._place(payload.index, payload)) for _, payload in self._records]
        check_slots(told, self.manifest.period, self.report)

    def _definitions(self) -> dict[str, Definitions] | None:
        """The sets that the snapshots name, the newest last; None where one is not there."""
        snapshots = [payload for _, payload in self._records if isinstance(payload, Snapshot)]
        found: dict[str, Definitions] = {}
        named = list(dict.fromkeys(snapshot.definitions for snapshot in snapshots))
        for sha256 in named:
            name = contents.definitions_name(sha256)
            content = self._read(name)
            if not content:
                continue
            expected = f"definitions with the SHA-256 {sha256}"
            if sha256_hex(content) != sha256:
                place = Place(file=name)
                self.report.find("DEFINITIONS_MISMATCH", expected, sha256_hex(content), place)
                continue
            try:
                found[sha256] = msgspec.json.decode(content, type=Definitions)
            except msgspec.DecodeError as error:
                self.report.find("DEFINITIONS_MISMATCH", expected, str(error), Place(file=name))
        return found if len(found) == len(named) else None

    def _data(self, definitions: dict[str, Definitions]) -> None:
        taken = list(self._taken())
        self._counted(len(taken))
        self.report.about = self.manifest.about(len(taken))
        try:
            table = table_of(taken, definitions)
        except NotCanonical as error:
            self.report.find("PAYLOAD_NOT_CANONICAL", "what a column can hold", str(error))
            return
        for name, differs in (
            (contents.PARQUET, parquet_difference),
            (contents.CSV, csv_difference),
        ):
            content = self._read(name)
            if content and (difference := differs(content, table)):
                self._row_mismatch(name, difference, taken)

    def _row_mismatch(self, name: str, difference: Difference, taken: list[Taken]) -> None:
        row, expected, found = difference
        snapshot = None if row is None else taken[row][1]
        index = snapshot.index if snapshot else None
        place = Place(self.manifest.log, index, self.manifest.instance, name)
        self.report.find("ROW_MISMATCH", expected, found, place)

    def _counted(self, snapshots: int) -> None:
        place = self.manifest.period.place
        missed = sum(isinstance(p, Missed) and not place(p.due_at) for _, p in self._records)
        said = (self.manifest.snapshots, self.manifest.missed)
        if said != (snapshots, missed):
            expected = f"{snapshots} snapshots and {missed} missed in the period"
            found = f"{said[0]} and {said[1]}"
            self.report.find("ROW_MISMATCH", expected, found, Place(file=contents.MANIFEST))

    def _taken(self) -> Iterator[Taken]:
        for record, payload in self._records:
            if isinstance(payload, Snapshot) and not self.manifest.period.place(payload.taken_at):
                yield record, payload

    def _members(self, definitions: dict[str, Definitions]) -> None:
        """Check what is there for convenience, and that nothing else is."""
        expected = {contents.README, contents.MANIFEST, contents.PARQUET, contents.CSV}
        for index in contents.indexes_in(self.archive.sizes):
            expected |= {contents.payload_name(index), contents.signature_name(index)}
            expected.add(contents.proof_name(index))
        expected |= {contents.definitions_name(sha256) for sha256 in definitions}
        expected |= set(contents.checkpoints_in(self.archive.sizes))
        for key in self.signers.keys:
            expected.add(contents.key_name(key.key_id))
            self._key(key)
        find_strangers(self.archive, expected, self.report)

    def _key(self, key: PublicKey) -> None:
        name = contents.key_name(key.key_id)
        if self._read(name) not in (b"", key.pem.encode()):
            expected, place = f"the key {key.key_id}", Place(file=name)
            self.report.find("KEY_FORMAT", expected, "something else", place)

    def _texts(self) -> None:
        """Check what is there for people, who will read it first."""
        first, payloads = self.signers.first, [payload for _, payload in self._records]
        texts = {contents.MANIFEST: self.manifest.written()}
        if first:
            texts[contents.README] = bundle_page(self.manifest, first, payloads).encode()
        for name, text in texts.items():
            if self._read(name) not in (b"", text):
                expected = "the text that goes with this bundle"
                self.report.find("ROW_MISMATCH", expected, "another text", Place(file=name))

    def _read(self, name: str) -> bytes:
        return read_member(self.archive, name, self.report)

    def _place(self, index: int, payload: AnyPayload) -> Place:
        instance = payload.instance.name if isinstance(payload, Chained) else None
        return Place(self.manifest.log, index, instance, contents.payload_name(index))

    def _finder(self, place: Place) -> Find:
        def find(name: str, expected: str, found: str) -> None:
            self.report.find(name, expected, found, place)

        return find


def _named(payload: AnyPayload) -> str | None:
    """The source that a record is about; None for one about the whole log."""
    if isinstance(payload, Scheduled):
        return payload.source
    return payload.instance.name if isinstance(payload, Chained) else None
