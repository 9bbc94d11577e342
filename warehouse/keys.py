"""Public keys: how they are read, named and used to check a signature.

The algorithm belongs to the key that the verifier trusts, never to the message:
nobody can talk a verifier into a weaker check. Ed25519 as in RFC 8032, raw over
the payload; ECDSA on P-256 over its SHA-256, in DER, for key services that have no
Ed25519. Names, one-line form and signature lines as in C2SP signed-note.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeGuard

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from warehouse.errors import KeyUnusable
from warehouse.note import Note

ED25519: Final = "ed25519"
ECDSA_P256: Final = "ecdsa-p256-sha256"
ALGORITHMS: Final = (ED25519, ECDSA_P256)
# The types that C2SP signed-note gives the two.
_NOTE_ED25519: Final = b"\x01"
_NOTE_ECDSA: Final = b"\x02"
_ED25519_BYTES: Final = 32


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked against."""

    spki: bytes
    key: Ed25519PublicKey | EllipticCurvePublicKey

    @property
    def algorithm(self) -> str:
        return ED25519 if isinstance(self.key, Ed25519PublicKey) else ECDSA_P256

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

    def note_hash(self, origin: str) -> bytes:
        """The 4 bytes by which a signature line names this key; no proof of anything."""
        if isinstance(self.key, Ed25519PublicKey):
            return hashlib.sha256(origin.encode() + b"\n" + self._typed).digest()[:4]
        return hashlib.sha256(self.spki).digest()[:4]

    def vkey(self, origin: str) -> str:
        """The key on one line, as C2SP signed-note has it: `origin+keyid+base64(type ‖ key)`."""
        encoded = base64.b64encode(self._typed).decode()
        return f"{origin}+{self.note_hash(origin).hex()}+{encoded}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's over exactly `message`."""
        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def signed(self, note: Note, origin: str) -> bool | None:
        """Whether this key, as `origin`, signed a note; None where the note does not say so.

        A line that names this key and does not verify spoils the note: False, whatever
        other lines say.
        """
        mine = [
            line.signature
            for line in note.signatures
            if (line.name, line.key_hash) == (origin, self.note_hash(origin))
        ]
        if not mine:
            return None
        return all(self.verifies(signature, note.text.encode()) for signature in mine)

    @property
    def _typed(self) -> bytes:
        if isinstance(self.key, Ed25519PublicKey):
            return _NOTE_ED25519 + self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _NOTE_ECDSA + self.spki


def public_key_from_spki(spki: bytes, *, named: str) -> PublicKey:
    """Read a key from its SPKI DER. Raises KeyUnusable naming `named`."""
    try:
        key = accept_public_key(load_der_public_key(spki), named=named)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{named} is not a public key: {error}") from None
    if key.spki != spki:
        raise KeyUnusable(f"{named} is not written as DER writes it")
    return key


def public_key_from_base64(spki: str, *, named: str) -> PublicKey:
    """Read a key as records hold it: base64 of its SPKI DER. Raises KeyUnusable."""
    try:
        content = base64.b64decode(spki, validate=True)
    except ValueError as error:
        raise KeyUnusable(f"{named} is not base64: {error}") from None
    return public_key_from_spki(content, named=named)


def public_key_from_pem(content: bytes, *, named: str) -> PublicKey:
    """Read a key from its PEM form. Raises KeyUnusable naming `named`."""
    try:
        return accept_public_key(load_pem_public_key(content), named=named)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(
            f"{named} is not a public key in PEM form",
            hint="Expected a file that begins with -----BEGIN PUBLIC KEY-----",
        ) from None


def parse_vkey(line: str, *, named: str) -> tuple[str, PublicKey]:
    """Read a C2SP verifier key: the origin and its key. Raises KeyUnusable naming `named`."""
    origin, _, rest = line.partition("+")
    named_hash, _, encoded = rest.partition("+")
    typed = _exactly_decoded(encoded)
    if not origin or not typed:
        raise KeyUnusable(
            f"{named} has a line that is no verifier key",
            hint="Expected ORIGIN+KEYID+BASE64, as in ledger.vkey, or a public key in PEM form.",
        )
    key = _typed_key(typed, named)
    if key.note_hash(origin).hex() != named_hash:
        raise KeyUnusable(
            f"{named}: the verifier key of {origin!r} is damaged: "
            f"expected the id {key.note_hash(origin).hex()}, found {named_hash!r}"
        )
    return origin, key


def read_public_key(path: Path) -> PublicKey:
    """Read a PEM public key such as `ledger.pub.pem`. Raises KeyUnusable."""
    return public_key_from_pem(read_key_file(path), named=repr(str(path)))


def read_key_file(path: Path) -> bytes:
    """The bytes of a file with public keys. Raises KeyUnusable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(
            f"cannot read public key {str(path)!r}: {(error.strerror or str(error)).lower()}",
            hint="Name the key that you trust with --trust; it must have reached you "
            "by another way than the warehouse itself.",
        ) from None


def accept_public_key(key: object, *, named: str) -> PublicKey:
    """Take a key of a kind that can sign a log. Raises KeyUnusable naming `named`."""
    if isinstance(key, Ed25519PublicKey) or _is_p256(key):
        return PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)
    kind = type(key).__name__
    if isinstance(key, EllipticCurvePublicKey):
        kind += f" on {key.curve.name}"
    raise KeyUnusable(f"{named} is a {kind}; expected an Ed25519 or ECDSA P-256 public key")


def _is_p256(key: object) -> TypeGuard[EllipticCurvePublicKey]:
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)


def _exactly_decoded(encoded: str) -> bytes:
    # Unused bits may hold anything, and a damaged line shall not pass: one spelling is taken.
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""
    return decoded if base64.b64encode(decoded).decode() == encoded else b""


def _typed_key(typed: bytes, named: str) -> PublicKey:
    kind, content = typed[:1], typed[1:]
    if kind == _NOTE_ED25519 and len(content) == _ED25519_BYTES:
        return accept_public_key(Ed25519PublicKey.from_public_bytes(content), named=named)
    if kind == _NOTE_ECDSA:
        key = public_key_from_spki(content, named=named)
        if key.algorithm != ECDSA_P256:
            raise KeyUnusable(f"{named}: a verifier key of type 02 holds a key of {key.algorithm}")
        return key
    raise KeyUnusable(f"{named}: a verifier key of type {kind.hex()} is of no kind we know")
