"""Whether the columns that queries read are what the payloads beside them say.

Compared as whole Arrow columns, a batch at a time: row by row it would take longer than
checking the signatures. Only where a column differs is it looked at row by row.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Final, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.payload import AnyPayload, Chained, Missed, Snapshot
from warehouse.record import NotCanonical, Record
from warehouse.rows import HOT_SCHEMA, row_of, type_name

_TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


class Mismatch(NamedTuple):
    """A column of a record that is not what was signed."""

    column: str
    expected: str
    found: str


def mismatches(
    table: pa.Table, payloads: Sequence[AnyPayload | None], records: Callable[[int], Record]
) -> Iterator[tuple[int, Mismatch]]:
    """Every column that differs, with the offset of its row.

    A row whose payload could not be decoded is None, and left out. `records` gives the
    record of a row.
    """
    if _all_equal(table, payloads):
        return
    for offset, (row, payload) in enumerate(zip(table.to_pylist(), payloads, strict=True)):
        if payload is None:
            continue
        try:
            signed = row_of(records(offset), payload)
        except NotCanonical as error:
            yield offset, Mismatch("payload", "what a column can hold", str(error))
            continue
        for column, expected in signed.items():
            # Written down, because 0 and -0 are equal, and not the same answer.
            if column != "checkpoint" and repr(row[column]) != repr(expected):
                shown, found = _told_apart(expected, row[column])
                yield offset, Mismatch(column, _short(shown), _short(found))


def _all_equal(table: pa.Table, payloads: Sequence[AnyPayload | None]) -> bool:
    present = [payload for payload in payloads if payload is not None]
    if len(present) < len(payloads):
        return False
    try:
        expected = _columns(present)
    except (pa.ArrowException, ValueError, OverflowError):
        return False
    found = {name: table.column(name).combine_chunks() for name in expected}
    return all(found[name].equals(expected[name]) for name in expected) and (
        _bits(found["stats"]).equals(_bits(expected["stats"]))
    )


def _bits(maps: pa.MapArray) -> pa.Array:
    first, last = maps.offsets[0].as_py(), maps.offsets[-1].as_py()
    return maps.items.slice(first, last - first).view(pa.int64())


def _columns(payloads: Sequence[AnyPayload]) -> dict[str, pa.Array]:
    chained = [p if isinstance(p, Chained) else None for p in payloads]
    snapshots = [p if isinstance(p, Snapshot) else None for p in payloads]
    due = [p.due_at if isinstance(p, Snapshot | Missed) else None for p in payloads]
    return {
        "log": pa.array([p.log for p in payloads]),
        "index": pa.array([p.index for p in payloads], pa.int64()),
        "type": pa.array([type_name(p) for p in payloads]),
        "recorded_at": _moments([p.recorded_at for p in payloads]),
        "instance_id": _text([p.instance.id if p else None for p in chained]),
        "instance": _text([p.instance.name if p else None for p in chained]),
        "seq": pa.array([p.seq if p else None for p in chained], pa.int64()),
        "due_at": _moments(due),
        "taken_at": _moments([p.taken_at if p else None for p in snapshots]),
        "db_time": _moments([p.db_time if p else None for p in snapshots]),
        "provenance": _text(["observed" if p else None for p in snapshots]),
        "version_oss": _text([p.unleash.oss if p else None for p in snapshots]),
        "version_enterprise": _text([p.unleash.enterprise if p else None for p in snapshots]),
        "schema": _text([p.source.schema.newest if p else None for p in snapshots]),
        "definitions": _text([p.definitions if p else None for p in snapshots]),
        "stats": _numbers([p.stats if p else None for p in snapshots]),
        "unavailable": _texts([p.unavailable if p else None for p in snapshots]),
        "remarks": _texts([p.remarks if p else None for p in snapshots]),
    }


def _text(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _moments(values: Sequence[str | None]) -> pa.Array:
    written = _text(values)
    if not pc.all(pc.match_substring_regex(written, _TIME), min_count=0).as_py():
        raise ValueError("a time is not written as records write it")
    return written.cast(pa.timestamp("ms", "UTC")).cast(HOT_SCHEMA.field("taken_at").type)


# A canonical payload has its keys in order, as the columns have them.
def _numbers(maps: Sequence[dict[str, int | bool | str] | None]) -> pa.Array:
    values = list(chain.from_iterable(m.values() for m in maps if m))
    try:
        # Whole numbers and switches, as nearly always; much faster than one by one.
        items = array("d", cast("list[float]", values))
    except TypeError:
        items = array("d", map(float, values))
    numbers = pa.Array.from_buffers(pa.float64(), len(items), [None, pa.py_buffer(items)])
    return _map(maps, numbers, HOT_SCHEMA.field("stats").type)


def _texts(maps: Sequence[dict[str, str] | None]) -> pa.Array:
    items = list(chain.from_iterable(m.values() for m in maps if m))
    return _map(maps, _text(items), HOT_SCHEMA.field("remarks").type)


def _map(
    maps: Sequence[Mapping[str, object] | None], items: pa.Array, kind: pa.DataType
) -> pa.Array:
    keys = _text(list(chain.from_iterable(filter(None, maps))))
    ends = accumulate(len(m) if m else 0 for m in maps)
    starts = [None if m is None else end - len(m) for m, end in zip(maps, ends, strict=True)]
    offsets = pa.array([*starts, len(keys)], pa.int32())
    return pa.MapArray.from_arrays(offsets, keys, items, type=kind)


def _told_apart(expected: object, found: object) -> tuple[object, object]:
    """Of two maps only the entries in which they differ, where there are any."""
    if not (isinstance(expected, list) and isinstance(found, list)):
        return expected, found
    lacking = [entry for entry in expected if entry not in found]
    strange = [entry for entry in found if entry not in expected]
    return (lacking, strange) if lacking or strange else (expected, found)


def _short(value: object) -> str:
    found = repr(value)
    return found if len(found) <= 200 else f"{found[:197]}..."
