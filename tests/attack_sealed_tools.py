"""What an attacker does to sealed files: their rows, their columns, their footers, their names.

He has pyarrow and a hex editor, and knows how sealing writes its files. Our part is that of
the log with 20 records; all is done to it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.attack_world import World
from tests.attacks_on_places import in_the_footer
from tests.builders import ORIGIN, a_reading
from tests.sealed import sealed_now
from warehouse.layout import log_key
from warehouse.sealed.parts import KINDS, Part
from warehouse.sealed.schemas import VALUES_SCHEMA
from warehouse.sealed.shapes import values_of, wide_of
from warehouse.sealed.writing import FORMS

Does = Callable[[World], object]
Change = Callable[[pa.Table], pa.Table]


def part_of_ours(world: World) -> Part:
    (part,) = (p for p in world.layout.standing().parts if p.log_key == log_key(ORIGIN))
    return part


def the_file(kind: str, change: Callable[[Path], object]) -> Does:
    """Do something to a file of our part."""
    return lambda world: change(world.layout.part(part_of_ours(world), kind))


def the_rows(kind: str, change: Change) -> Does:
    """Write a file of our part anew, as sealing writes it, its rows changed."""
    return the_file(kind, lambda path: rewrite(path, kind, change(pq.ParquetFile(path).read())))


def rewrite(path: Path, kind: str, table: pa.Table, **options: Any) -> None:
    written: dict[str, Any] = {
        "compression": "zstd", "write_page_checksum": True, "store_schema": False,
        "write_statistics": [n for n in FORMS[kind].looked_up if n in table.column_names],
        "row_group_size": FORMS[kind].group_rows,
    }  # fmt: skip
    path.unlink()
    pq.write_table(table, path, **{**written, **options})


def put(column: str, row: int, value: object) -> Change:
    """Put another value in a column of one row."""

    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        assert repr(values[row]) != repr(value)
        values[row] = value
        field = table.schema.field(column)
        at = table.schema.get_field_index(column)
        return table.set_column(at, field, pa.array(values, field.type))

    return change


def another(column: str, row: int = 0) -> Change:
    """Put some other value in the place of one: a little more, or another text."""

    def change(table: pa.Table) -> pa.Table:
        found = table[column][row].as_py()
        return put(column, row, _other_than(found, table.schema.field(column).type))(table)

    return change


def _other_than(value: Any, kind: pa.DataType) -> object:
    if pa.types.is_timestamp(kind):
        return 1 if value is None else value.replace(year=value.year - 1)
    if pa.types.is_string(kind):
        return "another" if value != "another" else "one"
    if pa.types.is_map(kind):
        return [("a", 1.0 if pa.types.is_floating(kind.item_type) else "b")]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return 7 if value is None else value + 1
    return bytes(len(value or b""))


def in_order(rows: Callable[[int], Sequence[int]]) -> Change:
    """Take these rows, in this order."""
    return lambda table: table.take(pa.array(rows(table.num_rows), pa.int64()))


def without_a_row(count: int) -> Sequence[int]:
    return [at for at in range(count) if at != 2]


def a_row_twice(count: int) -> Sequence[int]:
    return sorted([*range(count), 2])


def two_rows_swapped(count: int) -> Sequence[int]:
    return [1, 0, *range(2, count)]


def without_the_last(count: int) -> Sequence[int]:
    return range(count - 1)


def nothing(_count: int) -> Sequence[int]:
    return []


def a_row_that_nobody_signed(table: pa.Table) -> pa.Table:
    """One more snapshot, or value, behind the last."""
    last = table.slice(table.num_rows - 1)
    return pa.concat_tables([table, another("recorded_at")(last)])


def two_statistics_swapped(table: pa.Table) -> pa.Table:
    one, other = "users", "featureToggles"
    names = [{one: other, other: one}.get(name, name) for name in table.column_names]
    return table.rename_columns(names).select(table.column_names)


def two_names_swapped(table: pa.Table) -> pa.Table:
    taken = {"roles": "groups", "groups": "roles"}
    names = [taken.get(name, name) for name in table["statistic"].to_pylist()]
    at = table.schema.get_field_index("statistic")
    return table.set_column(at, table.schema.field("statistic"), pa.array(names))


def as_type(column: str, kind: pa.DataType) -> Change:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        return table.set_column(at, pa.field(column, kind), table[column].cast(kind, safe=False))

    return change


def a_column_more(table: pa.Table) -> pa.Table:
    return table.append_column("apiTokens.root", pa.array([1.0] * table.num_rows))


def a_column_more_in_its_place(table: pa.Table) -> pa.Table:
    return table.append_column("visitors", pa.array([1.0] * table.num_rows))


def a_column_of_another_name(old: str, new: str) -> Change:
    return lambda table: table.rename_columns([new if n == old else n for n in table.column_names])


def without_a_column(name: str) -> Change:
    return lambda table: table.drop_columns([name])


def columns_in_another_order(table: pa.Table) -> pa.Table:
    return table.select([*table.column_names[1:], table.column_names[0]])


def a_column_twice(table: pa.Table) -> pa.Table:
    return table.append_column(table.column_names[-1], table[table.column_names[-1]])


def limits_of_other_rows(kind: str, column: str) -> Does:
    """Write the least and the greatest of other rows where those of these rows belong."""

    def attack(path: Path) -> None:
        true = pq.ParquetFile(path).read()
        lying = the_others(true, column)
        rewrite(path, kind, true, row_group_size=true.num_rows, use_dictionary=False)
        other = path.with_name("lying")
        other.touch()
        rewrite(other, kind, lying, row_group_size=true.num_rows, use_dictionary=False)
        graft_limits(path, other, column)
        other.unlink()
        assert pq.ParquetFile(path).read().equals(true)
        limits = pq.read_metadata(path).row_group(0)
        at = true.schema.get_field_index(column)
        assert limits.column(at).statistics.max != pc.max(true[column]).as_py()

    return the_file(kind, attack)


def the_others(true: pa.Table, column: str) -> pa.Table:
    """The same rows with a column whose every value is the least there is, as long as before."""
    least = pc.min(true[column]).as_py()
    greatest = pc.max(true[column]).as_py()
    assert least != greatest
    field = true.schema.field(column)
    same = pa.array([least] * true.num_rows, field.type)
    return true.set_column(true.schema.get_field_index(column), field, same)


def graft_limits(path: Path, other: Path, column: str) -> None:
    """Let a file say of a column's greatest value what is true in another file."""
    metadata = [pq.read_metadata(file).row_group(0) for file in (path, other)]
    at = pq.read_schema(path).get_field_index(column)
    true, lie = (m.column(at).statistics for m in metadata)
    encoded = [_as_stored(s) for s in (true, lie)]
    in_the_footer(path, encoded[0], encoded[1].ljust(len(encoded[0]), b"\x00")[: len(encoded[0])])


def _as_stored(statistics: Any) -> bytes:
    raw = statistics.max_raw
    if isinstance(raw, bytes):
        return bytes(raw)
    if isinstance(raw, str):
        return raw.encode()
    return int(raw).to_bytes(8, "little", signed=True)


def a_limit_in_no_calendar(path: Path) -> None:
    """Let the greatest time be of a year that has five digits."""
    table = pq.ParquetFile(path).read()
    rewrite(path, "wide", table, row_group_size=table.num_rows, use_dictionary=False)
    at = table.schema.get_field_index("taken_at")
    true = pq.read_metadata(path).row_group(0).column(at).statistics
    never = (300 * 10**12).to_bytes(8, "little")
    in_the_footer(path, _as_stored(true), never)


def more_rows_than_there_are(path: Path) -> None:
    """Let the footer say that there is a row more: some readers count by that alone."""
    rows = pq.read_metadata(path).num_rows
    old, new = (b"\x16" + _varint(2 * count) + b"\x19" for count in (rows, rows + 1))
    in_the_footer(path, old, new)
    assert pq.read_metadata(path).num_rows == rows + 1


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


def statistics_of_any_column(kind: str) -> Does:
    return the_file(
        kind, lambda path: rewrite(path, kind, pq.ParquetFile(path).read(), write_statistics=True)
    )


def a_bloom_filter(kind: str, column: str) -> Does:
    def attack(path: Path) -> None:
        table = pq.ParquetFile(path).read()
        rewrite(path, kind, table, bloom_filter_options={column: {"ndv": 100, "fpp": 0.01}})

    return the_file(kind, attack)


def none_is_less_than_none(world: World) -> None:
    """Write -0 for 0: they are equal, and not the same answer."""
    world.log().append([a_reading({"users": 0}, taken_at=world.clock.now)])
    sealed_now(world.root)
    the_rows("wide", put("users", 7, -0.0))(world)


def in_all_files(world: World) -> None:
    """Change a number everywhere, so that the files agree with each other."""
    part = part_of_ours(world)
    ledger, wide, values = (world.layout.part(part, kind) for kind in KINDS)

    def in_the_record(table: pa.Table) -> pa.Table:
        stats = table["stats"][1].as_py()
        return put("stats", 1, [(n, 1.0 if n == "users" else v) for n, v in stats])(table)

    rewrite(ledger, "ledger", in_the_record(pq.ParquetFile(ledger).read()))
    rows = wide_of([pq.ParquetFile(ledger).read()])
    rewrite(wide, "wide", rows)
    rewrite(values, "values", pa.concat_tables(decoded(t) for t in values_of(rows)))


def decoded(table: pa.Table) -> pa.Table:
    return table.select(VALUES_SCHEMA.names).cast(VALUES_SCHEMA)
