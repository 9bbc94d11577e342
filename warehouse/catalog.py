"""The catalogue: `catalog.duckdb`, views over the Parquet files and nothing else.

Anybody opens it with plain DuckDB, from any folder, while the product writes:
nobody ever writes to a catalogue that can be seen. A new one is built beside it
and takes its name. It can be deleted at any time; the next command that needs
it makes it again.

DuckDB resolves relative paths against the reader's working folder, so the views
name absolute ones; a warehouse that was moved gets its catalogue anew.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import duckdb
import msgspec

from warehouse.contract import ViewInputs, fingerprint, statements
from warehouse.definitions import Definitions, read_definitions
from warehouse.errors import CannotStore, LedgerFailure
from warehouse.files import adopt, read_regular, replace, storing
from warehouse.layout import Layout, as_glob
from warehouse.record import sha256_hex
from warehouse.relations import Files, text
from warehouse.sealed.parts import Commit
from warehouse.sealed.reading import statistics_in

if TYPE_CHECKING:
    from warehouse.mount import Mount


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


def refresh(
    root: Path, *, new_statistics: Iterable[str] = (), new_definitions: Iterable[str] = ()
) -> bool:
    """Build the catalogue anew if it is missing or stale; say whether it was.

    `new_statistics` and `new_definitions` are names just written: one that has no place in
    the views yet makes the catalogue stale.
    """
    layout = Layout(root)
    layout.require()
    stamp = read_stamp(layout)
    if (
        stamp
        and _is_current(stamp, layout)
        and set(new_statistics) <= set(stamp.statistics)
        and set(new_definitions) <= set(stamp.used)
    ):
        return False
    build(root)
    return True


def ensure(root: Path) -> None:
    """Like `refresh` for a reader: where it cannot write, it leaves a readable catalogue be."""
    try:
        refresh(root)
    except CannotStore:
        stamp = read_stamp(Layout(root))
        here = str(root.resolve())
        if stamp is None or (stamp.root, stamp.contract) != (here, fingerprint()):
            raise


def build(root: Path, *, mount: "Mount | None" = None, to: Path | None = None) -> Path:
    """Build the catalogue of the warehouse in `root` and return where it is.

    `mount` says where its readers will find the warehouse, `to` names another file to
    write it to; both for warehouses that are read elsewhere.
    """
    layout = Layout(root)
    layout.require()
    if to:
        _publish(layout, _stamp_now(layout), to, to.parent, mount)
        return to
    layout.make_drafts()
    while True:
        stamp = _stamp_now(layout)
        _let_go(layout, stamp)
        _publish(layout, stamp, layout.catalog, layout.drafts, mount)
        stamp_draft = layout.drafts / f"catalog.json.{os.getpid()}"
        replace(layout.catalog_stamp, stamp_draft, msgspec.json.encode(stamp))
        # Whoever seals meanwhile may have put a newer one there, which this one has replaced.
        if stamp.read == _read_now(layout):
            return layout.catalog


def _let_go(layout: Layout, stamp: Stamp) -> None:
    """Note when files ceased to be named, on the files: so long after that they may be deleted.

    Not when they were replaced: whoever did that may have been killed before there was a new
    catalogue, and readers went on opening the old one.
    """
    before = read_stamp(layout)
    candidates = _files_of_records(layout)
    if before and before.contract == stamp.contract:
        # Of files that are there: the label of a catalogue may name anything.
        candidates &= _named(layout, before)
    for path in candidates - _named(layout, stamp):
        with storing(path), suppress(FileNotFoundError):
            os.utime(path)


def _named(layout: Layout, stamp: Stamp) -> set[Path]:
    whole = ((number, commit) for number in stamp.epochs for commit in layout.commits(number))
    commits = {layout.commit_file(*placed) for placed in (*whole, *stamp.commits)}
    return commits | {layout.sealed / "ledger" / name for name in stamp.parts}


def _files_of_records(layout: Layout) -> set[Path]:
    commits = {
        layout.commit_file(n, commit) for n in layout.epochs() for commit in layout.commits(n)
    }
    return commits | {layout.part(part, "ledger") for part in layout.parts()}


def _publish(
    layout: Layout, stamp: Stamp, target: Path, drafts: Path, mount: "Mount | None"
) -> None:
    draft = drafts / f".{target.name}.{os.getpid()}"
    try:
        _write(draft, _inputs(layout, stamp, mount), mount)
        adopt(target, draft)
    finally:
        with suppress(OSError):
            draft.unlink()


def contents(catalog: Path, *, exactly: bool = True) -> dict[str, str]:
    """Everything that a catalogue defines, by name. Raises LedgerFailure where it is damaged.

    `exactly` adds what no text shows: types may have other names than their own.
    """
    try:
        with TemporaryDirectory(prefix="tallybook-") as folder, duckdb.connect() as connection:
            connection.execute(f"ATTACH {text(str(catalog))} AS catalog (READ_ONLY)")
            found = _defined(connection)
            if exactly:
                found["bytes"] = _schema_hash(connection, Path(folder, "copy.duckdb"))
            return found
    except duckdb.Error as error:
        raise LedgerFailure(f"cannot open {str(catalog)!r}: {error}") from error


def expected_contents(
    layout: Layout, statistics: Iterable[str], *, at: str | None = None
) -> dict[str, str]:
    """What the catalogue of this warehouse has to define now, with these statistics.

    `at` is another place for which it may have been made. Made and read back: DuckDB writes
    what it has stored a little differently.
    """
    now = msgspec.structs.replace(_stamp_now(layout), statistics=sorted(statistics))
    return _contents_by(layout, now, at)


def earlier_contents(layout: Layout, stamp: Stamp, *, at: str | None = None) -> dict[str, str]:
    """What a catalogue of this warehouse had to define when it was made for this."""
    here = {"root": str(layout.root.resolve()), "definitions": _definition_names(layout)}
    return _contents_by(layout, msgspec.structs.replace(stamp, **here), at)


def _contents_by(layout: Layout, stamp: Stamp, at: str | None) -> dict[str, str]:
    with TemporaryDirectory(prefix="tallybook-") as folder:
        draft = Path(folder, "catalog.duckdb")
        _write(draft, _inputs(layout, stamp, None), None)
        found = contents(draft, exactly=at is None)
    here = as_glob(Path(stamp.root))
    there = as_glob(Path(at)) if at else here
    return {name: sql.replace(here, there) for name, sql in found.items()}


def definitions_in_use(layout: Layout) -> dict[str, Definitions]:
    """The sets of definitions that snapshots name, in the order of their first use.

    A history without snapshots has those that lie there: nobody has signed anything else yet.
    """
    return read_definitions(layout.definitions, _sets_in(layout))


def _schema_hash(connection: duckdb.DuckDBPyConnection, copy: Path) -> str:
    connection.execute(f"ATTACH {text(str(copy))} AS copy (STORAGE_VERSION 'v1.0.0')")
    connection.execute("COPY FROM DATABASE catalog TO copy (SCHEMA)")
    connection.execute("DETACH copy")
    return sha256_hex(copy.read_bytes())


def _defined(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = connection.execute(
        "SELECT 'view ' || schema_name || '.' || view_name, sql || coalesce(comment, '') "
        "FROM duckdb_views() WHERE database_name = 'catalog' AND NOT internal UNION ALL "
        "SELECT 'column ' || table_name || '.' || column_name, coalesce(comment, '') "
        "FROM duckdb_columns() WHERE database_name = 'catalog' AND NOT internal UNION ALL "
        "SELECT 'table ' || table_name, sql FROM duckdb_tables() "
        "WHERE database_name = 'catalog' UNION ALL "
        "SELECT 'function ' || function_name, coalesce(macro_definition, '') "
        "FROM duckdb_functions() WHERE database_name = 'catalog' AND NOT internal UNION ALL "
        "SELECT 'type ' || type_name, '' FROM duckdb_types() "
        "WHERE database_name = 'catalog' AND NOT internal UNION ALL "
        "SELECT 'schema ' || schema_name, '' FROM duckdb_schemas() "
        "WHERE database_name = 'catalog' AND NOT internal"
    ).fetchall()
    return dict(found)


def _inputs(layout: Layout, stamp: Stamp, mount: "Mount | None") -> ViewInputs:
    return ViewInputs(
        files=_files(layout, stamp, mount),
        statistics=tuple(stamp.statistics),
        definitions=read_definitions(layout.definitions, stamp.used),
    )


def _files(layout: Layout, stamp: Stamp, mount: "Mount | None") -> Files:
    there = Layout(mount.there if mount else Path(stamp.root))
    scheme = "file://" if mount else ""

    def sealed(kind: str) -> tuple[str, ...]:
        return tuple(f"{scheme}{as_glob(there.sealed / kind / name)}" for name in stamp.parts)

    whole = [f"{as_glob(there.epoch(number))}/*.parquet" for number in stamp.epochs]
    single = [as_glob(there.commit_file(*placed)) for placed in stamp.commits]
    return Files(
        commits=tuple(f"{scheme}{path}" for path in [*whole, *single]),
        ledger=sealed("ledger"),
        wide=sealed("wide"),
        values=sealed("values"),
        statistics=frozenset().union(
            *(statistics_in(layout.sealed / "wide" / name) for name in stamp.parts)
        ),
    )


def _write(draft: Path, inputs: ViewInputs, mount: "Mount | None") -> None:
    # Asked first, because DuckDB does not say which errors are the file system's.
    with storing(draft):
        draft.write_bytes(b"")
        draft.unlink()
    try:
        with duckdb.connect() as connection:
            if mount:
                connection.register_filesystem(mount)
            # The oldest storage version: files of newer ones are closed to DuckDB 1.5.
            connection.execute(f"ATTACH {text(str(draft))} AS catalog (STORAGE_VERSION 'v1.0.0')")
            connection.execute("USE catalog")
            for statement in statements(inputs):
                connection.execute(statement)
            connection.execute("USE memory")
            connection.execute("DETACH catalog")
    except duckdb.Error as error:
        raise LedgerFailure(f"cannot build the catalogue: {error}") from error
    draft.chmod(0o444)


def read_stamp(layout: Layout) -> Stamp | None:
    """What the catalogue says that it was built for; None where nothing can be read."""
    try:
        if not layout.catalog.is_file():
            return None
        return msgspec.json.decode(read_regular(layout.catalog_stamp, most=_MOST_STAMP), type=Stamp)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return None


def _is_current(stamp: Stamp, layout: Layout) -> bool:
    return (
        stamp.root == str(layout.root.resolve())
        and stamp.contract == fingerprint()
        and stamp.definitions == _definition_names(layout)
        and stamp.read == _read_now(layout)
    )


def _definition_names(layout: Layout) -> list[str]:
    return sorted(path.stem for path in layout.definitions.glob("*.json"))


def _stamp_now(layout: Layout) -> Stamp:
    parts, epochs, commits = _read_now(layout)
    return Stamp(
        root=str(layout.root.resolve()),
        contract=fingerprint(),
        definitions=_definition_names(layout),
        used=_sets_in(layout),
        statistics=_statistics_in(layout),
        parts=parts,
        epochs=epochs,
        commits=commits,
    )


def _read_now(layout: Layout) -> tuple[list[str], list[int], list[tuple[int, Commit]]]:
    parts, epochs, commits = layout.standing()
    # Without a commit there is still a folder to name: an empty history has views as well.
    empty = [] if parts or commits else [layout.live_epoch()]
    return [part.name for part in parts], [*epochs] or empty, [*commits]


def _sets_in(layout: Layout) -> list[str]:
    used = _ask_files(layout.commit_files(), _SETS) + _ask_files(layout.part_files("wide"), _SETS)
    first = sorted((min(at for name, at in used if name == one), one) for one in dict(used))
    return [name for _, name in first] or _definition_names(layout)


def _statistics_in(layout: Layout) -> list[str]:
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
