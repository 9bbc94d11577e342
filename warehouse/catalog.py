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
from typing import TYPE_CHECKING

import duckdb
import msgspec

from warehouse.contract import ViewInputs, fingerprint, statements, text
from warehouse.definitions import read_definitions
from warehouse.errors import CannotStore, LedgerFailure
from warehouse.files import adopt, replace, storing
from warehouse.layout import EPOCH_GLOB, Layout, as_glob

if TYPE_CHECKING:
    from warehouse.mount import Mount


class Stamp(msgspec.Struct, frozen=True):
    """What a catalogue was built for. When any of it changes, so must the catalogue."""

    root: str
    contract: str
    definitions: list[str]
    statistics: list[str]


def refresh(root: Path, *, new_statistics: Iterable[str] = ()) -> bool:
    """Build the catalogue anew if it is missing or stale; say whether it was.

    `new_statistics` are names just written: one that has no column yet makes
    the catalogue stale.
    """
    layout = Layout(root)
    layout.require()
    stamp = _read_stamp(layout)
    if stamp and _is_current(stamp, layout) and set(new_statistics) <= set(stamp.statistics):
        return False
    build(root)
    return True


def ensure(root: Path) -> None:
    """Like `refresh` for a reader: where it cannot write, it leaves a readable catalogue be."""
    try:
        refresh(root)
    except CannotStore:
        stamp = _read_stamp(Layout(root))
        if stamp is None or stamp.root != str(root.resolve()):
            raise


def build(root: Path, *, mount: "Mount | None" = None, to: Path | None = None) -> Path:
    """Build the catalogue of the warehouse in `root` and return where it is.

    `mount` says where its readers will find the warehouse, `to` names another file to
    write it to; both for warehouses that are read elsewhere.
    """
    layout = Layout(root)
    layout.require()
    stamp = _stamp_now(layout)
    inputs = _inputs(layout, stamp, mount)
    target = to or layout.catalog
    draft = (to.parent if to else layout.drafts) / f".{target.name}.{os.getpid()}"
    if not to:
        layout.make_drafts()
    try:
        _write(draft, inputs, mount)
        adopt(target, draft)
    finally:
        with suppress(OSError):
            draft.unlink()
    if target == layout.catalog:
        stamp_draft = layout.drafts / f"catalog.json.{os.getpid()}"
        replace(layout.catalog_stamp, stamp_draft, msgspec.json.encode(stamp))
    return target


def is_meant_for(layout: Layout) -> bool:
    """Whether the catalogue says that it was made for this folder, by this release."""
    stamp = _read_stamp(layout)
    return stamp is not None and _is_current(stamp, layout)


def known_statistics(layout: Layout) -> frozenset[str]:
    """The statistics that the catalogue says it was made for."""
    stamp = _read_stamp(layout)
    return frozenset(stamp.statistics if stamp else ())


def contents(catalog: Path) -> dict[str, str]:
    """Everything that a catalogue defines, by name. Raises LedgerFailure where it is damaged."""
    try:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {text(str(catalog))} AS catalog (READ_ONLY)")
            return _defined(connection)
    except duckdb.Error as error:
        raise LedgerFailure(f"cannot open {str(catalog)!r}: {error}") from error


def expected_contents(root: Path, statistics: list[str]) -> dict[str, str]:
    """What the catalogue of the warehouse in `root` has to define, with these statistics.

    Made and read back: DuckDB writes what it has stored a little differently.
    """
    layout = Layout(root)
    stamp = Stamp(str(root.resolve()), fingerprint(), _definition_names(layout), statistics)
    with TemporaryDirectory(prefix="tallybook-") as folder:
        draft = Path(folder, "catalog.duckdb")
        _write(draft, _inputs(layout, stamp, None), None)
        return contents(draft)


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
        records=_records(stamp, mount),
        statistics=tuple(stamp.statistics),
        definitions=read_definitions(layout.definitions),
    )


def _records(stamp: Stamp, mount: "Mount | None") -> str:
    root = mount.there if mount else Path(stamp.root)
    # All epochs: a folder that somebody adds must not hide the rows of the others.
    folder = f"{as_glob(Layout(root).hot)}/{EPOCH_GLOB}"
    scheme = "file://" if mount else ""
    return f"read_parquet({text(f'{scheme}{folder}/*.parquet')}, hive_partitioning = false)"


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


def _read_stamp(layout: Layout) -> Stamp | None:
    try:
        if not layout.catalog.is_file():
            return None
        return msgspec.json.decode(layout.catalog_stamp.read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def _is_current(stamp: Stamp, layout: Layout) -> bool:
    return (
        stamp.root == str(layout.root.resolve())
        and stamp.contract == fingerprint()
        and stamp.definitions == _definition_names(layout)
    )


def _definition_names(layout: Layout) -> list[str]:
    return sorted(path.stem for path in layout.definitions.glob("*.json"))


def _stamp_now(layout: Layout) -> Stamp:
    return Stamp(
        root=str(layout.root.resolve()),
        contract=fingerprint(),
        definitions=_definition_names(layout),
        statistics=_statistics_in(layout),
    )


def _statistics_in(layout: Layout) -> list[str]:
    files = [str(file.path) for file in layout.hot_files()]
    if not files:
        return []
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                "SELECT DISTINCT unnest(map_keys(stats)) FROM read_parquet(?) ORDER BY 1", [files]
            ).fetchall()
    except duckdb.Error as error:
        raise LedgerFailure(
            f"cannot read the history: {error}",
            hint="Find out what is damaged with: tallybook verify",
        ) from error
    return [name for (name,) in rows]
