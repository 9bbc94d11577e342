"""Keys as files: new pairs, and the public halves of a log's later keys.

Nothing that is there is ever overwritten.
"""

from collections.abc import Iterator
from pathlib import Path

from etl.keys.history import KeyHistory
from etl.signing import KeySigner, create_key
from warehouse import files
from warehouse.errors import BadInput
from warehouse.files import storing


def create_pair(path: Path, algorithm: str, passphrase: bytes | None) -> KeySigner:
    """Make a private key in `path` and its public half beside it. Raises BadInput."""
    if not path.name:
        raise BadInput(f"{str(path)!r} is a folder", hint="Name a file in it: next.pem, say.")
    public = public_half_of(path)
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise BadInput(
                f"{str(file)!r} exists already; nothing was changed",
                hint="Name another file; keys are never overwritten.",
            )
    signer = create_key(path, algorithm, passphrase)
    with storing(public):
        public.write_text(signer.public_key.pem)
    return signer


def public_half_of(path: Path) -> Path:
    """Where the public half of a private key's file goes: `key.pem`, `key.pub.pem`."""
    return path.with_name(f"{path.name.removesuffix('.pem')}.pub.pem")


def publish_later_keys(public_key: Path, origin: str, history: KeyHistory) -> list[Path]:
    """Write each later key's public half beside the first one's; return the newest one's files.

    `ledger.pub.pem` stays what auditors trust; `ledger-2.pub.pem` and `ledger-2.vkey` are for
    tools that check newer checkpoints and follow no rotation. Raises CannotStore.
    """
    newest: list[Path] = []
    for number, term in enumerate(history.terms[1:], start=2):
        pem, vkey = _names(public_key, number)
        _write_once(pem, term.key.pem)
        _write_once(vkey, f"{term.key.vkey(origin)}\n")
        newest = [pem, vkey]
    return newest


def _names(public_key: Path, number: int) -> Iterator[Path]:
    stem = public_key.name.removesuffix(".pem").removesuffix(".pub")
    for suffix in ("pub.pem", "vkey"):
        yield public_key.with_name(f"{stem}-{number}.{suffix}")


def _write_once(path: Path, content: str) -> None:
    if not path.exists():
        files.replace(path, path.with_name(f".{path.name}.draft"), content.encode())
