"""What a catalogue was made for, and what it would be made for now.

The stamp lies beside the catalogue as `catalog.json`. Whether a catalogue is stale is told by
comparing the two, without opening it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from warehouse.contract import fingerprint
from warehouse.errors import LedgerFailure
from warehouse.files import read_regular
from warehouse.layout import Layout, as_glob
from warehouse.relations import text
from warehouse.sealed.names import FIXED, statistic_of
from warehouse.sealed.parts import Commit

_MOST_STAMP: Final = 64 << 20
_STATISTICS: Final = "SELECT DISTINCT unnest(map_keys(stats)) FROM read_parquet(?)"
_COLUMNS: Final = "SELECT DISTINCT name FROM parquet_schema(?) WHERE num_children IS NULL"
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
    return sorted(in_commits | statistics_in(layout.part_files("wide")))


def statistics_in(wide: Sequence[Path]) -> set[str]:
    """The statistics that `wide` files have columns of. Raises LedgerFailure."""
    columns = {name for (name,) in _ask_files(wide, _COLUMNS)}
    return {statistic_of(name) for name in columns.difference(FIXED)}


def _ask_files(files: Sequence[Path], question: str) -> list[tuple[Any, ...]]:
    if not files:
        return []
    # Written into the question: to hand it over, DuckDB would load pandas where that is.
    listed = ", ".join(text(as_glob(path)) for path in files)
    try:
        with duckdb.connect() as connection:
            return connection.execute(question.replace("?", f"[{listed}]")).fetchall()
    except duckdb.Error as error:
        raise LedgerFailure(
            f"cannot read the history: {error}",
            hint="Find out what is damaged with: tallybook verify",
        ) from error
