"""Changes of a log's keys: each is one record, signed by who may, proved by who comes.

The record is a commit of its own, and the checkpoint over it carries the lines of two keys,
so that whoever follows the log from its first key sees both agree. All of it is signed
before any of it is kept, and what is kept holds the signatures: a crash is finished by
whoever comes next, with either key or none.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from etl.journal import Signed
from etl.keys.history import KeyHistory, key_history
from etl.log import SigningLog, sign_checkpoint, sign_record
from etl.memory import Memory
from etl.signing import Signer
from warehouse.errors import BadInput, KeyUnusable
from warehouse.keys import PublicKey
from warehouse.payload import Key, possession
from warehouse.record import Record, encode

Action = Literal["rotate", "revoke", "recovery"]
# Called when nothing else stands in the way: a new key is made only where it is used.
Maker = Callable[[], Signer]


@dataclass(frozen=True)
class Turn:
    """A log whose writers' turn somebody has, as its signer remembers it."""

    log: SigningLog
    memory: Memory

    @cached_property
    def keys(self) -> KeyHistory:
        """The keys that the log has had so far; read once, out of all its records."""
        return key_history(self.log.ledger, self.log.origin)


@dataclass(frozen=True)
class Revocation:
    """Which key is to sign nothing more, by whose word, and from which record on.

    `from_index` None means the end of the log: all that was signed so far stays.
    """

    key_id: str
    recovery: Signer
    from_index: int | None = None


def rotate(log: SigningLog, successor: Signer) -> Record:
    """Let `successor` sign the log from the next record on. Raises KeyUnusable."""
    with log.turn() as memory:
        return rotate_in_turn(Turn(log, memory), lambda: successor)


def revoke(
    log: SigningLog,
    key_id: str,
    recovery: Signer,
    from_index: int | None = None,
    successor: Signer | None = None,
) -> Record:
    """Declare that a key has signed nothing that counts from a record on; see `Revocation`.

    `successor` takes the place of the key in force, where that is the one. Raises BadInput
    and KeyUnusable.
    """
    revocation = Revocation(key_id, recovery, from_index)
    with log.turn() as memory:
        return revoke_in_turn(
            Turn(log, memory), revocation, (lambda: successor) if successor else None
        )


def name_recovery(log: SigningLog, recovery: Signer) -> Record:
    """Name the key that may revoke others, for a log that has none. Raises KeyUnusable."""
    with log.turn() as memory:
        return name_recovery_in_turn(Turn(log, memory), lambda: recovery)


def rotate_in_turn(turn: Turn, make: Maker) -> Record:
    """`rotate` for who has the turn already."""
    turn.log.require_key(turn.memory)
    successor = make()
    _require_new(turn, successor.public_key)
    return _publish(turn, _change(turn, "rotate", successor), turn.log.signer, successor)


def revoke_in_turn(turn: Turn, revocation: Revocation, make: Maker | None) -> Record:
    """`revoke` for who has the turn already."""
    _require_recovery(turn, revocation.recovery.public_key)
    from_index = _from_index(turn, revocation)
    successor = _successor(turn, revocation.key_id, make)
    payload = _change(turn, "revoke", successor, revoked=revocation.key_id, from_index=from_index)
    return _publish(turn, payload, revocation.recovery, successor or turn.log.signer)


def name_recovery_in_turn(turn: Turn, make: Maker) -> Record:
    """`name_recovery` for who has the turn already."""
    log, memory = turn.log, turn.memory
    if memory.recovery_id:
        raise KeyUnusable(
            f"{log.origin!r} has a recovery key already: {memory.recovery_id}",
            hint="A log has one, for ever: whoever could replace it could undo what it revokes.",
        )
    log.require_key(memory)
    recovery = make()
    _require_new(turn, recovery.public_key)
    return _publish(turn, _change(turn, "recovery", recovery), log.signer, recovery)


def find_key(history: KeyHistory, prefix: str) -> str:
    """The id of the one key that begins so, of 8 hex digits or more. Raises BadInput."""
    wanted = prefix.lower()
    known = [term.key.key_id for term in history.terms]
    if len(wanted) < 8 or wanted.strip("0123456789abcdef"):
        raise BadInput(
            f"{prefix!r} names no key: expected 8 hex digits of its id or more",
            hint="tallybook keys show lists them.",
        )
    if history.recovery and history.recovery.key_id.startswith(wanted):
        raise BadInput(f"{prefix!r} is the recovery key: it revokes others, and nothing revokes it")
    found = [key_id for key_id in known if key_id.startswith(wanted)]
    if len(found) != 1:
        raise BadInput(
            f"{len(found) or 'no'} keys of this log begin with {prefix!r}",
            hint=f"There is: {', '.join(key_id[:16] for key_id in known)}",
        )
    return found[0]


def _successor(turn: Turn, revoked: str, make: Maker | None) -> Signer | None:
    if revoked != turn.memory.key_id:
        if make:
            raise BadInput(f"{revoked} is not in force: nothing takes its place")
        turn.log.require_key(turn.memory)
        return None
    if make is None:
        raise BadInput(
            f"{revoked} is the key in force, and no other takes its place",
            hint="Name the key that signs from now on: --to FILE",
        )
    successor = make()
    _require_new(turn, successor.public_key)
    return successor


def _require_recovery(turn: Turn, recovery: PublicKey) -> None:
    origin, expected = turn.log.origin, turn.memory.recovery_id
    if not expected:
        raise KeyUnusable(
            f"{origin!r} has no recovery key, so nothing can be revoked",
            hint="While the key in force is yours alone: tallybook keys recovery --create FILE",
        )
    if recovery.key_id != expected:
        raise KeyUnusable(
            f"the recovery key of {origin!r} is {expected}, this one is {recovery.key_id}"
        )


def _from_index(turn: Turn, revocation: Revocation) -> int:
    key_id, size = revocation.key_id, turn.memory.size
    if key_id == turn.memory.recovery_id:
        raise BadInput(f"{key_id} is the recovery key: it revokes others, and nothing revokes it")
    term = turn.keys.term_of(key_id)
    if term is None:
        raise BadInput(
            f"{turn.log.origin!r} never had the key {key_id}",
            hint="tallybook keys show lists them.",
        )
    from_index = size if revocation.from_index is None else revocation.from_index
    if not 0 <= from_index <= size:
        raise BadInput(
            f"the key cannot be revoked from record {from_index} on: "
            f"the log has {size} records, so expected 0 to {size}"
        )
    if term.revoked_from is not None and from_index >= term.revoked_from:
        raise BadInput(
            f"{key_id} is revoked already, from record {term.revoked_from} on",
            hint="An earlier record may be named, where the key was stolen earlier.",
        )
    return from_index


def _require_new(turn: Turn, key: PublicKey) -> None:
    origin = turn.log.origin
    if key.key_id == turn.memory.key_id:
        raise KeyUnusable(f"{key.key_id} is the key in force of {origin!r} already")
    if turn.keys.term_of(key.key_id):
        raise KeyUnusable(
            f"{key.key_id} was a key of {origin!r} before",
            hint="A key that was replaced never comes back: make a new one.",
        )
    if key.key_id == turn.memory.recovery_id:
        raise KeyUnusable(
            f"{key.key_id} is the recovery key of {origin!r}: it signs no other records"
        )
    # A line of a checkpoint names its key by four bytes: two keys of one log must differ in them.
    if key.note_hash(origin) in {other.note_hash(origin) for other in turn.keys.all()}:
        raise KeyUnusable(
            f"{key.key_id} and another key of {origin!r} have the same short id in checkpoints",
            hint="One new key in four thousand million has that: make another one.",
        )


def _change(
    turn: Turn,
    action: Action,
    newcomer: Signer | None,
    *,
    revoked: str | None = None,
    from_index: int | None = None,
) -> bytes:
    return encode(
        Key(
            **turn.log.place(turn.memory).common,
            action=action,
            public_key=newcomer.public_key.spki_base64 if newcomer else None,
            proof=_proof(turn, newcomer) if newcomer else None,
            revoked=revoked,
            from_index=from_index,
        )
    )


def _proof(turn: Turn, newcomer: Signer) -> str:
    key_id = newcomer.public_key.key_id
    message = possession(turn.log.origin, turn.memory.size, key_id)
    return base64.b64encode(newcomer.sign(message)).decode()


def _publish(turn: Turn, payload: bytes, signer: Signer, witness: Signer) -> Record:
    record = sign_record(payload, signer)
    checkpoint = sign_checkpoint(turn.memory.after(payload), signer, witness)
    turn.log.publish_signed(turn.memory, Signed((record,), checkpoint))
    return record
