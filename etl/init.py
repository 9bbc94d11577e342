"""From nothing to a history: settings, key, signer's state and an empty warehouse.

Nothing is ever overwritten, and nothing is left half-made: what this call made
is taken away again if it cannot finish.
"""

import json
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import URL

from etl.catalogue import UNLEASH
from etl.keys.opening import read_secret
from etl.keys.reference import Secret, Variable
from etl.log import SigningLog
from etl.reading import definitions_of
from etl.run import TOOL
from etl.settings import FILE_NAME, check_origin, load_settings
from etl.signing import create_key
from etl.source import parse_url
from warehouse import catalog
from warehouse.errors import BadInput
from warehouse.files import storing
from warehouse.keys import ED25519, PublicKey
from warehouse.ledger import Ledger


@dataclass(frozen=True)
class NewSource:
    """A source as it was named on the command line."""

    name: str
    url: URL
    server_url: str | None


@dataclass(frozen=True)
class NewKeys:
    """What the signing key is to be, and which public key may revoke it."""

    algorithm: str = ED25519
    passphrase: Secret | None = None
    recovery: PublicKey | None = None


@dataclass(frozen=True)
class Made:
    """What `init` made; `passwords` are the files that passwords of URLs went to."""

    folder: Path
    origin: str
    key_id: str
    passwords: Mapping[str, Path]


def new_sources(sources: Sequence[str], servers: Sequence[str]) -> list[NewSource]:
    """Read the options of `init`. Raises BadInput for a name that is doubled or unknown."""
    server_urls = dict(_server(text) for text in servers)
    made = [new_source(text, server_urls) for text in sources]
    names = [source.name for source in made]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"--source {name} is given twice")
    for name in server_urls:
        if name not in names:
            raise BadInput(f"--server-url {name}: there is no --source {name}")
    return made


def new_source(text: str, server_urls: Mapping[str, str]) -> NewSource:
    """Read `NAME=URL`. Raises BadInput."""
    name, equals, url = text.partition("=")
    if not equals or not name or not all(c.isalnum() or c in "-_" for c in name):
        raise BadInput(
            "--source has to be NAME=URL, the name of letters, digits, '-' and '_'",
            hint="For example: --source prod=postgresql://tallybook@db.example.com/unleash",
        )
    return NewSource(name, parse_url(url, named=f"--source {name}"), server_urls.get(name))


def default_origin() -> str:
    """A name for the log when nobody gave one: this machine's."""
    return f"{socket.gethostname() or 'localhost'}/tallybook"


def init(folder: Path, sources: list[NewSource], origin: str, keys: NewKeys | None = None) -> Made:
    """Make a new history in `folder`. Raises BadInput when there is something in the way."""
    keys = keys or NewKeys()
    check_origin(origin, named="--origin")
    _require_free(folder)
    with _cleaning_up(folder):
        state = folder / "state"
        with storing(folder):
            state.mkdir(parents=True, mode=0o700)
        passwords = {s.name: _keep_password(s, state) for s in sources if s.url.password}
        secret = read_secret(keys.passphrase)
        signer = create_key(state / "signing-key.pem", keys.algorithm, secret)
        _write(folder / "ledger.pub.pem", signer.public_key.pem)
        _write(folder / "ledger.vkey", signer.public_key.vkey(origin) + "\n")
        _write(folder / FILE_NAME, settings_text(origin, sources, passwords, keys.passphrase))
        load_settings(folder / FILE_NAME)
        ledger = Ledger(folder / "history")
        ledger.create()
        ledger.keep_definitions(*definitions_of(UNLEASH))
        log = SigningLog(origin, ledger, signer, state, TOOL)
        log.begin(recovery_key=keys.recovery.spki_base64 if keys.recovery else None)
        catalog.refresh(folder / "history")
    return Made(folder, origin, signer.public_key.key_id, passwords)


def settings_text(
    origin: str,
    sources: list[NewSource],
    passwords: Mapping[str, Path],
    passphrase: Secret | None = None,
) -> str:
    """The commented settings file."""
    template = files("etl").joinpath("tallybook.toml").read_text()
    tables = "\n".join(_source_table(source, passwords) for source in sources)
    lines = template.replace("{origin}", origin).replace("{sources}", tables)
    return lines.replace("{passphrase}", _passphrase_line(passphrase))


def _passphrase_line(passphrase: Secret | None) -> str:
    if passphrase is None:
        return '# passphrase_file = "…"\n# passphrase_env = "…"'
    if isinstance(passphrase, Variable):
        return f"passphrase_env = {_quoted(passphrase.name)}"
    return f"passphrase_file = {_quoted(str(passphrase))}"


def _quoted(text: str) -> str:
    # A string of JSON is one of TOML as well.
    return json.dumps(text, ensure_ascii=False)


def _source_table(source: NewSource, passwords: Mapping[str, Path]) -> str:
    # Not set(password=None): None means no change there.
    url = source.url._replace(password=None, drivername="postgresql")
    lines = [f"[source.{source.name}]", f'url = "{url.render_as_string(hide_password=False)}"']
    if source.name in passwords:
        lines.append(f'password_file = "state/{passwords[source.name].name}"')
    if source.server_url:
        lines.append(f'server_url = "{source.server_url}"')
    return "\n".join(lines) + "\n"


def _keep_password(source: NewSource, state: Path) -> Path:
    file = state / f"{source.name}.password"
    with storing(file):
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(f"{source.url.password}\n")
    return file


def _write(path: Path, content: str) -> None:
    with storing(path):
        path.write_text(content)


def _require_free(folder: Path) -> None:
    names = (FILE_NAME, "state", "history", "ledger.pub.pem", "ledger.vkey")
    for name in names:
        if (folder / name).exists() or (folder / name).is_symlink():
            raise BadInput(
                f"{str(folder / name)!r} exists already; nothing was changed",
                hint="Name another folder, or use the history that is there.",
            )


@contextmanager
def _cleaning_up(folder: Path) -> Iterator[None]:
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        for name in ("state", "history"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (FILE_NAME, "ledger.pub.pem", "ledger.vkey"):
            (folder / name).unlink(missing_ok=True)
        if not was_there and folder.exists():
            folder.rmdir()
        raise


def _server(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals or not url.startswith(("http://", "https://")):
        raise BadInput(
            "--server-url has to be NAME=URL",
            hint="For example: --server-url prod=https://unleash.example.com",
        )
    return name, url
