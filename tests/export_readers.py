"""Exports read by the tools that people use: a function for each of them and each format.

Every one returns rows as dictionaries, of the parts of a table in their order.
"""

import csv
import json
import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset
from openpyxl.utils.escape import unescape

from tests.exported import Row, paths, tidy
from warehouse.exports.export import Exported

Reader = Callable[[Path, str], list[Row]]


def by_pyarrow(latest: Path, table: str) -> list[Row]:
    rows: list[Row] = pa_dataset.dataset(paths(latest, table)).to_table().to_pylist()
    return rows


def by_pandas(latest: Path, table: str) -> list[Row]:
    frames = [pd.read_parquet(path, dtype_backend="pyarrow") for path in paths(latest, table)]
    return _records(frames)


def by_polars(latest: Path, table: str) -> list[Row]:
    return pl.read_parquet(paths(latest, table)).to_dicts()


def by_duckdb(latest: Path, table: str) -> list[Row]:
    return _ask("FROM read_parquet(?)", latest, table)


def csv_by_pyarrow(latest: Path, table: str) -> list[Row]:
    types = {name: _ARROW[kind] for name, kind in _fields(latest, table)}
    options = pa_csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    read = [
        pa_csv.read_csv(path, parse_options=parse, convert_options=options)
        for path in paths(latest, table)
    ]
    rows: list[Row] = pa.concat_tables(read).to_pylist()
    return rows


def csv_by_pandas(latest: Path, table: str) -> list[Row]:
    kinds = dict(_fields(latest, table))
    times = [name for name, kind in kinds.items() if kind in ("datetime", "date")]
    types = {name: _PANDAS[kind] for name, kind in kinds.items() if name not in times}
    frames = []
    for path in paths(latest, table):
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
        for name in times:
            frame[name] = pd.to_datetime(frame[name], utc=True)
            if kinds[name] == "date":
                frame[name] = frame[name].dt.date
        frames.append(frame)
    return _records(frames)


def csv_by_polars(latest: Path, table: str) -> list[Row]:
    schema = {name: _POLARS[kind] for name, kind in _fields(latest, table)}
    frame = pl.concat(
        pl.read_csv(path, schema=schema, try_parse_dates=True) for path in paths(latest, table)
    )
    return frame.to_dicts()


def csv_by_duckdb(latest: Path, table: str) -> list[Row]:
    types = {name: _DUCKDB[kind] for name, kind in _fields(latest, table)}
    return _ask(f"FROM read_csv(?, header = true, columns = {types})", latest, table)


def csv_by_sqlite(latest: Path, table: str) -> list[Row]:
    """Import a CSV file as people do, into columns with types, and read them back."""
    fields = _fields(latest, table)
    columns = ", ".join(f'"{name}" {_SQLITE[kind]}' for name, kind in fields)
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({columns})")
    for path in paths(latest, table):
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file, strict=True)
        assert header == [name for name, _ in fields]
        marks = ", ".join("?" * len(header))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", lines)
    found = connection.execute("SELECT * FROM t").fetchall()
    connection.close()
    return [
        {name: _from_text(v, kind) for (name, kind), v in zip(fields, row, strict=True)}
        for row in found
    ]


def jsonl_by_json(latest: Path, table: str) -> list[Row]:
    kinds = dict(_fields(latest, table))
    return [
        {name: _from_json(value, kinds[name]) for name, value in json.loads(line).items()}
        for path in paths(latest, table)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def jsonl_by_duckdb(latest: Path, table: str) -> list[Row]:
    types = {name: _DUCKDB[kind] for name, kind in _fields(latest, table)}
    query = f"FROM read_json(?, format = 'newline_delimited', columns = {types})"
    return _ask(query, latest, table)


def jsonl_by_polars(latest: Path, table: str) -> list[Row]:
    fields = _fields(latest, table)
    schema = {name: _POLARS_JSON.get(kind, pl.String) for name, kind in fields}
    frame = pl.concat(pl.read_ndjson(path, schema=schema) for path in paths(latest, table))
    kinds = dict(fields)
    return [{n: _from_json(v, kinds[n]) for n, v in row.items()} for row in frame.to_dicts()]


def jsonl_by_pandas(latest: Path, table: str) -> list[Row]:
    kinds = dict(_fields(latest, table))
    frames = [
        pd.read_json(path, lines=True, dtype=False, encoding="utf-8")
        for path in paths(latest, table)
    ]
    return [
        {name: _from_json(value, kinds[name]) for name, value in row.items()}
        for row in tidy(_records(frames))
    ]


def xlsx_by_openpyxl(latest: Path, table: str) -> list[Row]:
    book = openpyxl.load_workbook(latest / "tallybook.xlsx")
    header, *lines = book[table].iter_rows(values_only=True)
    kinds = dict(_fields(latest, table))
    return [
        {str(n): _from_excel(v, kinds[str(n)]) for n, v in zip(header, line, strict=True)}
        for line in lines
    ]


def xlsx_by_pandas(latest: Path, table: str) -> list[Row]:
    kinds = dict(_fields(latest, table))
    frame = pd.read_excel(
        latest / "tallybook.xlsx",
        sheet_name=table,
        # Unasked it reads the text 4.17 as a number.
        dtype={name: object for name, kind in kinds.items() if kind == "string"},
        keep_default_na=False,
        na_values=[""],
    )
    return [
        {name: _from_excel(value, kinds[name]) for name, value in row.items()}
        for row in tidy(_records([frame]))
    ]


READERS: Final[dict[str, tuple[Reader, ...]]] = {
    "parquet": (by_pyarrow, by_pandas, by_polars, by_duckdb),
    "csv": (csv_by_pyarrow, csv_by_pandas, csv_by_polars, csv_by_duckdb, csv_by_sqlite),
    "jsonl": (jsonl_by_json, jsonl_by_pandas, jsonl_by_polars, jsonl_by_duckdb),
    "xlsx": (xlsx_by_openpyxl, xlsx_by_pandas),
}


def rows_of(made: Exported, table: str = "snapshots") -> list[Row]:
    """Return the rows of a table, as the first tool of its format reads them."""
    return tidy(READERS[made.manifest.format][0](made.latest, table))


def in_order(rows: list[Row]) -> list[Row]:
    """Sort rows by what is in them."""
    return sorted(rows, key=lambda row: str(row.values()))


_ARROW: Final = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms", tz="UTC"),
}
_PANDAS: Final = {"string": "str", "integer": "Int64", "number": "Float64", "boolean": "boolean"}
_POLARS: Final[dict[str, Any]] = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "datetime": pl.Datetime("us", "UTC"),
}
_POLARS_JSON: Final = {k: _POLARS[k] for k in ("string", "integer", "number", "boolean")}
_DUCKDB: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
_SQLITE: Final = {
    "string": "TEXT",
    "integer": "INTEGER",
    "number": "REAL",
    "boolean": "TEXT",
    "date": "TEXT",
    "datetime": "TEXT",
}


def _fields(latest: Path, table: str) -> list[tuple[str, str]]:
    """Return names and types of columns, as the data package has them."""
    package = json.loads((latest / "datapackage.json").read_bytes())
    (found,) = (r for r in package["resources"] if r["name"] == table)
    return [(field["name"], field["type"]) for field in found["schema"]["fields"]]


def _records(frames: list[pd.DataFrame]) -> list[Row]:
    return [row for frame in frames for row in frame.astype(object).to_dict("records")]


def _ask(query: str, latest: Path, table: str) -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(query, [[str(path) for path in paths(latest, table)]])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _from_text(value: Any, kind: str) -> Any:
    if value == "" or value is None:
        return None
    if kind == "boolean":
        return {"true": True, "false": False}[value]
    return _from_json(value, kind)


def _from_json(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "datetime":
        assert value.endswith("Z")
        return datetime.fromisoformat(value).replace(tzinfo=None)
    if kind == "date":
        return date.fromisoformat(value)
    return int(value) if kind == "integer" else value


def _from_excel(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if isinstance(value, datetime):
        if kind == "date":
            return value.date()
        # Excel keeps days as a number: to about a tenth of a millisecond.
        millis = round(value.microsecond / 1000)
        return value.replace(microsecond=millis * 1000)
    if isinstance(value, str):
        # Excel reads _x000D_ as the character that XML cannot keep; these tools leave it be.
        return unescape(value)
    return int(value) if kind == "integer" else value
