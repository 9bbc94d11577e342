"""The signing end of a log: numbers records, signs them, and sees them into the warehouse.

Order is everything. Under the lock: finish what a crash left unfinished, write
the payloads to the journal, sign them and the head of the log, publish. At each step a
killed process leaves either nothing or something that the next one completes with the
same bytes.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from etl.heads import heads_are_due, heads_payloads
from etl.journal import STATE_FILE, Journal, JournalFile, Signed, read_journal
from etl.memory import End, Growth, Memory
from etl.signing import Signer
from etl.snapshot import Place
from warehouse import checkpoints
from warehouse.errors import (
    CannotStore,
    KeyUnusable,
    LedgerFailure,
    SignerBehindWarehouse,
    WarehouseBehindSigner,
)
from warehouse.files import exclusive_lock
from warehouse.ledger import Ledger
from warehouse.note import Checkpoint, Note, Signature
from warehouse.payload import (
    NO_PREVIOUS,
    Anchored,
    AnyPayload,
    Genesis,
    Heads,
    Instance,
    Missed,
    Payload,
    Snapshot,
)
from warehouse.record import Record, encode, parse, timestamp

LOCK_FILE: Final = "signer.lock"


class Draft(Protocol):
    """Something to be recorded, of an instance or of the whole log, once it has a place."""

    @property
    def instance(self) -> Instance | None: ...

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
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    anchored: Callable[[], list[Anchored]] = list

    def begin(self, *, recovery_key: str | None = None, schedule: str | None = None) -> Record:
        """Make the genesis record of a new log. Raises LedgerFailure when it has begun already.

        `recovery_key` is base64 of an SPKI DER, `schedule` five fields of cron.
        """
        journal = self.state / STATE_FILE
        with exclusive_lock(self.state / LOCK_FILE, wait_seconds=self.lock_timeout):
            if journal.exists():
                raise LedgerFailure(f"{str(journal)!r} exists: this log has begun already")
            memory = Memory.of_new_log(self.origin)
            genesis = self._genesis(memory, recovery_key, schedule)
            return self._publish(Journal(memory, (genesis,))).records[0]

    def append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Append one record per draft, all or none, durably; return their records.

        Once a day a record that says where all chains end goes before them. Waits its turn
        behind other writers. Raises Locked, KeyUnusable, WarehouseBehindSigner and
        SignerBehindWarehouse, then nothing was appended; and CannotStore, then either
        nothing was, or the next call of any kind appends it first, or all of it was and only
        checkpoints.log lacks it until that call.
        """
        return self.append_decided(lambda _: drafts) if drafts else []

    def append_decided(self, decide: Callable[[Memory], Sequence[Draft]]) -> list[Record]:
        """Append what `decide` says once it is this writer's turn; else the same as `append`.

        It is told what the log remembers then. Raises LedgerFailure for a slot that is
        recorded already; then nothing was appended.
        """
        with self.turn() as memory:
            self.require_key(memory)
            drafts = decide(memory)
            if not drafts:
                return []
            growth = Growth(memory)
            for payload in self._heads(memory):
                growth.add(payload, parse(payload))
            for draft in drafts:
                content = draft.payload(self.place(growth, draft.instance))
                _require_new_slot(content, growth)
                payload = encode(content)
                growth.add(payload, parse(payload))
            journal = Journal(memory, tuple(growth.batch), grown=growth.memory)
            return list(self._publish(journal, growth.contents).records[-len(drafts) :])

    def append_heads(self) -> None:
        """Say where all chains end, unless the newest record does. Raises as `append`."""
        with self.turn() as memory:
            newest = self._journal.read().batch[-1:]
            if memory.heads and not any(isinstance(parse(payload), Heads) for payload in newest):
                self.require_key(memory)
                payloads = heads_payloads(memory, self.place, self.anchored())
                self._publish(Journal(memory, tuple(payloads)))

    def heal(self) -> int:
        """Finish what a crash left unfinished; return the number of records in the log."""
        with self.turn() as memory:
            self._log_checkpoints(memory.size)
            return memory.size

    def newest_statistics(self) -> Iterator[str]:
        """The statistics of the newest commit: a crash may have kept them from the catalogue."""
        for payload in read_journal(self.state / STATE_FILE).batch:
            record = parse(payload)
            if isinstance(record, Snapshot):
                yield from record.stats

    @cached_property
    def _journal(self) -> JournalFile:
        return JournalFile(self.state / STATE_FILE)

    @contextmanager
    def turn(self) -> Iterator[Memory]:
        """Hold the writers' lock, with everything finished that an earlier writer began."""
        with exclusive_lock(self.state / LOCK_FILE, wait_seconds=self.lock_timeout):
            self.ledger.layout.require()
            self.ledger.sweep_drafts()
            self._journal.sweep()
            journal = self._journal.read()
            self._require_own(journal)
            self._require_no_more(journal.memory.size)
            if not self.ledger.layout.holds(self.origin, journal.before.size):
                self._finish(journal)
            yield journal.memory

    def publish_signed(self, memory: Memory, signed: Signed) -> None:
        """Append a batch that is signed already, in a turn. Raises CannotStore as `append`."""
        payloads = tuple(record.payload for record in signed.records)
        self._publish(Journal(memory, payloads, signed))

    def place(self, end: End, instance: Instance | None = None) -> Place:
        """The place of the next record, in the chain of an instance where it has one."""
        head = end.head(instance) if instance else None
        return Place(
            log=self.origin,
            index=end.size,
            seq=head.count if head else 0,
            prev=head.sha256 if head else NO_PREVIOUS,
            recorded_at=timestamp(self.clock()),
            nonce=secrets.token_hex(16),
            tool=self.tool,
        )

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
        self._journal.flush()
        signed = self._commit(journal)
        self._log_checkpoints(journal.memory.size, signed.checkpoint, journal.before.size)

    def _require_own(self, journal: Journal) -> None:
        if journal.before.origin != self.origin:
            raise LedgerFailure(
                f"the signer's state is of the log {journal.before.origin!r}, "
                f"the settings name {self.origin!r}",
                hint="The origin of a log never changes: put back the old one in tallybook.toml.",
            )

    def require_key(self, memory: Memory) -> None:
        """Raise KeyUnusable unless this signer's key is the one in force."""
        found = self.signer.public_key.key_id
        if memory.key_id != found:
            raise KeyUnusable(
                f"the key in force of {self.origin!r} is {memory.key_id}, "
                f"the settings' signing_key is {found}",
                hint="Keys change by `tallybook keys rotate` only. Put the key in force back, or "
                "name it in signing_key.",
            )

    def _require_no_more(self, size: int) -> None:
        if self.ledger.layout.holds(self.origin, size):
            raise SignerBehindWarehouse(
                f"SIGNER_BEHIND_WAREHOUSE: the signer remembers {size} records of "
                f"{self.origin!r}, the warehouse in {str(self.ledger.layout.root)!r} has more",
                hint="The signer's state was restored from an older copy, or the key is in use "
                "elsewhere. Bring back the newest state: signing on would fork the log.",
            )

    def _publish(self, journal: Journal, contents: Sequence[AnyPayload] | None = None) -> Signed:
        # Before anything leaves signed: after a crash these bytes, no others, take these places.
        self._journal.write(journal)
        try:
            signed = self._commit(journal, contents)
        except CannotStore as error:
            raise CannotStore(
                str(error),
                hint=f"{error.hint or ''} What was read is not lost: it waits, signed, in "
                f"{str(self.state / STATE_FILE)!r}, and the next run writes it first.".strip(),
            ) from error
        self._log_checkpoints(journal.memory.size, signed.checkpoint, journal.before.size)
        return signed

    def _commit(self, journal: Journal, contents: Sequence[AnyPayload] | None = None) -> Signed:
        signed = journal.signed or self._sign(journal)
        self.ledger.commit(signed.records, signed.checkpoint, contents)
        return signed

    def _sign(self, journal: Journal) -> Signed:
        memory = journal.memory
        self.require_key(memory)
        records = [sign_record(payload, self.signer) for payload in journal.batch]
        return Signed(tuple(records), sign_checkpoint(memory, self.signer))

    def _log_checkpoints(self, size: int, newest: str = "", since: int = -1) -> None:
        def newer(after: int) -> Iterable[str]:
            # Nearly always one is missing, and at hand: to look for it would cost more the
            # longer the history is.
            return [newest] if after == since else self.ledger.checkpoints(self.origin, after)

        path = self.ledger.layout.checkpoints
        checkpoints.complete(path, self.origin, size, newer, lacking=bool(newest))

    def _heads(self, memory: Memory) -> list[bytes]:
        if not heads_are_due(memory, self.clock()):
            return []
        return heads_payloads(memory, self.place, self.anchored())

    def _genesis(self, memory: Memory, recovery_key: str | None, schedule: str | None) -> bytes:
        key = self.signer.public_key
        return encode(
            Genesis(
                **self.place(memory).common,
                algorithm=key.algorithm,
                public_key=key.spki_base64,
                recovery_key=recovery_key,
                schedule=schedule,
            )
        )


def _require_new_slot(content: Payload, growth: Growth) -> None:
    if isinstance(content, Snapshot | Missed) and content.due_at:
        known = growth.timetables.get(content.instance.name)
        if known and content.due_at <= known.due_at:
            raise LedgerFailure(
                f"the slot {content.due_at} of {content.instance.name!r} is recorded already: "
                f"the newest is {known.due_at}"
            )


def sign_record(payload: bytes, signer: Signer) -> Record:
    """Sign one payload."""
    return Record(payload, signer.sign(payload), signer.public_key.key_id)


def sign_checkpoint(memory: Memory, *signers: Signer) -> str:
    """Sign the head of a log, by every signer that has to; a C2SP checkpoint."""
    text = Checkpoint(memory.origin, memory.size, memory.tree.root).text
    lines = [
        Signature(
            memory.origin, signer.public_key.note_hash(memory.origin), signer.sign(text.encode())
        )
        for signer in signers
    ]
    return str(Note(text, tuple(lines)))
