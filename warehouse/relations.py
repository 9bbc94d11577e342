"""Where the views' rows come from: commits one by one, and the parts that are sealed. Pure.

Three relations in SQL, each the union of both: the records, the snapshots with a column per
statistic, the values. A name means the same in either, so that the views need not know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warehouse.sealed.names import BESIDE, FIXED, SNAPSHOT, column_of


@dataclass(frozen=True)
class Files:
    """The files of a warehouse, as DuckDB is to find them.

    `commits` are patterns; `statistics` are those that any of the `wide` has a column of.
    """

    commits: tuple[str, ...] = ()
    ledger: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    statistics: frozenset[str] = frozenset()


def record_rows(files: Files) -> str:
    """Every record, in columns of HOT_SCHEMA."""
    return _union([f"FROM {_scan([*files.commits, *files.ledger])}"])


def snapshot_rows(files: Files, columns: Sequence[tuple[str, str]]) -> str:
    """Every snapshot: what is beside its statistics, and these (statistic, column) as DOUBLE."""

    def selected(value_of: Callable[[str], str]) -> str:
        values = [f"{value_of(statistic)} AS {quoted(name)}" for statistic, name in columns]
        return f"SELECT {', '.join([*FIXED, *values])}"

    def in_map(statistic: str) -> str:
        return f"stats[{text(statistic)}]"

    def in_column(statistic: str) -> str:
        # Not every history ever had what is defined today.
        return quoted(column_of(statistic)) if statistic in files.statistics else "NULL::DOUBLE"

    hot = f"{selected(in_map)} FROM {_scan(files.commits)} WHERE type = {text(SNAPSHOT)}"
    wide = f"{selected(in_column)} FROM {_scan(files.wide, union_by_name=True)}"
    return _union([hot] * bool(files.commits) + [wide] * bool(files.wide))


def value_rows(files: Files) -> str:
    """Every value of every snapshot: what is beside it, `statistic` and `value`."""
    beside = ", ".join(BESIDE)
    hot = (
        f"SELECT {beside}, entry.key AS statistic, entry.value AS value FROM (SELECT {beside}, "
        f"unnest(map_entries(stats)) AS entry FROM {_scan(files.commits)} "
        f"WHERE type = {text(SNAPSHOT)})"
    )
    values = f"SELECT {beside}, statistic, value FROM {_scan(files.values)}"
    return _union([hot] * bool(files.commits) + [values] * bool(files.values))


def text(value: str) -> str:
    """Write a text literal."""
    return "'" + value.replace("'", "''") + "'"


def quoted(identifier: str) -> str:
    """Write an identifier so that SQL takes it as it is."""
    return '"' + identifier.replace('"', '""') + '"'


def _union(branches: Sequence[str]) -> str:
    return f"({' UNION ALL '.join(branches)})"


def _scan(paths: Sequence[str], *, union_by_name: bool = False) -> str:
    listed = ", ".join(map(text, paths))
    by_name = ", union_by_name = true" if union_by_name else ""
    return f"read_parquet([{listed}], hive_partitioning = false{by_name})"
