"""Tables as files: Parquet, CSV and JSON lines, a batch at a time.

Times are UTC: without a zone in Parquet, which has a type for that, and with a Z behind them
in text, where nobody could know otherwise.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from warehouse.exports.flat import DAY, MOMENT, TEXT
from warehouse.exports.tables import Table
from warehouse.files import storing

# A cell that begins so is a formula to a spreadsheet, whoever wrote it.
_FORMULA: Final = r"^[=+\-@\t\r]"
_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"

Batches = Iterable[pa.RecordBatch]


def write_parquet(path: Path, table: Table, batches: Batches) -> int:
    """Write a Parquet file, a row group per batch; return the number of rows.

    What the columns mean is in it twice: with each column for readers of Arrow, and as JSON
    in the file's metadata for all others.
    """
    rows = 0
    about = {column.name: column.about for column in table.columns}
    with (
        storing(path),
        pq.ParquetWriter(
            path,
            table.schema,
            compression="zstd",
            write_page_checksum=True,
            # Hardly a time comes twice.
            use_dictionary=[c.name for c in table.columns if c.type is not MOMENT],
        ) as file,
    ):
        for batch in batches:
            file.write_batch(batch, row_group_size=max(1, batch.num_rows))
            rows += batch.num_rows
        file.add_key_value_metadata({"columns": msgspec.json.encode(about).decode()})
    return rows


def write_csv(path: Path, table: Table, batches: Batches) -> int:
    """Write a CSV file as RFC 4180 has it, in UTF-8; return the number of rows.

    Nothing is an empty cell, an empty text is `""`. A text that a spreadsheet would run as a
    formula gets an apostrophe in front.
    """
    rows = 0
    schema = pa.schema([pa.field(f.name, _text_type(f.type)) for f in table.schema])
    options = pa_csv.WriteOptions(eol="\r\n")
    with (
        storing(path),
        # Ours to close: its own would stay open where the disk is full.
        path.open("wb") as sink,
        pa_csv.CSVWriter(sink, schema, write_options=options) as file,
    ):
        for batch in batches:
            columns = [_harmless(column) for column in _as_text(batch)]
            file.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            rows += batch.num_rows
    return rows


def write_jsonl(path: Path, table: Table, batches: Batches) -> int:
    """Write one JSON object per line, with every column in it; return the number of rows."""
    rows = 0
    names = table.schema.names
    encoder = msgspec.json.Encoder()
    with storing(path), path.open("wb") as file:
        for batch in batches:
            plain = pa.RecordBatch.from_arrays(_as_text(batch), names=names)
            file.write(encoder.encode_lines(plain.to_pylist()))
            rows += batch.num_rows
    return rows


WRITERS: Final[Mapping[str, Callable[[Path, Table, Batches], int]]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
}


def _text_type(kind: pa.DataType) -> pa.DataType:
    return TEXT.arrow if kind in (MOMENT.arrow, DAY.arrow) else kind


def _as_text(batch: pa.RecordBatch) -> list[pa.Array]:
    return [_iso(column) for column in batch.columns]


def _iso(column: pa.Array) -> pa.Array:
    if column.type == MOMENT.arrow:
        # To the millisecond, as records have it.
        moments = pc.cast(column, pa.timestamp("ms"), safe=False)
        return pc.strftime(moments, format=_ISO)
    if column.type == DAY.arrow:
        return pc.cast(column, TEXT.arrow)
    return column


def _harmless(column: pa.Array) -> pa.Array:
    if column.type != TEXT.arrow:
        return column
    guarded = pc.binary_join_element_wise("'", column, "")
    return pc.if_else(pc.match_substring_regex(column, _FORMULA), guarded, column)
