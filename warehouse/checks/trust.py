"""Whom a verifier trusts: public keys, each for one log or for any.

The keys have to come by another way than the history. What is trusted of a log is its
first key, the one in its genesis record; which keys follow is for the log itself to prove.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey, parse_vkey, public_key_from_pem, read_key_file

_PEM = b"-----BEGIN "


@dataclass(frozen=True)
class Trusted:
    """A key, and the origin of the only log it is trusted for; None: for any log."""

    key: PublicKey
    origin: str | None = None


@dataclass(frozen=True)
class Trust:
    """All the keys that somebody trusts."""

    keys: tuple[Trusted, ...]

    @property
    def origins(self) -> frozenset[str]:
        """The logs that are named: there has to be each of them."""
        return frozenset(trusted.origin for trusted in self.keys if trusted.origin)

    @property
    def by_id(self) -> dict[str, PublicKey]:
        return {trusted.key.key_id: trusted.key for trusted in self.keys}

    def of(self, origin: str) -> list[str]:
        """The ids of the keys trusted for this log: those named for it, else those for any."""
        named = [t.key.key_id for t in self.keys if t.origin == origin]
        return named or [t.key.key_id for t in self.keys if t.origin is None]

    def knows(self, origin: str) -> bool:
        """Whether the log may be there at all: it is named, or some key is for any log."""
        return origin in self.origins or not self.keys or any(t.origin is None for t in self.keys)


def trust_any(keys: Iterable[PublicKey]) -> Trust:
    """Trust these keys for any log."""
    return Trust(tuple(Trusted(key) for key in keys))


def read_trust(files: Iterable[Path]) -> Trust:
    """Read the files of an auditor: PEM, or verifier keys, one a line. Raises KeyUnusable."""
    return Trust(tuple(trusted for file in files for trusted in _read(file)))


def _read(file: Path) -> list[Trusted]:
    content = read_key_file(file)
    named = repr(str(file))
    if _PEM in content:
        blocks = [_PEM + block for block in content.split(_PEM)[1:]]
        return [Trusted(public_key_from_pem(block, named=named)) for block in blocks]
    try:
        lines = [line.strip() for line in content.decode().splitlines()]
    except UnicodeDecodeError:
        lines = []
    vkeys = [line for line in lines if line and not line.startswith("#")]
    if not vkeys:
        raise KeyUnusable(
            f"{named} is not a public key in PEM form, and holds no verifier key",
            hint="Expected a file that begins with -----BEGIN PUBLIC KEY-----, or lines as in "
            "ledger.vkey.",
        )
    return [Trusted(key, origin) for origin, key in (parse_vkey(v, named=named) for v in vkeys)]
