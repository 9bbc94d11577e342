"""Which key may sign which record of a log, as the log itself says it. Pure.

A log begins with the key in its genesis record. A `key` record hands over to the next, and
the recovery key can take one back. What a record signed with another key is called depends
on what that key is to the log.
"""

from dataclasses import dataclass, field, replace

from warehouse.keys import PublicKey


@dataclass(frozen=True)
class Tenure:
    """A key of a log: in force from the record `since` on, up to `until`, None: still."""

    key: PublicKey
    since: int
    until: int | None = None


@dataclass
class Keyring:
    """The keys of one log, as far as its records have been read."""

    tenures: list[Tenure] = field(default_factory=list)
    recovery: PublicKey | None = None
    revoked: dict[str, int] = field(default_factory=dict)

    @property
    def current(self) -> PublicKey | None:
        """The key in force; None before there is any."""
        return self.tenures[-1].key if self.tenures else None

    def known(self) -> list[PublicKey]:
        """Every key of the log that signs checkpoints: of all times, and the recovery key."""
        keys = [tenure.key for tenure in self.tenures]
        return [*keys, self.recovery] if self.recovery else keys

    def tenure(self, key_id: str) -> Tenure | None:
        """When this key was in force; None if it never was."""
        return next((t for t in self.tenures if t.key.key_id == key_id), None)

    def hand_over(self, key: PublicKey, index: int, *, until: int | None = None) -> None:
        """Let another key be in force from the record `index` on; the one before up to `until`."""
        if self.tenures:
            ended = index if until is None else until
            self.tenures[-1] = replace(self.tenures[-1], until=ended)
        self.tenures.append(Tenure(key, index))

    def revoke(self, key_id: str, from_index: int) -> Tenure | None:
        """Take a key back; return its time in force, None if it never had any."""
        self.revoked[key_id] = min(from_index, self.revoked.get(key_id, from_index))
        return self.tenure(key_id)

    def complaint(self, key_id: str, index: int, *, by_recovery: bool) -> str | None:
        """Why this key may not have signed the record `index`; None if it may."""
        if by_recovery and self.recovery and self.recovery.key_id == key_id:
            return None
        if index >= self.revoked.get(key_id, index + 1):
            return "KEY_REVOKED"
        if self.current and self.current.key_id == key_id:
            return "KEY_UNTRUSTED" if by_recovery else None
        return "KEY_RETIRED_USED" if self.tenure(key_id) else "KEY_UNTRUSTED"
