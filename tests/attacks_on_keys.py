"""Attacks with keys: retired ones, revoked ones, strangers', and those of another log."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from etl.keys.change import revoke
from etl.signing import KeySigner
from tests.attack_rebuild import Said, rebuild, the_owner
from tests.attack_tools import (
    Attack,
    a_line,
    append,
    edit_note,
    edit_row,
    follow_up,
    put_payload,
    record_of,
)
from tests.attack_world import (
    FIRST,
    OTHER,
    RECOVERY,
    ROTATION,
    SECOND,
    STRANGER,
    THEIRS,
    THIRD,
    World,
)
from tests.builders import ORIGIN, a_genesis, a_key_change, a_snapshot
from warehouse.checks.findings import Place
from warehouse.keys import ECDSA_P256
from warehouse.note import parse_checkpoint
from warehouse.payload import possession

BEGINNING = Place(ORIGIN, 0)
CHANGE = Place(ORIGIN, ROTATION)
AFTER = Place(ORIGIN, ROTATION + 1)
NEWEST = Place(ORIGIN, 20, "prod")
NEWEST_CHANGE = Place(ORIGIN, 20)

THIRD_LOG = "example.com/third"
Does = Callable[[World], object]
_AT: dict[str, object] = {"index": 20, "recorded_at": "2026-03-07T02:20:00.000Z"}


def adds(by: KeySigner, *head_by: KeySigner) -> Does:
    """Add a record, as who has this key can."""
    return lambda world: append(world, follow_up(world), by=by, head_by=head_by)


def signs(index: int, by: KeySigner) -> Does:
    """Sign a record again that is there."""
    return lambda world: put_payload(world, index, record_of(world, index).payload, by)


def rotates(**fields: object) -> Does:
    """Let the key in force hand over to THIRD, who proves to hold it; `fields` say otherwise."""
    return changes(THIRD, SECOND, SECOND, THIRD, **fields)


def takes_for_the_next(spki: str) -> Does:
    """Let the key in force name another that cannot sign anything."""
    return changes(THIRD, SECOND, SECOND, public_key=spki)


def revokes(key_id: str, *, by: KeySigner, **fields: object) -> Does:
    """Take a key back from record 3 on, as who has some key can."""
    said = {"action": "revoke", "public_key": None, "proof": None, "revoked": key_id}
    return changes(THIRD, by, by, SECOND, **{**said, "from_index": 3, **fields})


def changes(to: KeySigner, by: KeySigner, *head_by: KeySigner, **fields: object) -> Does:
    """Add a change of keys."""
    said = {**_AT, **fields}
    return lambda world: append(world, a_key_change(to, **said), by=by, head_by=head_by)


def proved(by: KeySigner, at: int = 20, log: str = ORIGIN) -> str:
    """A proof that somebody holds THIRD, made by somebody."""
    return base64.b64encode(by.sign(possession(log, at, THIRD.public_key.key_id))).decode()


def with_a_byte_more(encoded: str) -> str:
    return base64.b64encode(base64.b64decode(encoded) + b"\0").decode()


def spki_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def begins_with(**fields: object) -> Does:
    """Let the owner have begun the log otherwise."""

    def change(said: list[Said]) -> None:
        said[0].content |= fields

    return lambda world: rebuild(world, change, by=the_owner)


def revoked_for_the_past(world: World) -> None:
    revoke(world.log(), SECOND.public_key.key_id, RECOVERY, 15, THIRD)


def revoked_and_used(world: World) -> None:
    revoke(world.log(), SECOND.public_key.key_id, RECOVERY, None, THIRD)
    append(world, follow_up(world), by=SECOND, head_by=(THIRD,))


def retired_and_revoked(world: World) -> None:
    revoke(world.log(), FIRST.public_key.key_id, RECOVERY, 8)


def without_a_line_of(signer: KeySigner) -> Does:
    """Take one of the two lines from the head of a rotation."""
    four = signer.public_key.note_hash(ORIGIN)

    def change(note: str) -> str:
        found = parse_checkpoint(note).note
        lines = [str(line) for line in found.signatures if line.key_hash != four]
        return f"{found.text}\n{''.join(lines)}"

    return lambda world: edit_note(world, ROTATION + 1, change)


def a_signature_of_the_other_kind(world: World) -> None:
    payload = record_of(world, 1, OTHER).payload
    edit_row(world, 1, lambda row: row.update(signature=SECOND.sign(payload)), OTHER)


def a_head_of_the_other_kind(world: World) -> None:
    def change(note: str) -> str:
        text, four = parse_checkpoint(note).note.text, SECOND.public_key.note_hash(ORIGIN)
        return f"{text}\n{a_line(ORIGIN, four, THEIRS.sign(text.encode()))}"

    edit_note(world, 20, change)


def a_log_of(signer: KeySigner) -> Does:
    """Put another log into the warehouse."""
    genesis = a_genesis(signer, log=THIRD_LOG)
    return lambda world: append(world, genesis, by=signer, head_by=(signer,))


def a_second_beginning(world: World) -> None:
    append(world, a_genesis(SECOND, **_AT))


def a_log_without_a_beginning(world: World) -> None:
    append(world, a_snapshot(log=THIRD_LOG, index=0), by=STRANGER, head_by=(STRANGER,))


def trust_in(ours: KeySigner, theirs: KeySigner) -> Does:
    """Let the verifier trust other keys as those of the two logs."""
    vkeys = (ours.public_key.vkey(ORIGIN), theirs.public_key.vkey(OTHER))
    return lambda world: world.trusted.write_text("\n".join(vkeys))


# fmt: off
AN_RSA_KEY = rsa.generate_private_key(65537, 2048).public_key()
A_P384_KEY = ec.generate_private_key(ec.SECP384R1()).public_key()
UNPROVEN = {
    "a new key without a proof": rotates(proof=None),
    "a new key with a proof of somebody else": rotates(proof=proved(STRANGER)),
    "a new key with a proof for another place": rotates(proof=proved(THIRD, 19)),
    "a new key with a proof for another log": rotates(proof=proved(THIRD, log=OTHER)),
    "a new key with a byte after its proof": rotates(proof=with_a_byte_more(proved(THIRD))),
    "a new key with a proof that is no base64": rotates(proof="proved: \u00fc"),
    "a new key is promised, and none named":
        changes(THIRD, SECOND, SECOND, public_key=None, proof=None),
    "another recovery key": rotates(action="recovery"),
    "a key is revoked that never was": revokes("ab" * 32, by=RECOVERY),
}
UNUSABLE = {
    "a new key is of a kind that signs no logs": takes_for_the_next(spki_of(AN_RSA_KEY)),
    "a new key is on another curve": takes_for_the_next(spki_of(A_P384_KEY)),
    "a new key has a byte more":
        takes_for_the_next(with_a_byte_more(THIRD.public_key.spki_base64)),
    "a new key is no base64": takes_for_the_next("key: \u00fc"),
}
UNTRUSTED = {
    "the key of the other log adds a record": adds(THEIRS, SECOND),
    "the recovery key adds a record": adds(RECOVERY, SECOND),
}
ATTACKS = (
    Attack("a retired key signs a record", adds(FIRST, SECOND), "KEY_RETIRED_USED UNANCHORED",
           NEWEST, fast="UNANCHORED"),
    Attack("a retired key signs a record and its head", adds(FIRST, FIRST),
           "KEY_RETIRED_USED CHECKPOINT_SIG_INVALID UNANCHORED", NEWEST,
           fast="CHECKPOINT_SIG_INVALID UNANCHORED"),
    Attack("a retired key changes the keys", changes(THIRD, FIRST, FIRST, THIRD),
           "KEY_RETIRED_USED CHECKPOINT_SIG_INVALID UNANCHORED", NEWEST_CHANGE,
           fast="KEY_RETIRED_USED CHECKPOINT_SIG_INVALID UNANCHORED"),
    Attack("the first record after the rotation has the old key", signs(10, FIRST),
           "KEY_RETIRED_USED", AFTER),
    Attack("the last record before the rotation has the new key", signs(8, SECOND),
           "KEY_UNTRUSTED", Place(ORIGIN, 8, "staging"), status="untrusted"),
    Attack("the rotation itself has the new key", signs(9, SECOND),
           "KEY_UNTRUSTED CHECKPOINT_SIG_INVALID ANCHOR_INVALID", CHANGE,
           fast="KEY_UNTRUSTED CHECKPOINT_SIG_INVALID ANCHOR_INVALID"),
    Attack("a revoked key signs a record", revoked_and_used, "KEY_REVOKED UNANCHORED",
           Place(ORIGIN, 21, "prod"), fast="UNANCHORED"),
    Attack("a key is revoked from a record on that is there", revoked_for_the_past, "KEY_REVOKED",
           NEWEST_CHANGE, fast="KEY_REVOKED"),
    Attack("a retired key is revoked from a record on that is there", retired_and_revoked,
           "KEY_REVOKED", NEWEST_CHANGE, fast="KEY_REVOKED"),
    *(Attack(story, does, "ROTATION_UNPROVEN UNANCHORED", NEWEST_CHANGE,
             fast="ROTATION_UNPROVEN UNANCHORED")
      for story, does in UNPROVEN.items()),
    Attack("a rotation's head has no line of the new key", without_a_line_of(SECOND),
           "ROTATION_UNPROVEN", CHANGE, fast="ROTATION_UNPROVEN"),
    Attack("a rotation's head has no line of the old key", without_a_line_of(FIRST),
           "ROTATION_UNPROVEN", CHANGE, fast="ROTATION_UNPROVEN"),
    Attack("a stranger changes the keys", changes(STRANGER, STRANGER, STRANGER),
           "KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED", NEWEST_CHANGE,
           fast="KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED"),
    Attack("a stranger adds a record", adds(STRANGER, STRANGER),
           "KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED", NEWEST,
           fast="CHECKPOINT_SIG_INVALID UNANCHORED"),
    *(Attack(story, does, "KEY_UNTRUSTED UNANCHORED", NEWEST, fast="UNANCHORED",
             status="untrusted")
      for story, does in UNTRUSTED.items()),
    Attack("the key in force revokes another", revokes(FIRST.public_key.key_id, by=SECOND),
           "KEY_UNTRUSTED UNANCHORED", NEWEST_CHANGE, fast="KEY_UNTRUSTED UNANCHORED",
           status="untrusted"),
    Attack("a stranger revokes the key in force", revokes(SECOND.public_key.key_id, by=STRANGER),
           "KEY_UNTRUSTED UNANCHORED", NEWEST_CHANGE, fast="KEY_UNTRUSTED UNANCHORED",
           status="untrusted"),
    Attack("the recovery key is used to rotate", changes(THIRD, RECOVERY, RECOVERY, THIRD),
           "KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED", NEWEST_CHANGE,
           fast="KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED"),
    *(Attack(story, does, "KEY_FORMAT UNANCHORED", NEWEST_CHANGE, fast="KEY_FORMAT UNANCHORED",
             status="untrusted")
      for story, does in UNUSABLE.items()),
    Attack("the first key is none", begins_with(public_key="AAAA"),
           "KEY_FORMAT KEY_UNTRUSTED CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID UNANCHORED",
           BEGINNING,
           fast="KEY_FORMAT KEY_UNTRUSTED CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID UNANCHORED"),
    Attack("the recovery key is none", begins_with(recovery_key="AAAA"),
           "KEY_FORMAT FORK UNANCHORED", BEGINNING, fast="KEY_FORMAT FORK UNANCHORED"),
    Attack("the first record names another kind of key", begins_with(algorithm=ECDSA_P256),
           "GENESIS_MISMATCH FORK UNANCHORED", BEGINNING, fast="GENESIS_MISMATCH FORK UNANCHORED"),
    Attack("the first record names a key that has not signed it",
           begins_with(public_key=STRANGER.public_key.spki_base64),
           "GENESIS_MISMATCH KEY_UNTRUSTED CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID"
           " UNANCHORED", BEGINNING,
           fast="GENESIS_MISMATCH KEY_UNTRUSTED CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID"
           " UNANCHORED"),
    Attack("a schedule that is none", begins_with(schedule="whenever"),
           "GENESIS_MISMATCH FORK UNANCHORED", BEGINNING, fast="GENESIS_MISMATCH FORK UNANCHORED"),
    Attack("a second beginning", a_second_beginning, "GENESIS_MISMATCH UNANCHORED", NEWEST_CHANGE,
           fast="GENESIS_MISMATCH UNANCHORED"),
    Attack("an Ed25519 signature for a P-256 key", a_signature_of_the_other_kind,
           "PAYLOAD_SIG_INVALID", Place(OTHER, 1, "shop")),
    Attack("a P-256 signature for an Ed25519 key", a_head_of_the_other_kind,
           "CHECKPOINT_SIG_INVALID", Place(ORIGIN, 19, "prod"), fast="CHECKPOINT_SIG_INVALID"),
    Attack("a stranger begins a log beside it", a_log_of(STRANGER), "LOG_UNKNOWN UNANCHORED",
           Place(THIRD_LOG, 0), fast="LOG_UNKNOWN UNANCHORED", status="untrusted"),
    Attack("a key of ours begins a log beside it", a_log_of(SECOND), "LOG_UNKNOWN UNANCHORED",
           Place(THIRD_LOG, 0), fast="LOG_UNKNOWN UNANCHORED", status="untrusted"),
    Attack("a log without a beginning is put beside it", a_log_without_a_beginning,
           "GENESIS_MISSING KEY_UNTRUSTED CHECKPOINT_SIG_INVALID UNANCHORED",
           Place(THIRD_LOG, 0, "prod"), fast="CHECKPOINT_SIG_INVALID UNANCHORED"),
    Attack("the same name, another key", trust_in(STRANGER, THEIRS), "KEY_UNTRUSTED", BEGINNING,
           fast="KEY_UNTRUSTED", status="untrusted"),
    Attack("the key that followed, not the first", trust_in(SECOND, THEIRS), "KEY_UNTRUSTED",
           BEGINNING, fast="KEY_UNTRUSTED", status="untrusted"),
    Attack("the keys of two logs exchanged", trust_in(THEIRS, FIRST), "KEY_UNTRUSTED",
           Place(OTHER, 0), fast="KEY_UNTRUSTED", status="untrusted"),
)
# fmt: on
