"""Who may have signed what, told from a few records of a log instead of all of them.

What verification of a whole history finds out on its way, for who has the log's genesis and
key records and some others: whether the key of each may have signed it, and did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from warehouse.checks.examine import Facts
from warehouse.checks.findings import Find
from warehouse.checks.keys import LogKeys, declared_keys
from warehouse.checks.trust import Trust
from warehouse.keys import PublicKey, public_key_from_spki
from warehouse.payload import AnyPayload, Genesis, Key
from warehouse.record import Record


@dataclass
class Signers:
    """The keys of one log. Its genesis and key records have to be among what is checked."""

    trust: Trust
    _keys: LogKeys = field(init=False)
    _known: dict[str, PublicKey] = field(init=False)

    def __post_init__(self) -> None:
        self._keys = LogKeys(self.trust)
        self._known = dict(self.trust.by_id)

    @property
    def keys(self) -> Sequence[PublicKey]:
        """Every key of the log so far, the recovery key included."""
        return self._keys.ring.known()

    @property
    def current(self) -> PublicKey | None:
        """The key in force."""
        return self._keys.ring.current

    @property
    def first(self) -> PublicKey | None:
        """The key with which the log begins."""
        tenures = self._keys.ring.tenures
        return tenures[0].key if tenures else None

    def number(self, key_id: str) -> int:
        """The how many-th key of the log this is, from 1; 0 for none of them."""
        ids = [tenure.key.key_id for tenure in self._keys.ring.tenures]
        return ids.index(key_id) + 1 if key_id in ids else 0

    def identify(self, payload: bytes, signature: bytes, said: AnyPayload) -> tuple[Record, bool]:
        """A record whose key nobody has named, and whether its signature is that key's.

        Where it is nobody's, it should be that of the key in force.
        """
        self._learn(_facts(said, ""))
        current = [self.current] if self.current else []
        for key in (*current, *self._known.values()):
            if key.verifies(signature, payload):
                return Record(payload, signature, key.key_id), True
        return Record(payload, signature, current[0].key_id if current else ""), False

    def check(
        self, record: Record, payload: AnyPayload, find: Find, *, signed: bool | None = None
    ) -> bool:
        """Whether its key may have signed a record, and did, and is trusted; in order.

        `signed` where somebody has checked the signature already. What a revocation takes back
        is not told here: see `revoked_at`.
        """
        told: list[str] = []

        def tell(name: str, expected: str, found: str) -> None:
            if name != "KEY_REVOKED":
                told.append(name)
                find(name, expected, found)

        facts = _facts(payload, record.key_id)
        self._learn(facts)
        key = self._known.get(record.key_id)
        if signed is None and key:
            signed = key.verifies(record.signature, record.payload)
        known = key is not None
        facts = msgspec.structs.replace(facts, known=known, signature=signed if known else None)
        self._keys.check(facts, tell)
        return bool(facts.signature) and self._keys.trusted and not told

    def revoked_from(self, key_id: str) -> int | None:
        """From which record on a key signs nothing, by a revocation; None where there is none."""
        return self._keys.ring.revoked.get(key_id)

    def revoked_at(self, key_id: str, index: int) -> bool:
        """Whether a revocation says that this key did not sign the record `index`."""
        start = self.revoked_from(key_id)
        return start is not None and index >= start

    def key(self, key_id: str) -> PublicKey | None:
        """The key with this id, where it is known."""
        return self._known.get(key_id)

    def _learn(self, facts: Facts) -> None:
        for key_id, spki in declared_keys(facts).items():
            self._known.setdefault(key_id, public_key_from_spki(spki, named="a key of the log"))


def _facts(payload: AnyPayload, key_id: str) -> Facts:
    return Facts(
        offset=0,
        log=payload.log,
        index=payload.index,
        key_id=key_id,
        known=False,
        signature=None,
        recorded_at=payload.recorded_at,
        payload=payload if isinstance(payload, Genesis | Key) else None,
    )
