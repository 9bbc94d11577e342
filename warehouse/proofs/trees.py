"""The trees of a bundle: where its proofs lead, who signed the heads, who else knows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from warehouse.checks.findings import Place, Report
from warehouse.checks.tree import is_signed
from warehouse.checks.witnesses import Outside, Witness
from warehouse.keys import PublicKey
from warehouse.merkle_proofs import verify_consistency
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint
from warehouse.proofs.contents import Step, checkpoint_name
from warehouse.proofs.proof import MalformedProof, TlogProof, parse_proof


@dataclass
class Trees:
    """The signed heads of one log that are there, and that its proofs have to lead to."""

    origin: str
    report: Report
    _heads: dict[str, SignedCheckpoint] = field(default_factory=dict)

    @property
    def heads(self) -> list[SignedCheckpoint]:
        """Every head once, the shortest first."""
        return sorted(self._heads.values(), key=lambda head: head.size)

    def add(self, name: str, content: bytes) -> SignedCheckpoint | None:
        """Take in a head, out of the member of this name; None, and that is told, if it is none."""
        place = Place(log=self.origin, file=name)
        expected = f"a checkpoint of {self.origin!r}"
        try:
            head = parse_checkpoint(content.decode())
        except (MalformedNote, UnicodeDecodeError) as error:
            self.report.find("CHECKPOINT_MALFORMED", expected, str(error), place)
            return None
        if head.origin != self.origin:
            self.report.find("CHECKPOINT_MALFORMED", expected, f"one of {head.origin!r}", place)
            return None
        self._heads[str(head)] = head
        return head

    def take(self, content: bytes, payload: bytes, place: Place) -> None:
        """Check the proof of one record: it has to lead to one of the heads."""
        try:
            proof = parse_proof(content.decode())
        except MalformedNote as error:
            self.report.find("CHECKPOINT_MALFORMED", "a checkpoint", str(error), place)
        except (MalformedProof, UnicodeDecodeError) as error:
            self.report.find("FILE_UNREADABLE", "a proof of inclusion", str(error), place)
        else:
            self._compare(proof, payload, place)

    def _compare(self, proof: TlogProof, payload: bytes, place: Place) -> None:
        head = proof.checkpoint
        if str(head) not in self._heads:
            found = f"another one of {head.size} records of {head.origin!r}"
            self.report.find("CHECKPOINT_MALFORMED", "a checkpoint that is here too", found, place)
        elif proof.index != place.index:
            expected = f"the proof of record {place.index}"
            self.report.find("PAYLOAD_FIELD_MISMATCH", expected, f"of {proof.index}", place)
        elif not proof.holds(payload):
            expected = f"a path to the root {head.root.hex()}, as signed"
            self.report.find("ROOT_MISMATCH", expected, "one that leads elsewhere", place)

    def check(self, keys: Iterable[PublicKey], current: PublicKey | None) -> None:
        """Check who signed the heads; the newest has to be signed by the key in force."""
        known, heads = list(keys), self.heads
        for head in heads:
            due = [current] if current and head.size == heads[-1].size else known
            self.report.checkpoints += 1
            self.report.checkpoints_checked += 1
            if is_signed(head, due):
                self.report.checkpoints_valid += 1
            else:
                expected = f"signed by {' or '.join(key.key_id for key in due) or 'a known key'}"
                place = self._place(head)
                self.report.find("CHECKPOINT_SIG_INVALID", expected, "one that is not", place)

    def follow(self, steps: Sequence[Step]) -> None:
        """Check that each tree continues the one before: that all are the same log."""
        paths = {(step.first, step.second): step.hashes() for step in steps}
        for before, after in pairwise(self.heads):
            if before.size == after.size:
                if before.root != after.root:
                    expected = f"one root of {before.size} records, {before.root.hex()}"
                    found = f"and {after.root.hex()}"
                    place = self._place(after)
                    self.report.find("CHECKPOINT_EQUIVOCATION", expected, found, place)
                continue
            path = paths.get((before.size, after.size))
            sizes, roots = (before.size, after.size), (before.root, after.root)
            if path is None or not verify_consistency(*sizes, *roots, path):
                expected = f"{after.size} records that go on after those {before.size}"
                found = "no proof that they do" if path is None else "others"
                self.report.find("FORK", expected, found, self._place(after))

    def compare(self, outside: Outside, keys: Iterable[PublicKey]) -> list[tuple[int, Witness]]:
        """Compare with what is known elsewhere of this log; return whoever agrees.

        A witness of another size can say nothing here: the rest of the log is not in a bundle.
        Nor can one that is signed by a key that is not here: it may be a later one of the log.
        """
        known = list(keys)
        witnesses = [w for w in outside.of(self.origin) if self._names_one(w, known)]
        for spoilt in outside.spoilt:
            found = f"{spoilt.name}: {spoilt.reason}"
            self.report.find("ANCHOR_INVALID", "a checkpoint that can be read", found)
        agreeing = [(w.head.size, w) for w in witnesses if self._agrees(w, known)]
        vouching = [w.name for _, w in agreeing if w.kind != "timestamp"]
        self.report.vouched_by += vouching
        if not vouching or (outside.anchored and all(w.kind != "anchor" for _, w in agreeing)):
            sizes = " or ".join(str(size) for size in sorted({h.size for h in self.heads}))
            others = ", ".join(str(size) for size in sorted({w.head.size for w in witnesses}))
            expected = f"a checkpoint of {sizes} records that somebody else keeps"
            found = f"none; those known elsewhere are of {others}" if others else "none"
            self.report.find("UNANCHORED", expected, found, Place(log=self.origin))
        return agreeing

    def _names_one(self, witness: Witness, known: list[PublicKey]) -> bool:
        hashes = {key.note_hash(self.origin) for key in known}
        lines = witness.signed.note.signatures if witness.signed else ()
        named = {line.key_hash for line in lines if line.name == self.origin}
        return witness.signed is None or bool(named & hashes)

    def _agrees(self, witness: Witness, known: list[PublicKey]) -> bool:
        head = witness.head
        if witness.signed and not is_signed(witness.signed, known):
            expected = f"a note signed by a key of {head.origin!r}"
            found = f"{witness.name}: one that is not"
            self.report.find("ANCHOR_INVALID", expected, found, Place(log=self.origin))
            return False
        roots = {one.root for one in self.heads if one.size == head.size}
        if roots and roots != {head.root}:
            expected = f"root {head.root.hex()} of {head.size} records, by {witness.name}"
            found = " and ".join(sorted(root.hex() for root in roots))
            self.report.find("FORK", expected, found, Place(log=self.origin))
        return roots == {head.root}

    def _place(self, head: SignedCheckpoint) -> Place:
        return Place(log=self.origin, file=checkpoint_name(head.size))
