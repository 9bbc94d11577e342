"""The keys of one log: its genesis, its changes of keys, and who may have signed what."""

import base64
from dataclasses import dataclass, field

from warehouse.checks.examine import Facts
from warehouse.checks.findings import Find
from warehouse.checks.keyring import Keyring, Tenure
from warehouse.checks.trust import Trust
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey, public_key_from_base64
from warehouse.payload import Genesis, Key, possession


@dataclass
class LogKeys:
    """The keyring of a log as it grows, and whether anybody trusts its beginning.

    `signing` are the keys that have to sign the next checkpoint, where keys have changed.
    """

    trust: Trust
    ring: Keyring = field(default_factory=Keyring)
    trusted: bool = False
    signing: list[PublicKey] = field(default_factory=list)
    _begun: bool = False
    _current: str = ""

    def check(self, facts: Facts, find: Find) -> None:
        """Find out whether the record's key may have signed it, and what it changes."""
        if isinstance(facts.payload, Genesis):
            self._genesis(facts, facts.payload, find)
        elif not self._begun:
            self._no_genesis(facts, find)
        by_recovery = isinstance(facts.payload, Key) and facts.payload.action == "revoke"
        complaint = self.ring.complaint(facts.key_id, facts.index, by_recovery=by_recovery)
        if complaint:
            find(complaint, self._may_sign(by_recovery=by_recovery), facts.key_id)
        elif facts.signature is False:
            find(
                "PAYLOAD_SIG_INVALID",
                f"a signature by {facts.key_id} over the payload",
                "one that does not verify",
            )
        elif isinstance(facts.payload, Key):
            self._change(facts, facts.payload, find)
        self._current = self.ring.current.key_id if self.ring.current else ""

    def is_current(self, key_id: str) -> bool:
        """Whether this is the key in force, and nobody has taken it back."""
        return key_id == self._current and not self.ring.revoked

    def counts(self, facts: Facts) -> bool:
        """Whether the record has a good signature, by a key that can be trusted for it."""
        known = {key.key_id for key in self.ring.known()}
        return bool(facts.signature) and self.trusted and facts.key_id in known

    def checkpoint_signers(self) -> list[PublicKey]:
        """Who has to sign a checkpoint over the records so far."""
        current = [self.ring.current] if self.ring.current else []
        return self.signing or current

    def vouching(self, log: str) -> list[PublicKey]:
        """Whose signature makes a head of the log worth comparing: its own keys, and the trusted.

        Where somebody has begun the log anew, what was kept of the old one still counts.
        """
        trusted = [self.trust.by_id[key_id] for key_id in self.trust.of(log)]
        return list({key.key_id: key for key in (*self.ring.known(), *trusted)}.values())

    def _may_sign(self, *, by_recovery: bool) -> str:
        key = self.ring.recovery if by_recovery else self.ring.current
        return key.key_id if key and key.key_id not in self.ring.revoked else "no key at all"

    def _genesis(self, facts: Facts, genesis: Genesis, find: Find) -> None:
        if facts.index != 0:
            find("GENESIS_MISMATCH", "genesis at index 0", f"index {facts.index}")
            return
        self._begun = True
        key = self._read(genesis.public_key, "the key in the genesis record", find)
        if key is None:
            return
        self._begin(key, facts.log, find)
        if key.key_id != facts.key_id:
            find("GENESIS_MISMATCH", key.key_id, facts.key_id)
        if key.algorithm != genesis.algorithm:
            find("GENESIS_MISMATCH", f"a key of {genesis.algorithm}", f"one of {key.algorithm}")
        if genesis.recovery_key:
            self.ring.recovery = self._read(genesis.recovery_key, "the recovery key", find)

    def _no_genesis(self, facts: Facts, find: Find) -> None:
        # Once is enough: the log goes on with the key that its first record has.
        self._begun = True
        find("GENESIS_MISSING", "a genesis record at index 0", f"index {facts.index}")
        key = self.trust.by_id.get(facts.key_id)
        if key:
            self._begin(key, facts.log, find)

    def _begin(self, key: PublicKey, log: str, find: Find) -> None:
        self.ring.hand_over(key, 0)
        if not self.trust.knows(log):
            find("LOG_UNKNOWN", " or ".join(sorted(self.trust.origins)), log)
        elif key.key_id not in self.trust.of(log):
            find("KEY_UNTRUSTED", " or ".join(self.trust.of(log)) or "no key at all", key.key_id)
        else:
            self.trusted = True

    def _change(self, facts: Facts, change: Key, find: Find) -> None:
        before = self.ring.current
        key = self._proven(facts, change, find) if change.public_key else None
        if key and key.key_id in {known.key_id for known in self.ring.known()}:
            find("ROTATION_UNPROVEN", "a key that the log never had", key.key_id)
        if change.public_key is None and change.action != "revoke":
            find("ROTATION_UNPROVEN", "a key that is to follow", "none")
        if change.action == "recovery":
            self._recovery(key, find)
        elif change.action == "revoke":
            self._revoke(facts, change, find)
        if key and change.action != "recovery":
            # The recovery key signs a revocation, the key in force its own replacement.
            until = facts.index if change.action == "revoke" else facts.index + 1
            self.ring.hand_over(key, facts.index + 1, until=until)
        by = self.ring.recovery if change.action == "revoke" else before
        after = key if change.action == "recovery" else self.ring.current
        signers = [signer for signer in (by, after) if signer]
        self.signing = list({signer.key_id: signer for signer in signers}.values())

    def _recovery(self, key: PublicKey | None, find: Find) -> None:
        if self.ring.recovery:
            expected = f"{self.ring.recovery.key_id} stays the recovery key"
            find("ROTATION_UNPROVEN", expected, key.key_id if key else "none")
        else:
            self.ring.recovery = key

    def _revoke(self, facts: Facts, change: Key, find: Find) -> None:
        start = facts.index if change.from_index is None else change.from_index
        self.ring.revoke(change.revoked or "", start)
        tenures = [t for t in self.ring.tenures if t.key.key_id == change.revoked]
        if not tenures:
            find("ROTATION_UNPROVEN", "a key of this log to be revoked", change.revoked or "none")
            return
        for tenure in tenures:
            first, last = _signed_since(tenure, start, facts.index)
            if first <= last:
                expected = f"nothing signed by {tenure.key.key_id} from record {start} on"
                found = f"record {first}" if first == last else f"records {first} to {last}"
                find("KEY_REVOKED", expected, found)

    def _proven(self, facts: Facts, change: Key, find: Find) -> PublicKey | None:
        key = self._read(change.public_key or "", "the key that is to follow", find)
        if key and not key.verifies(
            _decoded(change.proof), possession(facts.log, facts.index, key.key_id)
        ):
            find("ROTATION_UNPROVEN", f"a proof that {key.key_id} is held", change.proof or "none")
        return key

    def _read(self, spki: str, named: str, find: Find) -> PublicKey | None:
        try:
            return public_key_from_base64(spki, named=named)
        except KeyUnusable as error:
            find("KEY_FORMAT", "a public key, Ed25519 or ECDSA P-256", str(error))
            return None


def declared_keys(facts: Facts) -> dict[str, bytes]:
    """The keys that a record brings into its log: key id → SPKI DER. Nobody trusts them yet."""
    spkis: list[str | None] = []
    if isinstance(facts.payload, Genesis):
        spkis = [facts.payload.public_key, facts.payload.recovery_key]
    elif isinstance(facts.payload, Key):
        spkis = [facts.payload.public_key]
    found: dict[str, bytes] = {}
    for spki in filter(None, spkis):
        try:
            key = public_key_from_base64(spki, named="a key")
        except KeyUnusable:
            continue
        found[key.key_id] = key.spki
    return found


def _signed_since(tenure: Tenure, start: int, now: int) -> tuple[int, int]:
    return max(start, tenure.since), (now if tenure.until is None else tenure.until) - 1


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        return b""
