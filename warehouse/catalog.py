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
from dataclasses import replace as replace_fields
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import msgspec

from warehouse.contract import ViewInputs, fingerprint, statements
from warehouse.definitions import read_definitions
from warehouse.errors import CannotStore, LedgerFailure
from warehouse.files import adopt, replace, storing
from warehouse.layout import Layout, as_glob
from warehouse.record import sha256_hex
from warehouse.relations import Files, text
from warehouse.stamp import (
    Stamp,
    all_statistics,
    definition_names,
    is_current,
    known_stamp,
    read_now,
    read_stamp,
    stamp_now,
    statistics_in,
)

if TYPE_CHECKING:
    from warehouse.mount import Mount


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
        and is_current(stamp, layout)
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


def complete(root: Path) -> None:
    """Build the catalogue anew if there is a statistic in the history that it has no column for.

    That is how a crash between a commit and its catalogue leaves it, until the next commit.
    Raises CannotStore.
    """
    layout = Layout(root)
    stamp = read_stamp(layout)
    if stamp is None or not set(all_statistics(layout)) <= set(stamp.statistics):
        build(root)


def build(
    root: Path,
    *,
    mount: "Mount | None" = None,
    to: Path | None = None,
    as_of: datetime | None = None,
) -> Path:
    """Build the catalogue of the warehouse in `root` and return where it is.

    `mount` says where its readers will find the warehouse, `to` names another file to
    write it to; both for warehouses that are read elsewhere. With `as_of` (UTC, without a
    zone) its views show what had been recorded by then: never in place of the own one.
    """
    if as_of and not to:
        raise ValueError("a catalogue of an earlier time needs a file of its own")
    layout = Layout(root)
    layout.require()
    if to:
        stamp = known_stamp(layout) if as_of else stamp_now(layout)
        _publish(layout, replace_fields(_inputs(layout, stamp, mount), as_of=as_of), to, mount)
        return to
    layout.make_drafts()
    while True:
        stamp = stamp_now(layout)
        _let_go(layout, stamp)
        _publish(layout, _inputs(layout, stamp, mount), layout.catalog, mount)
        stamp_draft = layout.drafts / f"catalog.json.{os.getpid()}"
        replace(layout.catalog_stamp, stamp_draft, msgspec.json.encode(stamp))
        # Whoever seals meanwhile may have put a newer one there, which this one has replaced.
        if stamp.read == read_now(layout):
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


def _publish(layout: Layout, inputs: ViewInputs, target: Path, mount: "Mount | None") -> None:
    drafts = layout.drafts if target == layout.catalog else target.parent
    draft = drafts / f".{target.name}.{os.getpid()}"
    try:
        _write(draft, inputs, mount)
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
    now = msgspec.structs.replace(stamp_now(layout), statistics=sorted(statistics))
    return _contents_by(layout, now, at)


def earlier_contents(layout: Layout, stamp: Stamp, *, at: str | None = None) -> dict[str, str]:
    """What a catalogue of this warehouse had to define when it was made for this."""
    here = {"root": str(layout.root.resolve()), "definitions": definition_names(layout)}
    return _contents_by(layout, msgspec.structs.replace(stamp, **here), at)


def _contents_by(layout: Layout, stamp: Stamp, at: str | None) -> dict[str, str]:
    with TemporaryDirectory(prefix="tallybook-") as folder:
        draft = Path(folder, "catalog.duckdb")
        _write(draft, _inputs(layout, stamp, None), None)
        found = contents(draft, exactly=at is None)
    here = as_glob(Path(stamp.root))
    there = as_glob(Path(at)) if at else here
    return {name: sql.replace(here, there) for name, sql in found.items()}


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
        statistics=frozenset(
            statistics_in([layout.sealed / "wide" / name for name in stamp.parts])
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
            # One by one each would be flushed to disk by itself, and there are hundreds.
            connection.execute("BEGIN")
            for statement in statements(inputs):
                connection.execute(statement)
            connection.execute("COMMIT")
            connection.execute("USE memory")
            connection.execute("DETACH catalog")
    except duckdb.Error as error:
        raise LedgerFailure(f"cannot build the catalogue: {error}") from error
    draft.chmod(0o444)
