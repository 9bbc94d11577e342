"""The private half: a key that signs, and the file it is kept in.

A signer is anything that can sign bytes and say by which public key that can be
checked. The first one keeps an Ed25519 key in a PKCS#8 PEM file that nobody but
its owner may read.
"""

import os
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from warehouse.errors import KeyUnusable
from warehouse.files import storing
from warehouse.keys import PublicKey


class Signer(Protocol):
    """What can sign a payload."""

    @property
    def public_key(self) -> PublicKey:
        """The key that checks what `sign` gives."""

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes."""


class KeySigner:
    """Signs with an Ed25519 key held in memory (RFC 8032)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        public = key.public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._public_key = PublicKey(spki, public)

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def create_key(path: Path) -> KeySigner:
    """Make a new key in a new file of mode 0600. Raises CannotStore, and never replaces a file."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with storing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    return KeySigner(key)


def load_key(path: Path) -> KeySigner:
    """Read a key. Raises KeyUnusable when it is missing, damaged, or readable by others."""
    named = repr(str(path))
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except FileNotFoundError:
        raise KeyUnusable(
            f"there is no signing key {named}",
            hint="Restore it from your backup; a new key would be another signer.",
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise KeyUnusable(
            f"cannot read the signing key {named}: {reason}",
            hint="Run as the user who owns it.",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(
            f"others can read the signing key {named}: expected mode 0600, "
            f"found {stat.S_IMODE(mode):04o}",
            hint=f"Close it: chmod 600 {path}   If it may have been copied, replace it.",
        )
    return KeySigner(_parse(pem, named))


def _parse(pem: bytes, named: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable(
            f"{named} is not a private key in PEM form",
            hint="Restore it from your backup; expected -----BEGIN PRIVATE KEY-----",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{named} is a {type(key).__name__}; expected an Ed25519 private key")
    return key
