"""Changes of keys seen through to the files, with no moment in which a crash loses a key.

A new key is made as `<signing_key>.next`, durably, before anybody hears of it. Once the
change is in the signer's journal, the old file is kept as `<signing_key>.retired-<key id>`,
and `.next` takes its place. What a crash leaves in between is finished by whoever opens the
log next; a `.next` of a change that never came to be is replaced by the next change. All of
it happens in the writers' turn: two changes at once cannot take each other's files.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import msgspec

from etl.journal import STATE_FILE, read_journal
from etl.keys.change import (
    Revocation,
    Turn,
    find_key,
    name_recovery_in_turn,
    revoke_in_turn,
    rotate_in_turn,
)
from etl.keys.files import create_pair, publish_later_keys
from etl.keys.history import KeyHistory, key_history
from etl.keys.opening import AbsentSigner, is_locked, open_signer, read_secret
from etl.keys.reference import KeyReference, Secret, key_reference
from etl.log import LOCK_FILE, SigningLog
from etl.settings import Settings
from etl.signing import Signer, create_key, load_key
from warehouse.errors import BadInput, BrokenHistory, CannotStore, KeyUnusable
from warehouse.files import exclusive_lock, flush_folder, storing
from warehouse.ledger import Ledger
from warehouse.payload import Key
from warehouse.record import Record


class Successor(Protocol):
    """Where the next key comes from, and what becomes of the files once it is in force."""

    def make(self, algorithm: str, /) -> Signer: ...

    def settle(self, retired_id: str, /) -> Path | None: ...

    def settings(self, before: KeyReference, /) -> dict[str, str | None]: ...


@dataclass(frozen=True)
class InPlace:
    """A new key in the file of the old one, of the same algorithm where none is named."""

    reference: KeyReference
    algorithm: str | None = None

    def make(self, algorithm: str) -> Signer:
        file = self.reference.file
        if file is None:
            raise BadInput(
                f"the signing key is no file that could be replaced: {self.reference.place}",
                hint="Make another key where that one is, and name it: --to REF",
            )
        secret = read_secret(self.reference.passphrase)
        with storing(_next(file)):
            _next(file).unlink(missing_ok=True)
        return create_key(_next(file), self.algorithm or algorithm, secret)

    def settle(self, retired_id: str) -> Path | None:
        return _take_over(self.reference.file, retired_id) if self.reference.file else None

    def settings(self, _before: KeyReference) -> dict[str, str | None]:
        return {}


@dataclass(frozen=True)
class Elsewhere:
    """A key that is there already, and that the settings will have to name."""

    reference: KeyReference

    def make(self, _algorithm: str) -> Signer:
        return open_signer(self.reference)

    def settle(self, _retired_id: str) -> Path | None:
        return None

    def settings(self, before: KeyReference) -> dict[str, str | None]:
        said = before.settings
        return {
            name: value
            for name, value in self.reference.settings.items()
            if name == "signing_key" or value != said[name]
        }


def successor_of(
    settings: Settings, to: str | None, algorithm: str | None, passphrase: Secret | None = None
) -> Successor:
    """The next key, as the command line names it: a new one in place, or the one that `to` names.

    What opens the present key opens that one too, unless `passphrase` says otherwise.
    Raises BadInput.
    """
    if to is None:
        if passphrase:
            raise BadInput("a passphrase can be given only for a key that --to names")
        return InPlace(settings.signing_key, algorithm)
    if algorithm:
        raise BadInput("--algorithm is for a new key, and --to names one that is there")
    named = key_reference(to, Path.cwd(), named="--to", passphrase=passphrase)
    if not is_locked(named):
        named = replace(named, passphrase=settings.signing_key.passphrase)
    return Elsewhere(named)


@dataclass(frozen=True)
class Change:
    """What became of a change: its record, and the files of a new key in force.

    `published` are its public halves, `retired` is where the old private key went, `settings`
    what tallybook.toml has to say from now on. `lost` is how many records a revoked key has
    signed that count no more.
    """

    record: Key
    published: tuple[Path, ...] = ()
    retired: Path | None = None
    settings: Mapping[str, str | None] = field(default_factory=dict)
    lost: int = 0


def signer_in_force(settings: Settings) -> Signer:
    """Open the signing key; finish a change that a crash cut off. Raises KeyUnusable."""
    file = settings.signing_key.file
    if file and _next(file).exists():
        _finish(settings, file)
    return open_signer(settings.signing_key)


def signer_or_absence(settings: Settings) -> Signer:
    """The same for what can be done without that key; it says why it is missing when used."""
    try:
        return signer_in_force(settings)
    except KeyUnusable as why:
        return AbsentSigner(why)


def change_key(settings: Settings, log: SigningLog, successor: Successor) -> Change:
    """Rotate: let another key sign from the next record on. Raises KeyUnusable."""
    with log.turn() as memory:
        turn = Turn(log, memory)
        algorithm = log.signer.public_key.algorithm
        record = _said(rotate_in_turn(turn, lambda: successor.make(algorithm)))
        return _settle(settings, turn, record, successor)


def withdraw_key(
    settings: Settings, log: SigningLog, revocation: Revocation, successor: Successor
) -> Change:
    """Revoke a key, named by how its id begins; `successor` is for the one in force.

    Raises BadInput and KeyUnusable.
    """
    with log.turn() as memory:
        turn = Turn(log, memory)
        asked = replace(revocation, key_id=find_key(turn.keys, revocation.key_id))
        is_in_force = asked.key_id == memory.key_id
        needs_none = not is_in_force and isinstance(successor, InPlace)
        algorithm = turn.keys.terms[-1].key.algorithm
        make = None if needs_none else lambda: successor.make(algorithm)
        record = _said(revoke_in_turn(turn, asked, make))
        settled = _settle(settings, turn, record, successor) if is_in_force else None
        return replace(settled or Change(record), lost=_lost(turn.keys, record))


def name_recovery_key(log: SigningLog, reference: KeyReference, create: str | None) -> Change:
    """Name the recovery key, made first where `create` says of which algorithm.

    Raises BadInput and KeyUnusable.
    """

    def make() -> Signer:
        if create is None:
            return open_signer(reference)
        if reference.file is None:
            raise BadInput(f"only files can be made here, not {reference.place}")
        return create_pair(reference.file, create, read_secret(reference.passphrase))

    with log.turn() as memory:
        return Change(_said(name_recovery_in_turn(Turn(log, memory), make)))


def _settle(settings: Settings, turn: Turn, record: Key, successor: Successor) -> Change:
    origin, history = turn.log.origin, turn.keys.after(record)
    try:
        published = publish_later_keys(settings.public_key, origin, history)
    finally:
        # Whatever becomes of the public half: the log goes on with this key only.
        retired = successor.settle(turn.memory.key_id)
    return Change(record, tuple(published), retired, successor.settings(settings.signing_key))


def _lost(history: KeyHistory, revocation: Key) -> int:
    term = history.term_of(revocation.revoked or "")
    if term is None or revocation.from_index is None:
        return 0
    end = revocation.index if term.last is None else term.last + 1
    return max(0, end - max(term.since, revocation.from_index))


def _said(record: Record) -> Key:
    return msgspec.json.decode(record.payload, type=Key)


def _finish(settings: Settings, file: Path) -> None:
    with exclusive_lock(settings.state / LOCK_FILE, wait_seconds=settings.lock_timeout):
        journal = read_journal(settings.state / STATE_FILE)
        if _holds(_next(file), settings.signing_key, journal.memory.key_id):
            # Nothing signs without this key: what keeps its public half away must not keep it.
            with suppress(BrokenHistory, CannotStore):
                history = key_history(Ledger(settings.warehouse), settings.origin, journal.batch)
                publish_later_keys(settings.public_key, settings.origin, history)
            _take_over(file, journal.before.key_id)


def _holds(file: Path, reference: KeyReference, key_id: str) -> bool:
    try:
        return load_key(file, read_secret(reference.passphrase)).public_key.key_id == key_id
    except KeyUnusable:
        return False


def _take_over(file: Path, retired_id: str) -> Path | None:
    retired = file.with_name(f"{file.name}.retired-{retired_id[:8]}")
    with storing(file):
        # Linked, not renamed: at no moment is there no key of that name.
        with suppress(FileExistsError, FileNotFoundError):
            os.link(file, retired)
        flush_folder(file.parent)
        _next(file).replace(file)
        flush_folder(file.parent)
    return retired if retired.exists() else None


def _next(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")
