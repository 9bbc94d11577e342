"""The chains of a log's instances: numbered without a hole, each record naming the one before.

And what `heads` records say about all of them at once, so that none can be cut short or
taken away as a whole; and the slots in between, so that no night can be skipped in silence.
"""

from dataclasses import dataclass, field

from warehouse.checks.examine import Link
from warehouse.checks.findings import Complaint, Find
from warehouse.checks.slots import SlotBook
from warehouse.payload import NO_PREVIOUS, Heads


@dataclass
class _Chain:
    count: int = 0
    sha256: str = NO_PREVIOUS


@dataclass
class Chains:
    """Where the chains of one log's instances end, as far as its records have been read."""

    slots: SlotBook = field(default_factory=SlotBook)
    _chains: dict[tuple[str, str], _Chain] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The names of all instances so far."""
        return {name for _, name in self._chains}

    def __len__(self) -> int:
        return len(self._chains)

    def link(self, link: Link) -> list[Complaint]:
        """Add a record to its chain; return what is wrong with it there."""
        chain = self._chains.get((link.id, link.name))
        if chain is None:
            chain = self._chains[link.id, link.name] = _Chain()
        complaints: list[Complaint] = []
        if link.seq != chain.count:
            name = "SEQ_GAP" if link.seq > chain.count else "SEQ_DUPLICATE"
            complaints.append((name, f"seq {chain.count}", f"seq {link.seq}"))
        if link.prev != chain.sha256:
            complaints.append(("PREV_MISMATCH", chain.sha256, link.prev or "nothing"))
        chain.count, chain.sha256 = link.seq + 1, link.sha256
        if link.due_at:
            complaints += self.slots.decide(link.name, link.due_at)
        return complaints

    def compare(self, heads: Heads, find: Find) -> None:
        """Compare all chains with what a `heads` record says of them."""
        if heads.instances != len(self._chains):
            find("HEADS_MISMATCH", f"{heads.instances} instances", f"{len(self._chains)} instances")
        for head in heads.heads:
            chain = self._chains.get((head.id, head.name), _Chain())
            if (chain.count, chain.sha256) != (head.count, head.sha256):
                expected = f"{head.name!r} with {head.count} records, newest {head.sha256}"
                found = f"{head.name!r} with {chain.count} records, newest {chain.sha256}"
                find("HEADS_MISMATCH", expected, found)
