"""A signer, from where its key is kept."""

import os
from pathlib import Path

from etl.keys.reference import Credential, KeyReference, Secret, Token, Variable
from etl.keys.token import open_token
from etl.signing import Signer, load_key
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey


def open_signer(reference: KeyReference) -> Signer:
    """Open a private key. Raises KeyUnusable."""
    match reference.place:
        case Token() as token:
            return open_token(token, read_secret(reference.passphrase or token.pin))
        case Credential() as credential:
            secret = read_secret(reference.passphrase)
            return load_key(_handed_out(credential), secret, handed_out=True)
        case Path() as file:
            return load_key(file, read_secret(reference.passphrase))


def is_locked(reference: KeyReference) -> bool:
    """Whether it takes a passphrase or PIN to open this key."""
    token = reference.place if isinstance(reference.place, Token) else None
    return bool(reference.passphrase or (token and token.pin))


class AbsentSigner:
    """Stands for a key that cannot be opened, where it may not be needed: fails when it is."""

    def __init__(self, why: KeyUnusable) -> None:
        self._why = why

    @property
    def public_key(self) -> PublicKey:
        raise self._why

    def sign(self, _message: bytes) -> bytes:
        raise self._why


def read_secret(secret: Secret | None) -> bytes | None:
    """Read a passphrase or PIN, without the line break at its end. Raises KeyUnusable."""
    if secret is None:
        return None
    if isinstance(secret, Variable):
        found = os.environ.get(secret.name, "").encode("utf-8", "surrogateescape")
        named = f"the environment variable {secret.name}"
    else:
        file = _handed_out(secret) if isinstance(secret, Credential) else secret
        found = _first_line(file)
        named = repr(str(file))
    if not found:
        raise KeyUnusable(
            f"{named} holds no passphrase",
            hint="It is empty, or not there: put the passphrase or PIN of the signing key into it.",
        )
    return found


def _first_line(file: Path) -> bytes:
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise KeyUnusable(
            f"cannot read the passphrase in {str(file)!r}: {reason}",
            hint="It holds the passphrase or PIN of the signing key.",
        ) from None


def _handed_out(credential: Credential) -> Path:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise KeyUnusable(
            f"nobody has handed out {str(credential)!r}: "
            "the environment has no CREDENTIALS_DIRECTORY",
            hint=f"Let systemd start this, with LoadCredential={credential.name}:FILE in the unit.",
        )
    return Path(folder) / credential.name
