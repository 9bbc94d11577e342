"""Which keys a log has had, as its own records tell: the first, its successors, the revoked.

For the log's own signer, who knows what it has signed. Nothing is checked here: that is
what `verify` is for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from warehouse.keys import PublicKey, public_key_from_base64
from warehouse.layout import log_key
from warehouse.ledger import Ledger, open_hot, reading
from warehouse.payload import AnyPayload, Genesis, Key
from warehouse.record import decode


@dataclass(frozen=True)
class KeyTerm:
    """A key that signed a log: from the record `since` to the record `last`, None for ever on.

    A revoked key has signed nothing that counts from the record `revoked_from` on.
    """

    key: PublicKey
    since: int
    last: int | None = None
    revoked_from: int | None = None

    @property
    def in_force(self) -> bool:
        return self.last is None


@dataclass(frozen=True)
class KeyHistory:
    """Every key of a log, in the order in which they signed, and the recovery key."""

    terms: tuple[KeyTerm, ...] = ()
    recovery: PublicKey | None = None

    def term_of(self, key_id: str) -> KeyTerm | None:
        """The term of this key; None when the log never had it."""
        return next((term for term in self.terms if term.key.key_id == key_id), None)

    def all(self) -> list[PublicKey]:
        """Every key that may have signed something."""
        return [*(term.key for term in self.terms), *([self.recovery] if self.recovery else [])]

    def after(self, payload: AnyPayload) -> "KeyHistory":
        """The history with one more record."""
        match payload:
            case Genesis():
                recovery = payload.recovery_key and _key(payload.recovery_key)
                return KeyHistory((KeyTerm(_key(payload.public_key), 0),), recovery or None)
            case Key(action="recovery", public_key=str(spki)):
                return replace(self, recovery=_key(spki))
            case Key():
                return replace(self, terms=tuple(_changed(self.terms, payload)))
            case _:
                return self


def _changed(terms: tuple[KeyTerm, ...], change: Key) -> Iterator[KeyTerm]:
    # The recovery key signs a revocation, the key in force its own replacement.
    last = change.index - 1 if change.action == "revoke" else change.index
    for term in terms:
        ended = replace(term, last=last) if term.in_force and change.public_key else term
        is_revoked = term.key.key_id == change.revoked
        yield replace(ended, revoked_from=change.from_index) if is_revoked else ended
    if change.public_key:
        yield KeyTerm(_key(change.public_key), change.index + 1)


def key_history(ledger: Ledger, origin: str, pending: Iterable[bytes] = ()) -> KeyHistory:
    """Read the keys of a log, with those of a batch that is `pending` outside the ledger.

    Raises Unreadable for a damaged file.
    """
    history = KeyHistory()
    seen = -1
    for payload in _key_records(chain(_payloads(ledger, origin), pending), origin):
        if payload.index > seen:
            history, seen = history.after(payload), payload.index
    return history


def first_key(ledger: Ledger, origin: str) -> PublicKey | None:
    """The key that a log began with, without reading all of it; None for an empty warehouse."""
    return next(
        (
            _key(payload.public_key)
            for payload in _key_records(_payloads(ledger, origin), origin)
            if isinstance(payload, Genesis)
        ),
        None,
    )


def _key_records(payloads: Iterable[bytes], origin: str) -> Iterator[AnyPayload]:
    for content in payloads:
        # Nearly all records are others, and there may be a million of them.
        if b'"type":"tallybook/key/' in content or b'"type":"tallybook/genesis/' in content:
            payload = decode(content)
            if payload.log == origin:
                yield payload


def _payloads(ledger: Ledger, origin: str) -> Iterator[bytes]:
    for place in ledger.layout.record_files():
        if place.log_key == log_key(origin):
            file = open_hot(place.path)
            with reading(place.path):
                for batch in file.iter_batches(columns=["payload"]):
                    yield from batch["payload"].to_pylist()


def _key(spki: str) -> PublicKey:
    return public_key_from_base64(spki, named="a public key in a record")
