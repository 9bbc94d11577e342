"""Keys with names, and what a history says of them: for the tests of changes of keys."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from etl.journal import STATE_FILE, read_journal
from etl.keys.change import name_recovery
from etl.memory import Memory
from etl.signing import KeySigner, Signer, load_key
from tests.builders import ORIGIN, History, a_history, a_key
from tests.command import Ran
from tests.histories import History as Tally
from warehouse.errors import Failure
from warehouse.ledger import Ledger
from warehouse.note import SignedCheckpoint, parse_checkpoint
from warehouse.payload import Key
from warehouse.record import Record, decode

FIRST, SECOND, THIRD, RECOVERY = (a_key(seed) for seed in (1, 2, 3, 9))


def an_ecdsa_key(seed: int = 1) -> KeySigner:
    """A signer of the second algorithm; its key is the same in every run."""
    return KeySigner(derive_private_key(seed, SECP256R1()))


def with_recovery(folder: Path) -> History:
    """A history of three records: genesis, one snapshot, and the one that names RECOVERY."""
    history = a_history(folder)
    history.take()
    name_recovery(history.log, RECOVERY)
    return history


def signed_by(history: History, signer: Signer) -> History:
    """The same history in the hands of another signer."""
    return replace(history, log=replace(history.log, signer=signer))


def memory_of(history: History) -> Memory:
    """What the signer remembers."""
    return read_journal(history.log.state / STATE_FILE).memory


def records(history: History) -> list[Record]:
    """Every record, in order."""
    return list(history.ledger.records())


def newest(history: History) -> Key:
    """The newest record, which is a change of keys."""
    payload = decode(records(history)[-1].payload)
    assert isinstance(payload, Key)
    return payload


def checkpoint(history: History) -> SignedCheckpoint:
    """The newest checkpoint."""
    *_, note = history.ledger.checkpoints(ORIGIN, 0)
    return parse_checkpoint(note)


def lines(history: History) -> dict[str, bool | None]:
    """Tell what the newest checkpoint says of each key: a good line, a bad one, or none."""
    keys = {"first": FIRST, "second": SECOND, "third": THIRD, "recovery": RECOVERY}
    note = checkpoint(history).note
    found = {name: signer.public_key.signed(note, ORIGIN) for name, signer in keys.items()}
    return {name: good for name, good in found.items() if good is not None}


def refusal_of(attempt: Callable[[], object]) -> Failure:
    """How an attempt was refused."""
    with pytest.raises(Failure) as refusal:
        attempt()
    return refusal.value


def told(ran: Ran) -> dict[str, object]:
    """Read what a command printed as JSON; it went well and said nothing else."""
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, object] = json.loads(ran.out)
    return found


def shown(history: Tally) -> list[tuple[str, int, int | None, int | None]]:
    """Ask `keys show`: each key by its first digits, since when, until when, revoked from."""
    facts = json.loads(history.run("keys", "show", "--json").out)
    return [
        (key["key_id"][:8], key["since"], key["last"], key["revoked_from"]) for key in facts["keys"]
    ]


def signers(history: Tally) -> list[str]:
    """Name who signed each record, by the first digits of the key's id."""
    return [record.key_id[:8] for record in Ledger(history.warehouse).records()]


def short_id(file: Path, passphrase: bytes | None = None) -> str:
    """Return the first digits of the id of a key in a file."""
    return load_key(file, passphrase).public_key.key_id[:8]
