"""What lies beside the data: `datapackage.json` (Frictionless) and `columns.csv`."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from warehouse.exports.manifest import ExportedFile, Manifest
from warehouse.exports.shapes import SHAPES
from warehouse.exports.tables import Column, Table

DATA_PACKAGE: Final = "datapackage.json"
COLUMNS: Final = "columns.csv"
_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
_MEDIA_TYPES: Final = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def data_package_json(manifest: Manifest, tables: Sequence[Table]) -> bytes:
    """Describe an export as a data package of the standard's version 2."""
    described = {
        "$schema": _PROFILE,
        "name": "tallybook-export",
        "title": "Usage statistics of Unleash, exported by Tallybook",
        "created": manifest.made_at,
        "version": manifest.version,
        "resources": [_resource(manifest, table) for table in tables],
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"


def columns_csv(tables: Sequence[Table]) -> bytes:
    """List every column with its type and meaning."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("table", "column", "type", "description"))
    writer.writerows((t.name, c.name, c.type.sql, c.about) for t in tables for c in t.columns)
    return out.getvalue().encode()


def _resource(manifest: Manifest, table: Table) -> dict[str, Any]:
    parts = manifest.parts(table.name)
    return {
        "name": table.name,
        "type": "table",
        "description": table.about,
        **_place(parts),
        "format": manifest.format,
        "mediatype": _MEDIA_TYPES[manifest.format],
        **_dialect(manifest.format, table),
        "schema": _schema(table, manifest.shape),
    }


def _place(parts: Sequence[ExportedFile]) -> dict[str, Any]:
    if len(parts) > 1:
        return {"path": [part.path for part in parts], "bytes": sum(part.bytes for part in parts)}
    (part,) = parts
    return {"path": part.path, "bytes": part.bytes, "hash": f"sha256:{part.sha256}"}


def _dialect(form: str, table: Table) -> dict[str, Any]:
    if form == "csv":
        # Every part has the header.
        said = {"delimiter": ",", "lineTerminator": "\r\n", "doubleQuote": True, "header": True}
        return {"encoding": "utf-8", "dialect": said}
    if form == "xlsx":
        return {"dialect": {"sheetName": table.name, "header": True}}
    return {"encoding": "utf-8"} if form == "jsonl" else {}


def _schema(table: Table, shape: str) -> dict[str, Any]:
    keys = {other.name: other.key[0] for other in SHAPES[shape]}
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in table.columns],
        "primaryKey": list(table.shape.key),
    }
    if table.shape.references:
        schema["foreignKeys"] = [
            {
                "fields": [reference.column],
                "reference": {"resource": reference.table, "fields": [keys[reference.table]]},
            }
            for reference in table.shape.references
        ]
    return schema


def _field(column: Column) -> dict[str, str]:
    return {"name": column.name, "type": column.type.package, "description": column.about}
