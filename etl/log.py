"""The signing end of a log: numbers records, signs them, and sees them into the warehouse.

Order is everything. Under the lock: finish what a crash left unfinished, write
the payloads to the journal, sign, publish. At each step a killed process leaves
either nothing or something that the next one completes with the same bytes.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from etl.journal import (
    STATE_FILE,
    Journal,
    Memory,
    read_journal,
    sweep_draft,
    write_journal,
)
from etl.signing import Signer
from etl.snapshot import Place
from warehouse.errors import (
    CannotStore,
    LedgerFailure,
    SignerBehindWarehouse,
    WarehouseBehindSigner,
)
from warehouse.files import exclusive_lock
from warehouse.ledger import Ledger
from warehouse.payload import Genesis, Instance, Payload, Snapshot
from warehouse.record import Record, encode, parse, timestamp

LOCK_FILE: Final = "signer.lock"


class Draft(Protocol):
    """Something to be recorded of an instance, once it has a place."""

    @property
    def instance(self) -> Instance: ...

    def payload(self, place: Place) -> Payload: ...


@dataclass(frozen=True)
class SigningLog:
    """One log, its signer and its warehouse."""

    origin: str
    ledger: Ledger
    signer: Signer
    state: Path
    tool: str
    lock_timeout: float = 30

    def begin(self) -> Record:
        """Make the genesis record of a new log. Raises LedgerFailure when it has begun already."""
        journal = self.state / STATE_FILE
        with exclusive_lock(self.state / LOCK_FILE, wait_seconds=self.lock_timeout):
            if journal.exists():
                raise LedgerFailure(f"{str(journal)!r} exists: this log has begun already")
            memory = Memory.of_new_log(self.origin)
            return self._publish(memory, [self._genesis()])[0]

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Append one record per draft, all or none, durably.

        Waits its turn behind other writers. Raises Locked, WarehouseBehindSigner and
        SignerBehindWarehouse, then nothing was appended; and CannotStore, then either
        nothing was, or the next call of any kind appends it first.
        """
        if not drafts:
            return []
        with self._turn() as memory:
            payloads: list[bytes] = []
            after = memory
            for draft in drafts:
                payloads.append(encode(draft.payload(self._place(after, draft.instance))))
                after = after.after(payloads[-1])
            return self._publish(memory, payloads)

    def heal(self) -> int:
        """Finish what a crash left unfinished; return the number of records in the log."""
        with self._turn() as memory:
            return memory.size

    def newest_statistics(self) -> Iterator[str]:
        """The statistics of the newest commit: a crash may have kept them from the catalogue."""
        for payload in read_journal(self.state / STATE_FILE).batch:
            record = parse(payload)
            if isinstance(record, Snapshot):
                yield from record.stats

    @contextmanager
    def _turn(self) -> Iterator[Memory]:
        with exclusive_lock(self.state / LOCK_FILE, wait_seconds=self.lock_timeout):
            self.ledger.layout.require()
            self.ledger.sweep_drafts()
            sweep_draft(self.state / STATE_FILE)
            journal = read_journal(self.state / STATE_FILE)
            self._require_own(journal)
            self._require_no_more(journal.memory.size)
            if not self.ledger.layout.holds(self.origin, journal.before.size):
                self._finish(journal)
            yield journal.memory

    def _finish(self, journal: Journal) -> None:
        found = self.ledger.end_of(self.origin)
        if found < journal.before.size:
            raise WarehouseBehindSigner(
                f"WAREHOUSE_BEHIND_SIGNER: the signer has signed {journal.memory.size} records "
                f"of {self.origin!r}, the warehouse in {str(self.ledger.layout.root)!r} ends "
                f"after {found}",
                hint="The warehouse was restored from an older copy, or files are missing. "
                "Bring back the newest copy; do not begin anew from this one.",
            )
        self.ledger.commit(self._sign(journal.batch))

    def _require_own(self, journal: Journal) -> None:
        if journal.before.origin != self.origin:
            raise LedgerFailure(
                f"the signer's state is of the log {journal.before.origin!r}, "
                f"the settings name {self.origin!r}",
                hint="The origin of a log never changes: put back the old one in tallybook.toml.",
            )

    def _require_no_more(self, size: int) -> None:
        if self.ledger.layout.holds(self.origin, size):
            raise SignerBehindWarehouse(
                f"SIGNER_BEHIND_WAREHOUSE: the signer remembers {size} records of "
                f"{self.origin!r}, the warehouse in {str(self.ledger.layout.root)!r} has more",
                hint="The signer's state was restored from an older copy, or the key is in use "
                "elsewhere. Bring back the newest state: signing on would fork the log.",
            )

    def _publish(self, memory: Memory, payloads: Sequence[bytes]) -> list[Record]:
        # Before anything is signed: after a crash these bytes, no others, take these places.
        write_journal(self.state / STATE_FILE, Journal(memory, tuple(payloads)))
        records = self._sign(payloads)
        try:
            self.ledger.commit(records)
        except CannotStore as error:
            raise CannotStore(
                str(error),
                hint=f"{error.hint or ''} What was read is not lost: it waits, signed, in "
                f"{str(self.state / STATE_FILE)!r}, and the next run writes it first.".strip(),
            ) from error
        return records

    def _sign(self, payloads: Sequence[bytes]) -> list[Record]:
        key_id = self.signer.public_key.key_id
        return [Record(payload, self.signer.sign(payload), key_id) for payload in payloads]

    def _place(self, memory: Memory, instance: Instance) -> Place:
        head = memory.head(instance)
        return Place(
            log=self.origin,
            index=memory.size,
            seq=head.count,
            prev=head.sha256,
            recorded_at=timestamp(datetime.now(UTC)),
            nonce=secrets.token_hex(16),
            tool=self.tool,
        )

    def _genesis(self) -> bytes:
        key = self.signer.public_key
        return encode(
            Genesis(
                log=self.origin,
                index=0,
                recorded_at=timestamp(datetime.now(UTC)),
                nonce=secrets.token_hex(16),
                tool=self.tool,
                algorithm=key.algorithm,
                public_key=key.spki_base64,
                recovery_key=None,
                schedule=None,
            )
        )
