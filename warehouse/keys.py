"""Public keys: how they are read, named and used to check a signature.

The algorithm belongs to the key that the verifier trusts, never to the message:
nobody can talk a verifier into a weaker check. Ed25519 as in RFC 8032, raw over
the payload; names and one-line form as in C2SP signed-note.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from warehouse.errors import KeyUnusable

ED25519: Final = "ed25519"
_NOTE_ED25519: Final = b"\x01"


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked against."""

    spki: bytes
    key: Ed25519PublicKey

    algorithm = ED25519

    @property
    def key_id(self) -> str:
        """Lower-case hex SHA-256 of the SPKI DER: the key's name in records."""
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def pem(self) -> str:
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def spki_base64(self) -> str:
        return base64.b64encode(self.spki).decode()

    def vkey(self, origin: str) -> str:
        """The key on one line, as C2SP signed-note has it: `origin+keyid+base64(type ‖ key)`."""
        typed = _NOTE_ED25519 + self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        short = hashlib.sha256(origin.encode() + b"\n" + typed).digest()[:4]
        return f"{origin}+{short.hex()}+{base64.b64encode(typed).decode()}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's over exactly `message`."""
        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def public_key_from_spki(spki: bytes, *, named: str) -> PublicKey:
    """Read a key from its SPKI DER. Raises KeyUnusable naming `named`."""
    try:
        return _accept(load_der_public_key(spki), named)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{named} is not a public key: {error}") from None


def read_public_key(path: Path) -> PublicKey:
    """Read a PEM public key such as `ledger.pub.pem`. Raises KeyUnusable."""
    named = repr(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(
            f"cannot read public key {named}: {(error.strerror or str(error)).lower()}",
            hint="Name the key that you trust with --trust; it must have reached you "
            "by another way than the warehouse itself.",
        ) from None
    try:
        return _accept(load_pem_public_key(content), named)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(
            f"{named} is not a public key in PEM form",
            hint="Expected a file that begins with -----BEGIN PUBLIC KEY-----",
        ) from None


def _accept(key: object, named: str) -> PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{named} is a {type(key).__name__}; expected an Ed25519 public key")
    return PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)
