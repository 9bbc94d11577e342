"""What the statistics meant when they were counted.

A snapshot names its definitions by the SHA-256 of their canonical JSON; the
JSON itself lies in the warehouse under that name. So the meaning of a number is
signed with the number, and `sha256sum` can check it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from warehouse.errors import BrokenHistory
from warehouse.files import read_regular
from warehouse.record import sha256_hex

_MOST_BYTES: Final = 16 << 20


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One statistic. `hash` covers what decides its value, not the words that explain it.

    `kind` is `count`, `ratio`, `switch` or `bytes`; `labelled` statistics have one value
    per label, named `name.label`.
    """

    name: str
    subject: str
    meaning: str
    unit: str
    kind: str
    window: str
    labelled: bool
    since: str
    reads: list[str]
    sql: str
    hash: str


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """All statistics of one release of the catalogue, in its order."""

    statistics: list[Definition]


def read_definitions(folder: Path, names: Sequence[str]) -> dict[str, Definitions]:
    """These sets of definitions, by hash and in this order; one that is not there is left out.

    Raises BrokenHistory for a file whose content is not what its name promises.
    """
    there = {path.stem: path for path in definition_files(folder)}
    return {name: read_set(there[name]) for name in names if name in there}


def definition_files(folder: Path) -> list[Path]:
    """The files of all sets of definitions, by name: no clock has a say in what is newer."""
    return sorted(path for path in folder.glob("*.json") if path.is_file())


def read_set(path: Path) -> Definitions:
    """One set of definitions. Raises BrokenHistory when it is not what its name promises."""
    content = read_regular(path, most=_MOST_BYTES)
    if sha256_hex(content) != path.stem:
        raise BrokenHistory(
            f"{str(path)!r} has changed: expected SHA-256 {path.stem}, found {sha256_hex(content)}",
            hint="Keep the folder as it is and compare it with a backup.",
        )
    try:
        return msgspec.json.decode(content, type=Definitions)
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise BrokenHistory(f"{str(path)!r} holds no definitions: {error}") from error


def definition_of(statistic: str, known: dict[str, Definition]) -> Definition | None:
    """Find whose value `activeUsers.last7` or `apiTokens.admin` is: its own or its family's."""
    if statistic in known:
        return known[statistic]
    family = statistic.partition(".")[0]
    return known.get(family)
