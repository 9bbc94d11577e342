"""Anchors: checkpoints that came back from where the operator of a history cannot reach.

An auditor gathers in a folder what he got by other ways: notes that a keeper filed, a
clone of a repository that they were pushed to, a scraped metric, timestamps with their
notes. All of it is read, nothing of it is believed: who signed a note is for `verify` to
check. Only the time of a timestamp is trusted, once its token was checked against a
certificate authority that the auditor chose.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

from warehouse.checkpoints import read_checkpoints
from warehouse.errors import BadInput
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint
from warehouse.timestamps import (
    Authorities,
    BadTimestamp,
    UnknownAuthority,
    authorities_in,
    read_authorities,
    verify_timestamp,
)

INFO_SERIES: Final = "tallybook_checkpoint_info"
NOTE_LABEL: Final = "note"

_LABEL: Final = re.compile(rf'[{{,]{NOTE_LABEL}="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\.")
_MEANINGS: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_SIGNATURE_LINE: Final = "\u2014 "


@dataclass(frozen=True)
class Anchor:
    """One checkpoint as it was found in `file`; or the `problem` why there is none to use.

    `at` is the time (UTC, whole seconds) at which a trusted authority saw it, and None where
    nobody vouches for any. A token that proves nothing has its checkpoint and a problem;
    `untrusted` where the problem is only that nobody trusted stands behind it.
    """

    file: str
    checkpoint: SignedCheckpoint | None
    at: datetime | None = None
    problem: str | None = None
    untrusted: bool = False


def certificate_files(folder: Path) -> list[Path]:
    """The files `*.pem` in a folder and the folders in it that have certificates, not keys.

    Those that are damaged are left out: `read_anchors` tells of them.
    """
    found: list[Path] = []
    for path in _files(folder):
        with suppress(OSError, ValueError):
            if path.suffix == ".pem" and authorities_in(path.read_bytes()) != Authorities():
                found.append(path)
    return found


def read_anchors(
    folder: Path, *, trusted_ca: Sequence[Path] = (), trust_folder: bool = True
) -> list[Anchor]:
    """Read all anchors in a folder and the folders in it, by size.

    Files named `*.note` and `checkpoint` are notes. `*.txt` and `*.log` are where a line in
    them is one of a note, `*.prom` where they have our series; what else lies there is passed
    over, and everything hidden. A timestamp `*.tsr` belongs to the `.note` of the same name.

    Timestamps are checked against the authorities of the files `trusted_ca` and, with
    `trust_folder`, those of the folder's `*.pem`: never say so of a folder that somebody else
    filled. Raises BadInput for a folder that is none, and for a `trusted_ca` without any.
    """
    if not folder.is_dir():
        raise BadInput(f"no folder {str(folder)!r} to read anchors from")
    trusted = read_authorities(trusted_ca)
    files = list(_files(folder))
    found: list[Anchor] = []
    for path in files if trust_folder else ():
        if path.suffix == ".pem":
            try:
                trusted = trusted.and_also(authorities_in(path.read_bytes()))
            except (OSError, ValueError) as error:
                found.append(Anchor(str(path), None, problem=f"malformed certificate: {error}"))
    for path in files:
        found += _read(path, trusted)
    return sorted(found, key=lambda a: (a.checkpoint.size if a.checkpoint else -1, a.file))


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        # Hidden ones are other programs' business: a repository's own files, a draft.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(parent, name) for name in sorted(names) if not name.startswith("."))
        # A pipe would be waited for, and a device never ends.
        yield from (path for path in paths if path.is_file() or not path.exists())


def _refuse(error: OSError) -> NoReturn:
    reason = (error.strerror or str(error)).lower()
    raise BadInput(f"cannot read the folder {str(error.filename)!r}: {reason}") from None


def _read(path: Path, trusted: Authorities) -> list[Anchor]:
    try:
        if path.suffix == ".tsr":
            return [_timestamp(path, trusted)]
        if path.suffix == ".prom":
            return [_anchor(path, note) for note in _noted_in_metrics(path.read_text("utf-8"))]
        if _is_of_notes(path):
            return _notes(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return [Anchor(str(path), None, problem=f"cannot be read: {reason.lower()}")]
    return []


def _notes(path: Path) -> list[Anchor]:
    found = [_anchor(path, note) for note, _ in read_checkpoints(path)]
    return found or [Anchor(str(path), None, problem="is empty")]


def _is_of_notes(path: Path) -> bool:
    if path.suffix not in {".txt", ".log"}:
        return path.suffix == ".note" or path.name == "checkpoint"
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        return any(line.startswith(_SIGNATURE_LINE) for line in lines)


def _anchor(path: Path, note: str) -> Anchor:
    try:
        return Anchor(str(path), parse_checkpoint(note))
    except MalformedNote as error:
        return Anchor(str(path), None, problem=str(error))


def _noted_in_metrics(content: str) -> Iterator[str]:
    for line in content.split("\n"):
        label = _LABEL.search(line) if line.startswith(f"{INFO_SERIES}{{") else None
        if label:
            yield _ESCAPED.sub(lambda found: _MEANINGS.get(found[0], found[0]), label[1])


def _timestamp(path: Path, trusted: Authorities) -> Anchor:
    beside = path.with_suffix(".note")
    if not beside.exists():
        return Anchor(str(path), None, problem=f"there is no {beside.name!r} beside it")
    message = beside.read_bytes()
    found = _anchor(path, message.decode("utf-8", "replace"))
    if found.problem:
        return found
    try:
        at = verify_timestamp(path.read_bytes(), message, trusted)
    except BadTimestamp as error:
        untrusted = isinstance(error, UnknownAuthority)
        return replace(found, problem=str(error), untrusted=untrusted)
    return replace(found, at=at)
