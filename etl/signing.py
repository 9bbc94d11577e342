"""The private half: a key that signs, and the file it is kept in.

A signer is anything that can sign bytes and say by which public key that can be
checked. The first one keeps an Ed25519 or ECDSA P-256 key in a PKCS#8 PEM file that
nobody but its owner may read, with a passphrase or without.
"""

import os
import stat
from functools import cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from warehouse.errors import KeyUnusable
from warehouse.files import flush_folder, storing
from warehouse.keys import ED25519, PublicKey

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


class Signer(Protocol):
    """What can sign a payload."""

    @property
    def public_key(self) -> PublicKey:
        """The key that checks what `sign` gives."""

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes."""


class KeySigner:
    """Signs with a key held in memory: Ed25519 (RFC 8032) or ECDSA on P-256, in DER."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        public = key.public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._public_key = PublicKey(spki, public)

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, _ecdsa())


def create_key(path: Path, algorithm: str = ED25519, passphrase: bytes | None = None) -> KeySigner:
    """Make a new key in a new file of mode 0600, durably.

    Raises CannotStore, and never replaces a file.
    """
    key = (
        Ed25519PrivateKey.generate() if algorithm == ED25519 else generate_private_key(SECP256R1())
    )
    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    with storing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        flush_folder(path.parent)
    return KeySigner(key)


def load_key(path: Path, passphrase: bytes | None = None, *, handed_out: bool = False) -> KeySigner:
    """Read a key. Raises KeyUnusable when it is missing, damaged, locked, or open to others.

    `handed_out` is for a file whose mode a service manager has chosen: who may read it is
    its business, and said in an access list that the mode does not show.
    """
    named = repr(str(path))
    mode, pem = _read(path, named)
    if not handed_out and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(
            f"others can read the signing key {named}: expected mode 0600, "
            f"found {stat.S_IMODE(mode):04o}",
            hint=f"Close it: chmod 600 {path}   If it may have been copied, replace it.",
        )
    return KeySigner(_parse(pem, passphrase, named))


def has_passphrase(path: Path) -> bool:
    """Whether the key in this file is encrypted. Raises KeyUnusable when it cannot be read."""
    return _is_encrypted(_read(path, repr(str(path)))[1])


def _read(path: Path, named: str) -> tuple[int, bytes]:
    try:
        return path.stat().st_mode, path.read_bytes()
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


def _parse(pem: bytes, passphrase: bytes | None, named: str) -> PrivateKey:
    encrypted = _is_encrypted(pem)
    if encrypted and passphrase is None:
        raise KeyUnusable(
            f"the signing key {named} has a passphrase, and none was given",
            hint="Name the file or the environment variable that holds it: "
            "passphrase_file or passphrase_env in tallybook.toml.",
        )
    try:
        # A passphrase for a key that has none is looked at below: it would hide what is damaged.
        key = load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _damaged(named, encrypted=encrypted) from None
    if passphrase is not None and not encrypted:
        raise KeyUnusable(
            f"a passphrase was given for the signing key {named}, which has none",
            hint="Take passphrase_file and passphrase_env out of the settings, or lock the key: "
            "openssl pkcs8 -topk8 -in KEY -out LOCKED",
        )
    return _accept(key, named)


def _damaged(named: str, *, encrypted: bool) -> KeyUnusable:
    if encrypted:
        return KeyUnusable(
            f"the passphrase does not open the signing key {named}",
            hint="Check what passphrase_file or passphrase_env names; if it is right, the key is "
            "damaged: restore it from your backup.",
        )
    return KeyUnusable(
        f"{named} is not a private key in PEM form",
        hint="Restore it from your backup; expected -----BEGIN PRIVATE KEY-----",
    )


def _accept(key: object, named: str) -> PrivateKey:
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    kind = type(key).__name__
    if isinstance(key, EllipticCurvePrivateKey):
        kind += f" on {key.curve.name}"
    raise KeyUnusable(f"{named} is a {kind}; expected an Ed25519 or ECDSA P-256 private key")


def _is_encrypted(pem: bytes) -> bool:
    # PKCS#8 says it in its first line, OpenSSL's older form in a header.
    return b"-----BEGIN ENCRYPTED" in pem or b"Proc-Type: 4,ENCRYPTED" in pem


@cache
def _ecdsa() -> ECDSA:
    # RFC 6979: no signature depends on a random number that could be bad. Older OpenSSL has none.
    try:
        return ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        return ECDSA(SHA256())
