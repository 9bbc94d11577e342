"""What a catalogue was made for, and what it would be made for now.

The stamp lies beside the catalogue as `catalog.json`. Whether a catalogue is stale is told by
comparing the two, without opening it.
"""

from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from warehouse.contract import fingerprint
from warehouse.errors import LedgerFailure
from warehouse.files import read_regular
from warehouse.layout import Layout
from warehouse.sealed.parts import Commit
from warehouse.sealed.reading import statistics_in

_MOST_STAMP: Final = 64 << 20
_STATISTICS: Final = "SELECT DISTINCT unnest(map_keys(stats)) FROM read_parquet(?)"
# By their first use, not by the time of a file: a copy must not change what is newer.
_SETS: Final = (
    "SELECT definitions, min((recorded_at, index)) FROM read_parquet(?) "
    "WHERE definitions IS NOT NULL GROUP BY definitions"
)


class Stamp(msgspec.Struct, frozen=True):
    """What a catalogue was built for. When any of it changes, so must the catalogue.

    `definitions` are the sets that lie in the folder, `used` those that snapshots name;
    `parts`, `epochs` and `commits` are what is read.
    """

    root: str
    contract: str
    definitions: list[str]
    used: list[str]
    statistics: list[str]
    # Older releases did not say.
    parts: list[str] = []
    epochs: list[int] = []
    commits: list[tuple[int, Commit]] = []

    @property
    def read(self) -> tuple[list[str], list[int], list[tuple[int, Commit]]]:
        return self.parts, self.epochs, self.commits


def read_stamp(layout: Layout) -> Stamp | None:
    """What the catalogue says that it was built for; None where nothing can be read."""
    try:
        if not layout.catalog.is_file():
            return None
        return msgspec.json.decode(read_regular(layout.catalog_stamp, most=_MOST_STAMP), type=Stamp)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return None


def is_current(stamp: Stamp, layout: Layout) -> bool:
    """Whether a catalogue made for this is the one that there should be, new names aside."""
    return (
        stamp.root == str(layout.root.resolve())
        and stamp.contract == fingerprint()
        and stamp.definitions == definition_names(layout)
        and stamp.read == read_now(layout)
    )


def definition_names(layout: Layout) -> list[str]:
    """The sets of definitions that lie in the folder."""
    return sorted(path.stem for path in layout.definitions.glob("*.json"))


def known_stamp(layout: Layout) -> Stamp:
    """What a catalogue would be made for, by the one that is there if it is right."""
    # To ask all files which statistics there are would take longer than most questions do.
    stamp = read_stamp(layout)
    return stamp if stamp and is_current(stamp, layout) else stamp_now(layout)


def stamp_now(layout: Layout) -> Stamp:
    """What a catalogue would be made for now. Reads every file. Raises LedgerFailure."""
    parts, epochs, commits = read_now(layout)
    return Stamp(
        root=str(layout.root.resolve()),
        contract=fingerprint(),
        definitions=definition_names(layout),
        used=_sets_in(layout),
        statistics=all_statistics(layout),
        parts=parts,
        epochs=epochs,
        commits=commits,
    )


def read_now(layout: Layout) -> tuple[list[str], list[int], list[tuple[int, Commit]]]:
    """The parts, epochs and single commits that are read, as `Stamp` has them."""
    parts, epochs, commits = layout.standing()
    # Without a commit there is still a folder to name: an empty history has views as well.
    empty = [] if parts or commits else [layout.live_epoch()]
    return [part.name for part in parts], [*epochs] or empty, [*commits]


def _sets_in(layout: Layout) -> list[str]:
    used = _ask_files(layout.commit_files(), _SETS) + _ask_files(layout.part_files("wide"), _SETS)
    first = sorted((min(at for name, at in used if name == one), one) for one in dict(used))
    return [name for _, name in first] or definition_names(layout)


def all_statistics(layout: Layout) -> list[str]:
    """Every statistic in the history, by name. Reads every file. Raises LedgerFailure."""
    in_commits = {name for (name,) in _ask_files(layout.commit_files(), _STATISTICS)}
    return sorted(in_commits.union(*map(statistics_in, layout.part_files("wide"))))


def _ask_files(files: list[Path], question: str) -> list[tuple[Any, ...]]:
    if not files:
        return []
    try:
        with duckdb.connect() as connection:
            return connection.execute(question, [[str(path) for path in files]]).fetchall()
    except duckdb.Error as error:
        raise LedgerFailure(
            f"cannot read the history: {error}",
            hint="Find out what is damaged with: tallybook verify",
        ) from error
