"""A signer whose key never leaves its PKCS#11 token: ECDSA on P-256.

The token signs the SHA-256 that is made here (CKM_ECDSA), so that it is asked for nothing
that an old one lacks. Its answer is two numbers side by side; everybody else wants DER.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from etl.keys.reference import Token
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey, public_key_from_spki

# The extra `pkcs11` brings it; all other keys do without.
if TYPE_CHECKING or find_spec("pkcs11"):
    import pkcs11
    from pkcs11.types import SignMixin


class TokenSigner:
    """Signs with a key in a PKCS#11 token. Raises KeyUnusable, also when the token goes away."""

    def __init__(self, token: Token, pin: bytes | None) -> None:
        self._token = token
        with _refusing(token, "cannot be opened"):
            session = _session(token, pin.decode() if pin else None)
        with _refusing(token, "gives no pair of keys to sign with"):
            private, public = (
                session.get_key(half, label=token.object, id=token.id, key_type=pkcs11.KeyType.EC)
                for half in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY)
            )
            spki = pkcs11.util.ec.encode_ec_public_key(cast("pkcs11.PublicKey", public))
        self._private = cast("SignMixin", private)
        self._public_key = public_key_from_spki(spki, named=f"the key in {token}")

    @property
    def public_key(self) -> PublicKey:
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        with _refusing(self._token, "does not sign"):
            pair = self._private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
        half = len(pair) // 2
        r, s = (int.from_bytes(number) for number in (pair[:half], pair[half:]))
        return encode_dss_signature(r, s)


@cache
def open_token(token: Token, pin: bytes | None) -> TokenSigner:
    """The signer of a token, opened once in a process: tokens have few sessions to give."""
    if not find_spec("pkcs11"):
        raise KeyUnusable(
            f"the signing key is in {token}, and nothing here can talk to one",
            hint="uv tool install 'tallybook[pkcs11]'",
        )
    return TokenSigner(token, pin)


def _session(token: Token, pin: str | None) -> "pkcs11.Session":
    slots = pkcs11.lib(str(token.module)).get_slots(token_present=True)
    tokens = [slot.get_token() for slot in slots if token.slot in {None, slot.slot_id}]
    found = [
        each
        for each in tokens
        if pkcs11.TokenFlag.TOKEN_INITIALIZED in each.flags and token.label in {None, each.label}
    ]
    if len(found) != 1:
        raise KeyUnusable(
            f"expected one {token}, found {len(found)}",
            hint="Name it by token=LABEL or slot-id=NUMBER in the pkcs11 address.",
        )
    try:
        return found[0].open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # Who logs in does so for the whole process.
        return found[0].open()


@contextmanager
def _refusing(token: Token, what: str) -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        # Whatever was opened may be of no use any more: the next one begins anew.
        open_token.cache_clear()
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        reason = str(error) if type(error) is pkcs11.PKCS11Error else words
        raise KeyUnusable(
            f"{token} {what}: {reason}",
            hint="Check the pkcs11 address in signing_key, the PIN, and that the token is there. "
            "The key has to be on the curve P-256.",
        ) from None
