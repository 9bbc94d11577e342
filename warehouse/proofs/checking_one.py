"""The proof of one record, checked: what verify.sh in it does, with the names of verification."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from warehouse.checks.findings import Find, Place
from warehouse.checks.times import Times
from warehouse.checks.trust import Trust, trust_any
from warehouse.checks.witnesses import Outside, Spoilt, Witness
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey, public_key_from_base64, public_key_from_pem
from warehouse.note import SignedCheckpoint
from warehouse.payload import AnyPayload, Chained, Genesis, Key, Snapshot
from warehouse.proofs import contents
from warehouse.proofs.archive import Archive
from warehouse.proofs.pages import proof_page, template
from warehouse.proofs.signers import Signers
from warehouse.proofs.subject import ArchiveReport
from warehouse.proofs.trees import Trees
from warehouse.record import NotCanonical, decode, timestamp
from warehouse.rows import type_name
from warehouse.timestamps import Authorities, BadTimestamp, UnknownAuthority, verify_timestamp

_MEMBERS: Final = (
    contents.README,
    contents.SCRIPT,
    contents.RECORD,
    contents.SIGNATURE,
    contents.PROOF,
    contents.NOTE,
    contents.KEY,
)
_TSR: Final = ".tsr"
# A verifier's own clock may be a little behind.
_TOMORROW: Final = timedelta(days=1)


def check_one(
    archive: Archive,
    trust: Trust,
    outside: Outside,
    authorities: Authorities,
    report: ArchiveReport,
) -> None:
    """Check the proof of one record: by a trusted key, or one that the first key leads to.

    A timestamp in it counts like one that somebody else keeps, where one of the `authorities`
    made it: the verifier has chosen these.
    """
    members = {name: read_member(archive, name, report) for name in _MEMBERS}
    report.records = report.signatures = report.signatures_checked = 1
    try:
        decoded = decode(members[contents.RECORD])
    except NotCanonical as error:
        expected = "canonical JSON"
        report.find("PAYLOAD_NOT_CANONICAL", expected, str(error), Place(file=contents.RECORD))
        return
    _OneCheck(archive, members, decoded, trust, report).run(outside, authorities)


def read_member(archive: Archive, name: str, report: ArchiveReport) -> bytes:
    """The content of a member; nothing, and that is told, where there is none."""
    if archive.sizes.get(name):
        return archive.read(name)
    found = "none" if name not in archive.sizes else "an empty one"
    report.find("FILE_UNREADABLE", f"a member {name!r}", found, Place(file=name))
    return b""


def find_strangers(archive: Archive, expected: Collection[str], report: ArchiveReport) -> None:
    """Tell of the members that do not belong there."""
    for name in sorted(archive.sizes.keys() - set(expected)):
        found = f"one of {archive.sizes[name]} bytes that belongs to nothing"
        report.find("FILE_UNKNOWN", "no member of this name", found, Place(file=name))


@dataclass
class _OneCheck:
    """One check of a proof."""

    archive: Archive
    members: dict[str, bytes]
    record: AnyPayload
    trust: Trust
    report: ArchiveReport
    _trees: Trees = field(init=False)

    def __post_init__(self) -> None:
        self._trees = Trees(self.record.log, self.report)

    @property
    def _place(self) -> Place:
        instance = self.record.instance.name if isinstance(self.record, Chained) else None
        return Place(self.record.log, self.record.index, instance, contents.RECORD)

    @property
    def _stamps(self) -> list[str]:
        """The names of the timestamps."""
        return [name for name in self.archive.sizes if name.endswith(_TSR)]

    def run(self, outside: Outside, authorities: Authorities) -> None:
        """Check all of it."""
        proof, note = self.members[contents.PROOF], self.members[contents.NOTE]
        head = self._trees.add(contents.NOTE, note)
        if proof:
            at_proof = replace(self._place, file=contents.PROOF)
            self._trees.take(proof, self.members[contents.RECORD], at_proof)
        key, number = self._signer()
        self.report.signatures_valid += int(key is not None)
        if key:
            self._trees.check([key], key)
            self._outside(outside, authorities, key)
        self._names()
        self._texts(head, key, number)
        self.report.instances = int(isinstance(self.record, Chained))
        self.report.logs[self.record.log] = head.size if head else 0

    def _signer(self) -> tuple[PublicKey | None, int]:
        """The key that signed the record, where it can be trusted, and its number in the log."""
        payload, signature = self.members[contents.RECORD], self.members[contents.SIGNATURE]
        trusted = [self.trust.by_id[key_id] for key_id in self.trust.of(self.record.log)]
        direct = next((key for key in trusted if key.verifies(signature, payload)), None)
        if contents.indexes_in(self.archive.sizes):
            return self._chain(direct)
        if direct is None:
            self._untrusted()
        return direct, 1

    def _chain(self, direct: PublicKey | None) -> tuple[PublicKey | None, int]:
        """The same where the log had several keys, out of the records that changed them."""
        trust = self.trust
        if direct:
            # Whoever has the record's own key does not need the first to believe the record.
            trust = trust_any([direct, *self._first_keys()])
        signers = Signers(trust)
        own = (self.members[contents.RECORD], self.members[contents.SIGNATURE])
        parts = [(self.record, *own, contents.RECORD), *self._changes()]
        signed = {}
        for said, payload, signature, name in sorted(parts, key=lambda part: part[0].index):
            place = replace(self._place, index=said.index, file=name)
            record, good = signers.identify(payload, signature, said)
            signed[name] = signers.check(record, said, self._finder(place), signed=good)
            if name == contents.RECORD:
                key_id = record.key_id
        self.report.signatures_valid += sum(signed.values()) - signed[contents.RECORD]
        start = signers.revoked_from(key_id)
        if signers.revoked_at(key_id, self.record.index):
            expected = f"nothing signed by {key_id} from record {start} on"
            self.report.find("KEY_REVOKED", expected, f"record {self.record.index}", self._place)
        key = signers.key(key_id) if signed[contents.RECORD] else None
        return key, signers.number(key_id)

    def _changes(self) -> Iterator[tuple[AnyPayload, bytes, bytes, str]]:
        """The genesis and key records that are there, each with its proof looked at."""
        for index in contents.indexes_in(self.archive.sizes):
            name = contents.payload_name(index)
            payload = read_member(self.archive, name, self.report)
            signature = read_member(self.archive, contents.signature_name(index), self.report)
            proof = read_member(self.archive, contents.proof_name(index), self.report)
            place = Place(self.record.log, index, None, name)
            self.report.records += 1
            self.report.signatures += 1
            self.report.signatures_checked += 1
            try:
                said = decode(payload)
            except NotCanonical as error:
                self.report.find("PAYLOAD_NOT_CANONICAL", "canonical JSON", str(error), place)
                continue
            if (said.log, said.index) != (self.record.log, index) or not isinstance(
                said, Genesis | Key
            ):
                expected = f"genesis or key record {index} of {self.record.log!r}"
                found = f"{type_name(said)} {said.index} of {said.log!r}"
                self.report.find("PAYLOAD_FIELD_MISMATCH", expected, found, place)
                continue
            if proof:
                self._trees.take(proof, payload, replace(place, file=contents.proof_name(index)))
            yield said, payload, signature, name

    def _first_keys(self) -> Iterator[PublicKey]:
        name = contents.payload_name(0)
        try:
            genesis = decode(self.archive.read(name)) if name in self.archive.sizes else None
            if isinstance(genesis, Genesis):
                yield public_key_from_base64(genesis.public_key, named="the first key")
        except (NotCanonical, KeyUnusable):
            # It is told where all of them are looked at.
            return

    def _untrusted(self) -> None:
        payload, signature = self.members[contents.RECORD], self.members[contents.SIGNATURE]
        expected = " or ".join(self.trust.of(self.record.log)) or "no key at all"
        try:
            found = public_key_from_pem(self.members[contents.KEY], named=contents.KEY)
        except KeyUnusable as error:
            expected = "the public key of the record"
            self.report.find("KEY_FORMAT", expected, str(error), self._place)
            return
        find = self._finder(self._place)
        if not found.verifies(signature, payload):
            expected = f"a signature by {found.key_id} over the payload"
            find("PAYLOAD_SIG_INVALID", expected, "one that does not verify")
        elif not self.trust.knows(self.record.log):
            find("LOG_UNKNOWN", " or ".join(sorted(self.trust.origins)), self.record.log)
        else:
            find("KEY_UNTRUSTED", expected, found.key_id)

    def _outside(self, outside: Outside, authorities: Authorities, key: PublicKey) -> None:
        stamped = [*self._stamped(authorities)]
        known = replace(
            outside,
            witnesses=(*outside.witnesses, *(w for w in stamped if isinstance(w, Witness))),
            spoilt=(*outside.spoilt, *(w for w in stamped if isinstance(w, Spoilt))),
        )
        agreeing = self._trees.compare(known, [key])
        anchors = [(size, timestamp(witness.at)) for size, witness in agreeing if witness.at]
        if anchors:
            times, find = Times(timestamp(datetime.now(UTC) + _TOMORROW), anchors), self._finder
            times.check(self.record.index, self.record.recorded_at, "", find(self._place))

    def _stamped(self, authorities: Authorities) -> Iterator[Witness | Spoilt]:
        """What the timestamps say that an authority made whom the verifier trusts."""
        note, heads = self.members[contents.NOTE], self._trees.heads
        for name in self._stamps if heads else ():
            try:
                at = verify_timestamp(self.archive.read(name), note, authorities)
            except UnknownAuthority:
                continue
            except BadTimestamp as error:
                yield Spoilt(name, str(error))
            else:
                yield Witness("anchor", name, heads[0].checkpoint, heads[0], at)

    def _names(self) -> None:
        """Check that nothing is there that does not belong to it."""
        notes = [name.removesuffix(_TSR) + ".note" for name in self._stamps]
        expected = {*_MEMBERS, *self._stamps, *notes}
        for index in contents.indexes_in(self.archive.sizes):
            expected |= {contents.payload_name(index), contents.signature_name(index)}
            expected.add(contents.proof_name(index))
        find_strangers(self.archive, expected, self.report)
        for name in notes:
            content = read_member(self.archive, name, self.report)
            if content and content != self.members[contents.NOTE]:
                words = ("the checkpoint of the proof", "another one")
                self.report.find("CHECKPOINT_MALFORMED", *words, Place(file=name))

    def _texts(self, head: SignedCheckpoint | None, key: PublicKey | None, number: int) -> None:
        """Check what is there for people, who will read it first."""
        if self.members[contents.SCRIPT] not in (b"", template(contents.SCRIPT).encode()):
            expected = "the script that this release of Tallybook writes"
            place = Place(file=contents.SCRIPT)
            self.report.find("ROW_MISMATCH", expected, "another script", place)
        if not isinstance(self.record, Snapshot):
            found = type_name(self.record)
            self.report.find("PAYLOAD_FIELD_MISMATCH", "a snapshot", found, self._place)
            return
        size = head.size if head else 0
        self.report.about = (
            f"{self._place.instance} at {self.record.taken_at}: 1 snapshot, record "
            f"{self.record.index} of {self.record.log}, under a checkpoint of {size} records."
        )
        if key is None or head is None:
            return
        if self.members[contents.KEY] not in (b"", key.pem.encode()):
            expected = f"the key {key.key_id}"
            self.report.find("KEY_FORMAT", expected, "something else", Place(file=contents.KEY))
        page = proof_page(self.record, key, number, size, self._stamps)
        if self.members[contents.README] not in (b"", page.encode()):
            expected = "the text that goes with this record"
            place = Place(file=contents.README)
            self.report.find("ROW_MISMATCH", expected, "another text", place)

    def _finder(self, place: Place) -> Find:
        def find(name: str, expected: str, found: str) -> None:
            self.report.find(name, expected, found, place)

        return find
