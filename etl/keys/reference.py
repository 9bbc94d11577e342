"""Where a private key is kept, as settings and command line name it.

    state/signing-key.pem                       a file
    credential:NAME                             what systemd hands to a service (LoadCredential=)
    pkcs11:token=T;object=O?module-path=FILE    a key that never leaves its token (RFC 7512)

No secret stands in a reference: a passphrase or PIN comes out of a file, a credential or the
environment, when the key is opened and not before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from warehouse.errors import BadSettings

_CREDENTIAL: Final = "credential:"
_TOKEN: Final = "pkcs11:"  # noqa: S105 - how an address begins, no secret
_PATH_ATTRIBUTES: Final = ("token", "object", "id", "slot-id", "type")
_QUERY_ATTRIBUTES: Final = ("module-path", "pin-source")


@dataclass(frozen=True)
class Credential:
    """A file that systemd hands to a service: `name` in the folder $CREDENTIALS_DIRECTORY."""

    name: str

    def __str__(self) -> str:
        return f"{_CREDENTIAL}{self.name}"


@dataclass(frozen=True)
class Variable:
    """An environment variable that holds a secret."""

    name: str


@dataclass(frozen=True)
class Token:
    """A key in a PKCS#11 token; what is None may be anything, as long as one key fits."""

    module: Path
    label: str | None
    slot: int | None
    object: str | None
    id: bytes | None
    pin: Path | None

    def __str__(self) -> str:
        where = f"token {self.label!r}" if self.label is not None else "token"
        return f"{where} of {str(self.module)!r}"


Secret = Path | Credential | Variable


@dataclass(frozen=True)
class KeyReference:
    """A private key and what opens it. `text` is how it was named."""

    text: str
    place: Path | Credential | Token
    passphrase: Secret | None = None

    @property
    def file(self) -> Path | None:
        """The key's file, where it is one that Tallybook may replace."""
        return self.place if isinstance(self.place, Path) else None

    @property
    def settings(self) -> dict[str, str | None]:
        """What has to stand in tallybook.toml for this key, whatever its folder; None: nothing."""
        secret = self.passphrase
        return {
            "signing_key": str(self.place) if isinstance(self.place, Path) else self.text,
            "passphrase_file": str(secret) if isinstance(secret, Path | Credential) else None,
            "passphrase_env": secret.name if isinstance(secret, Variable) else None,
        }


def key_reference(
    text: str, base: Path, *, named: str, passphrase: Secret | None = None
) -> KeyReference:
    """Read a reference; paths are relative to `base`. Raises BadSettings, `named` in its message.

    A message never repeats an address: somebody may have put a PIN into it.
    """
    if text.startswith(_CREDENTIAL):
        return KeyReference(text, _credential(text, named), passphrase)
    if text.startswith(_TOKEN):
        token = _token(text, named)
        if token.pin and passphrase:
            raise BadSettings(
                f"{named} has a pin-source, and there is a passphrase_file or passphrase_env: "
                "keep one of them"
            )
        return KeyReference(text, token, passphrase)
    return KeyReference(text, base / text, passphrase)


def secret_reference(
    file: str | None, variable: str | None, base: Path, *, named: str
) -> Secret | None:
    """Where a passphrase is: a file (or `credential:NAME`), or a variable. Raises BadSettings."""
    if file and variable:
        raise BadSettings(f"{named} has passphrase_file and passphrase_env: keep one of them")
    if variable:
        return Variable(variable)
    if file and file.startswith(_CREDENTIAL):
        return _credential(file, f"{named} passphrase_file")
    return base / file if file else None


def _credential(text: str, named: str) -> Credential:
    name = text.removeprefix(_CREDENTIAL)
    if not name or "/" in name or name in (".", ".."):
        raise BadSettings(
            f"{named}: {text!r} is no credential",
            hint="Expected credential:NAME, the name that stands in LoadCredential=NAME:FILE.",
        )
    return Credential(name)


def _token(uri: str, named: str) -> Token:
    path, _, query = uri.removeprefix(_TOKEN).partition("?")
    where = dict(_attributes(path, ";", _PATH_ATTRIBUTES, named))
    how = dict(_attributes(query, "&", _QUERY_ATTRIBUTES, named))
    if "module-path" not in how:
        raise BadSettings(
            f"{named}: the pkcs11 address has no module-path",
            hint="Add the library of the token: pkcs11:…?module-path=/usr/lib/…/lib….so",
        )
    if where.get("type", "private") != "private":
        raise BadSettings(f"{named}: the pkcs11 address is not of a private key")
    if "object" not in where and "id" not in where:
        raise BadSettings(f"{named}: the pkcs11 address has neither object nor id of a key")
    return Token(
        module=_absolute(how["module-path"], "module-path", named),
        label=unquote(where["token"]) if "token" in where else None,
        slot=_slot(where["slot-id"], named) if "slot-id" in where else None,
        object=unquote(where["object"]) if "object" in where else None,
        id=unquote_to_bytes(where["id"]) if "id" in where else None,
        pin=_absolute(how["pin-source"], "pin-source", named) if "pin-source" in how else None,
    )


def _slot(value: str, named: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise BadSettings(f"{named}: the slot-id of the pkcs11 address is no number")
    return int(value)


def _attributes(
    text: str, separator: str, known: tuple[str, ...], named: str
) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for attribute in filter(None, text.split(separator)):
        name, equals, value = attribute.partition("=")
        if name == "pin-value":
            raise BadSettings(
                f"{named}: the pkcs11 address has a pin-value, and no secret may stand there",
                hint="Put the PIN into a file and name it: pin-source=/path/of/file, "
                "or set passphrase_file or passphrase_env.",
            )
        if not equals or name not in known:
            raise BadSettings(
                f"{named}: the pkcs11 address has an attribute that is not known here",
                hint=f"Before the question mark there may be {', '.join(_PATH_ATTRIBUTES)}; "
                f"after it {', '.join(_QUERY_ATTRIBUTES)}.",
            )
        if name in seen or not value:
            raise BadSettings(
                f"{named}: {name} of the pkcs11 address is {'given twice' if value else 'empty'}"
            )
        seen.add(name)
        yield name, value


def _absolute(value: str, attribute: str, named: str) -> Path:
    path = Path(unquote(value).removeprefix("file:"))
    if not path.is_absolute():
        raise BadSettings(f"{named}: {attribute} of the pkcs11 address is no absolute path")
    return path
