"""Timestamps by somebody else (RFC 3161): these bytes were there at that time.

Whoever checks one trusts a certificate authority that he has chosen himself, not us. A
token counts only when all of it does: it is about exactly these bytes, its signature is
good, the signer's certificate was valid at the token's own time and is for timestamps
only, and its chain ends at a trusted root. Whether a certificate was revoked is not asked:
that needs a network.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus

from warehouse.errors import BadInput, BrokenHistory

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_CONTEXT_0: Final = 0xA0
# As OpenSSL says that a chain does not lead to any root it was given.
_STRANGERS: Final = {
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get issuer certificate",
    "unable to get local issuer certificate",
    "unable to verify the first certificate",
}
# The innermost of the reasons that OpenSSL gives, one within the other.
_REASON: Final = re.compile(r'Verify error: ([^"]+)|reason: "([^"]+)"')


class BadTimestamp(BrokenHistory):
    """An answer of a time-stamping authority that proves nothing of the note beside it."""


class UnknownAuthority(BadTimestamp):
    """A timestamp by somebody whom nobody here trusts; it may be good for others."""


@dataclass(frozen=True)
class Authorities:
    """Certificates that somebody trusts: roots, and what stands between them and a signer."""

    roots: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()

    def and_also(self, other: "Authorities") -> "Authorities":
        """Trust these and those."""
        return Authorities(
            tuple(dict.fromkeys(self.roots + other.roots)),
            tuple(dict.fromkeys(self.intermediates + other.intermediates)),
        )


def read_authorities(paths: Iterable[Path]) -> Authorities:
    """Read PEM files of certificates. Raises BadInput for one that has none."""
    trusted = Authorities()
    for path in paths:
        try:
            found = authorities_in(path.read_bytes())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(f"cannot read certificates {str(path)!r}: {reason}") from None
        except ValueError as error:
            raise BadInput(f"{str(path)!r} has a malformed certificate: {error}") from None
        if found == Authorities():
            raise BadInput(
                f"{str(path)!r} has no certificate in it",
                hint="Expected PEM: -----BEGIN CERTIFICATE-----",
            )
        trusted = trusted.and_also(found)
    return trusted


def authorities_in(pem: bytes) -> Authorities:
    """Take the certificates of a PEM file; none where it holds something else. Raises ValueError.

    Those that name themselves as their issuer are roots.
    """
    if _BEGIN not in pem:
        return Authorities()
    certificates = load_pem_x509_certificates(pem)
    return Authorities(
        tuple(c for c in certificates if c.issuer == c.subject),
        tuple(c for c in certificates if c.issuer != c.subject),
    )


def verify_timestamp(
    answer: bytes, message: bytes, trusted: Authorities, *, nonce: int | None = None
) -> datetime:
    """Check an authority's answer (a DER TimeStampResp); return its time, UTC, whole seconds.

    With a `nonce` it must be the answer to that question. Raises BadTimestamp with the reason,
    UnknownAuthority where it is only that its chain ends at no trusted root.
    """
    if not trusted.roots:
        raise UnknownAuthority("no root certificate is trusted that it could be checked with")
    try:
        response = decode_timestamp_response(_sorted(answer))
        _require_granted(response)
        builder = VerifierBuilder(
            roots=list(trusted.roots), intermediates=list(trusted.intermediates), nonce=nonce
        )
        builder.build().verify_message(response, message)
        return response.tst_info.gen_time.astimezone(UTC)
    except (VerificationError, ValueError, OverflowError) as error:
        reason = _reason(str(error))
        kind = UnknownAuthority if reason in _STRANGERS else BadTimestamp
        raise kind(reason) from None


def _require_granted(response: TimeStampResponse) -> None:
    if response.status != PKIStatus.GRANTED:
        said = "; ".join(response.status_string) or "without a reason"
        raise BadTimestamp(f"the authority did not grant it: status {response.status}, {said!r}")


def _sorted(answer: bytes) -> bytes:
    """The same with its certificates in the order that DER has for sets: few authorities do it.

    No signature covers that order.
    """
    try:
        # The token, its content, the signed data in it, the certificates there.
        certificates = _inner(answer, 0, 1, 1, 0, 3)
        if answer[certificates] != _CONTEXT_0:
            return answer
        begin, end = _content(answer, certificates)
        starts = [*_elements(answer, begin, end), end]
    except IndexError:
        return answer
    parts = sorted(answer[one:next_one] for one, next_one in pairwise(starts))
    return answer[:begin] + b"".join(parts) + answer[end:]


def _inner(der: bytes, at: int, *path: int) -> int:
    """Where the element is that is reached by these numbers, one element within the other."""
    for number in path:
        at = list(_elements(der, *_content(der, at)))[number]
    return at


def _elements(der: bytes, begin: int, end: int) -> Iterator[int]:
    while begin < end:
        yield begin
        _, begin = _content(der, begin)


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Begin and end of the content of the element at `at`. Raises IndexError."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin])
    if begin + length > len(der):
        raise IndexError(at)
    return begin, begin + length


def _reason(message: str) -> str:
    found = [outer or inner for outer, inner in _REASON.findall(message)]
    if found:
        return str(found[-1])
    if "ASN.1" in message:
        return "it is no time-stamp response"
    return message[:200].replace("\n", " ").rstrip(".")
