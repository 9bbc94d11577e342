"""The sorted shapes of records: a row per snapshot, and a row per snapshot and statistic.

Both follow from the columns beside the payloads, which verification compares with what was
signed. Here is the one place that says how, for who seals and for who verifies.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.sealed.names import BESIDE, FIXED, SNAPSHOT, column_of, folded, statistic_of
from warehouse.sealed.plan import Unfoldable
from warehouse.sealed.schemas import wide_schema

_VERIFY: Final = "Nothing is folded. Find out what is wrong with: tallybook verify"
# Between the names of a snapshot's statistics. A name that has one is no name.
_BETWEEN: Final = "\n"
_ORDER: Final = [(name, "ascending") for name in ("instance", "instance_id", "taken_at", "index")]


def wide_of(records: Iterable[pa.Table]) -> pa.Table:
    """One row per snapshot, a column per statistic in the order of their names, sorted.

    A statistic that a snapshot does not have is null. `records` are in columns of HOT_SCHEMA.
    Raises Unfoldable for statistics whose names no two columns can have.
    """
    tables = [wide for table in records for wide in _wide(table)]
    names = sorted({name for table in tables for name in table.column_names[len(FIXED) :]})
    _require_columns(names)
    schema = wide_schema(names)
    whole = pa.concat_tables([schema.empty_table(), *(_filled(t, schema) for t in tables)])
    order = pc.sort_indices(whole.select([name for name, _ in _ORDER]), _ORDER)
    return whole.take(order).combine_chunks()


def values_of(wide: pa.Table) -> Iterator[pa.Table]:
    """The values of each statistic in its turn, in the order of `wide`; none where it is null."""
    # Names take few bytes as numbers of a dictionary, and are the same for every statistic.
    beside = {name: _compact(wide[name]) for name in BESIDE}
    for column in wide.column_names[len(FIXED) :]:
        values = wide[column]
        statistic = pa.repeat(statistic_of(column), len(values)).dictionary_encode()
        table = pa.table({"statistic": statistic, **beside})
        table = table.append_column("value", values)
        yield table.filter(values.is_valid()) if values.null_count else table


def _require_columns(statistics: list[str]) -> None:
    taken = {name: name for name in FIXED}
    for statistic in statistics:
        before = taken.setdefault(folded(column_of(statistic)), statistic)
        if before != statistic or statistic_of(column_of(statistic)) != statistic:
            raise _unfoldable(statistic, before)


def _unfoldable(statistic: str, before: str) -> Unfoldable:
    return Unfoldable(
        f"the statistic {statistic!r} has a name that no column can have beside {before!r}",
        hint="Its commits stay as they are, and are read as before.",
    )


def _wide(table: pa.Table) -> Iterator[pa.Table]:
    """The snapshots of a table, one table for those that have the same statistics."""
    snapshots = table.filter(pc.equal(table["type"], SNAPSHOT)).combine_chunks()
    if not snapshots.num_rows:
        return
    maps = pa.concat_arrays(snapshots["stats"].chunks)
    if (names := _same_names(maps)) is not None:
        yield _columns(snapshots, names)
        return
    keys = pc.binary_join(pa.ListArray.from_arrays(maps.offsets, maps.keys), _BETWEEN)
    if keys.null_count or maps.null_count:
        raise Unfoldable("a snapshot is there without statistics", hint=_VERIFY)
    kinds = keys.dictionary_encode()
    for number, kind in enumerate(kinds.dictionary.to_pylist()):
        mine = snapshots.filter(pc.equal(kinds.indices, number)).combine_chunks()
        yield _columns(mine, kind.split(_BETWEEN) if kind else [])


def _same_names(maps: pa.MapArray) -> list[str] | None:
    """The names in every map, where all have the same: as those of one instance mostly do."""
    offsets = maps.offsets
    count = offsets[1].as_py() - offsets[0].as_py()
    lengths = pc.subtract(offsets.slice(1), offsets.slice(0, len(maps)))
    keys = maps.keys.slice(offsets[0].as_py(), count * len(maps))
    alike = pc.all(pc.equal(lengths, count)).as_py() and not maps.null_count
    if not alike or not keys.slice(count).equals(keys.slice(0, len(keys) - count)):
        return None
    names: list[str] = keys.slice(0, count).to_pylist()
    return names


def _columns(snapshots: pa.Table, names: list[str]) -> pa.Table:
    """What is beside the statistics, and a column for each of these, which all rows have."""
    entries = pa.concat_arrays(snapshots["stats"].chunks)
    first, last = entries.offsets[0].as_py(), entries.offsets[-1].as_py()
    # Of a slice, Arrow keeps the items of the whole.
    items = entries.items.slice(first, last - first)
    # A name that has what stands between names is none: two lists would look the same.
    odd = None in names or any(_BETWEEN in name for name in names)
    if odd or items.null_count or len(names) * len(entries) != len(items):
        raise Unfoldable("a statistic is there without a name or a value", hint=_VERIFY)
    if beside := next((name for name in FIXED if name in names), None):
        raise _unfoldable(beside, beside)
    rows = pa.FixedSizeListArray.from_arrays(items, max(1, len(names)))
    statistics = {name: pc.list_element(rows, place) for place, name in enumerate(names)}
    return pa.table({name: snapshots[name] for name in FIXED} | statistics)


def _filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    renamed = [*FIXED, *map(column_of, table.column_names[len(FIXED) :])]
    table = table.rename_columns(renamed)
    empty = pa.nulls(table.num_rows, pa.float64())
    has = set(renamed)
    columns = [table[name] if name in has else empty for name in schema.names]
    return pa.table(columns, schema=schema)


def _compact(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.dictionary_encode() if pa.types.is_string(array.type) else array
