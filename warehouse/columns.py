"""Many records as columns: what `rows` says row by row, built as whole Arrow arrays.

For the writer, and for the verifier who compares; `row_of` says the same of one record, and is
what both fall back upon where something is odd.
"""

from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.payload import AnyPayload, Chained, Missed, Snapshot
from warehouse.record import Record
from warehouse.rows import HOT_SCHEMA, row_of, type_name

_TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
# So few records are made into columns quicker row by row, in one go.
_FEW: Final = 8
_ROW: Final = pa.struct(list(HOT_SCHEMA))


def table_of(
    records: Sequence[Record], contents: Sequence[AnyPayload], checkpoint: str
) -> pa.Table:
    """The rows of a commit: records with what they say, the checkpoint beside the last of them.

    Raises NotCanonical for a payload that says what no column can hold.
    """
    if len(records) > _FEW:
        with suppress(pa.ArrowException, ValueError, OverflowError):
            columns = columns_of(contents) | _signed(records, checkpoint)
            return pa.Table.from_arrays([columns[n] for n in HOT_SCHEMA.names], schema=HOT_SCHEMA)
    rows = [row_of(*pair) for pair in zip(records, contents, strict=True)]
    rows[-1]["checkpoint"] = checkpoint
    return pa.Table.from_struct_array(pa.array(rows, _ROW))


def columns_of(payloads: Sequence[AnyPayload]) -> dict[str, pa.Array]:
    """The columns that follow from payloads as `decode` or `parse` give them, by name.

    All of HOT_SCHEMA but the signed bytes themselves and the checkpoint. Raises ArrowException,
    ValueError or OverflowError for what no column can hold: `row_of` says it by name.
    """
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


def _signed(records: Sequence[Record], checkpoint: str) -> dict[str, pa.Array]:
    keys = {key_id: bytes.fromhex(key_id) for key_id in {record.key_id for record in records}}
    return {
        "payload": pa.array([record.payload for record in records], pa.binary()),
        "signature": pa.array([record.signature for record in records], pa.binary()),
        "key_id": pa.array([keys[record.key_id] for record in records], pa.binary(32)),
        "checkpoint": _text([*[None] * (len(records) - 1), checkpoint]),
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
    # Nearly all are whole numbers and switches, which an array takes as they are.
    values = chain.from_iterable(m.values() for m in maps if m)
    numeric = [float(value) if type(value) is str else value for value in values]
    items = array("d", cast("list[float]", numeric))
    numbers = pa.Array.from_buffers(pa.float64(), len(items), [None, pa.py_buffer(items)])
    return _map(maps, numbers, HOT_SCHEMA.field("stats").type)


def _texts(maps: Sequence[dict[str, str] | None]) -> pa.Array:
    items = list(chain.from_iterable(m.values() for m in maps if m))
    return _map(maps, _text(items), HOT_SCHEMA.field("remarks").type)


def _keys(maps: Sequence[Mapping[str, object] | None]) -> pa.Array:
    # Thousands of records have the same statistics: their names are made into an array once.
    known: dict[tuple[str, ...], pa.Array] = {}
    arrays = []
    for names in map(tuple, filter(None, maps)):
        if names not in known:
            known[names] = _text(names)
        arrays.append(known[names])
    return pa.concat_arrays(arrays) if arrays else _text([])


def _map(
    maps: Sequence[Mapping[str, object] | None], items: pa.Array, kind: pa.DataType
) -> pa.Array:
    keys = _keys(maps)
    ends = accumulate(len(m) if m else 0 for m in maps)
    starts = [None if m is None else end - len(m) for m, end in zip(maps, ends, strict=True)]
    offsets = pa.array([*starts, len(keys)], pa.int32())
    return pa.MapArray.from_arrays(offsets, keys, items, type=kind)
