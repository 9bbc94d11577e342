"""A record as a row: the columns beside the payload, every one derived from it.

Queries read columns; signatures cover payloads. `row_of` is the one place that
says how the first follow from the second, for the writer and for the verifier.
"""

from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from warehouse.payload import AnyPayload, Chained, Missed, Snapshot, Value
from warehouse.record import NotCanonical, Record, moment

_MOMENT: Final = pa.timestamp("ms")
_TEXT: Final = pa.string()

# One schema for every hot file, whatever was recorded: a reader may then take
# them all with one glob, and no file decides for the others.
HOT_SCHEMA: Final = pa.schema(
    [
        pa.field("log", _TEXT, nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("type", _TEXT, nullable=False),
        pa.field("recorded_at", _MOMENT, nullable=False),
        pa.field("instance_id", _TEXT),
        pa.field("instance", _TEXT),
        pa.field("seq", pa.int64()),
        pa.field("due_at", _MOMENT),
        pa.field("taken_at", _MOMENT),
        pa.field("db_time", _MOMENT),
        pa.field("provenance", _TEXT),
        pa.field("version_oss", _TEXT),
        pa.field("version_enterprise", _TEXT),
        pa.field("schema", _TEXT),
        pa.field("definitions", _TEXT),
        pa.field("stats", pa.map_(_TEXT, pa.float64())),
        pa.field("unavailable", pa.map_(_TEXT, _TEXT)),
        pa.field("remarks", pa.map_(_TEXT, _TEXT)),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("signature", pa.binary(), nullable=False),
        pa.field("key_id", pa.binary(32), nullable=False),
        # The newest record of a commit carries the signed head of its log.
        pa.field("checkpoint", _TEXT),
    ]
)

Row = dict[str, Any]


def row_of(record: Record, payload: AnyPayload) -> Row:
    """Return the row of a record that was decoded to `payload`, a checkpoint left out.

    Raises NotCanonical for a payload that says what no column can hold.
    """
    try:
        return _row_of(record, payload)
    except (ValueError, OverflowError) as error:
        raise NotCanonical(f"payload says what cannot be: {error}") from None


def _row_of(record: Record, payload: AnyPayload) -> Row:
    row: Row = dict.fromkeys(HOT_SCHEMA.names)
    row |= {
        "log": payload.log,
        "index": payload.index,
        "type": type_name(payload),
        "recorded_at": naive_utc(payload.recorded_at),
        "payload": record.payload,
        "signature": record.signature,
        "key_id": bytes.fromhex(record.key_id),
    }
    if isinstance(payload, Chained):
        row |= _chain_columns(payload)
    if isinstance(payload, Snapshot):
        row |= _snapshot_columns(payload)
    return row


def type_name(payload: AnyPayload) -> str:
    """The `type` a payload carries, such as `tallybook/snapshot/v1`."""
    return str(payload.__struct_config__.tag)


def naive_utc(text: str) -> datetime:
    """A record's timestamp as the warehouse keeps it: UTC, without a zone."""
    return moment(text).astimezone(UTC).replace(tzinfo=None)


def number(value: Value) -> float:
    """A statistic's value as a number: booleans as 0 and 1, decimals out of their text."""
    return float(value)


def _chain_columns(payload: Chained) -> Row:
    due_at = payload.due_at if isinstance(payload, Snapshot | Missed) else None
    return {
        "instance_id": payload.instance.id,
        "instance": payload.instance.name,
        "seq": payload.seq,
        "due_at": naive_utc(due_at) if due_at else None,
    }


def _snapshot_columns(payload: Snapshot) -> Row:
    return {
        "taken_at": naive_utc(payload.taken_at),
        "db_time": naive_utc(payload.db_time),
        "provenance": "observed",
        "version_oss": payload.unleash.oss,
        "version_enterprise": payload.unleash.enterprise,
        "schema": payload.source.schema.newest,
        "definitions": payload.definitions,
        "stats": [(name, number(value)) for name, value in sorted(payload.stats.items())],
        "unavailable": sorted(payload.unavailable.items()),
        "remarks": sorted(payload.remarks.items()),
    }
