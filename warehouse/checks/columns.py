"""Whether the columns that queries read are what the payloads beside them say.

Compared as whole Arrow columns, a batch at a time: row by row it would take longer than
checking the signatures. Only where a column differs is it looked at row by row.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from warehouse.columns import columns_of
from warehouse.payload import AnyPayload
from warehouse.record import NotCanonical, Record
from warehouse.rows import row_of


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
        expected = columns_of(present)
    except (pa.ArrowException, ValueError, OverflowError):
        return False
    found = {name: table.column(name).combine_chunks() for name in expected}
    return all(found[name].equals(expected[name]) for name in expected) and (
        _bits(found["stats"]).equals(_bits(expected["stats"]))
    )


def _bits(maps: pa.MapArray) -> pa.Array:
    first, last = maps.offsets[0].as_py(), maps.offsets[-1].as_py()
    return maps.items.slice(first, last - first).view(pa.int64())


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
