"""Every format and shape, read back by other tools, has exactly the rows of the views."""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import SOME_DEFINITIONS, History, a_definition, a_history, a_reading
from tests.export_readers import READERS
from tests.exported import (
    Row,
    a_motley_history,
    flaws,
    guarded,
    paths,
    tidy,
    viewed,
)
from warehouse.exports.asked import FORMATS, Asked
from warehouse.exports.export import export
from warehouse.exports.flat import NUMBER, TEXT, WHOLE
from warehouse.exports.shapes import SHAPES, SNAPSHOTS
from warehouse.exports.tables import Column, Statistics, Table
from warehouse.exports.writers import write_csv

pytestmark = pytest.mark.slow

KEYS = {
    "snapshots": ("log", "index"),
    "statistic_values": ("log", "index", "statistic"),
    "instances": ("instance_key",),
    "statistics": ("statistic",),
    "definitions": ("definition",),
}
ALL = [(form, shape, reader) for form in FORMATS for shape in SHAPES for reader in READERS[form]]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return a_motley_history(tmp_path_factory.mktemp("motley"))


@pytest.fixture(scope="module")
def exports(history: History) -> dict[tuple[str, str], Path]:
    """One export of every format and shape."""
    return {
        (form, shape): export(
            history.root, history.root.parent / f"{form}-{shape}", Asked(form, shape)
        ).latest
        for form in FORMATS
        for shape in SHAPES
    }


def ordered(rows: list[Row], table: str, form: str) -> list[Row]:
    found = tidy(rows, empty_is_nothing=form in ("csv", "xlsx"))
    return sorted(found, key=lambda row: [row[name] for name in KEYS[table]])


def expected(history: History, table: str, form: str, shape: str) -> list[Row]:
    rows = viewed(
        history.root, "facts" if (shape, table) == ("star", "statistic_values") else table
    )
    return ordered(guarded(rows) if form == "csv" else rows, table, form)


@pytest.mark.parametrize(
    ("form", "shape", "read"), ALL, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_every_tool_reads_what_the_views_say(
    history: History, exports: dict[tuple[str, str], Path], form: str, shape: str, read: Any
) -> None:
    latest = exports[form, shape]

    for table in (table.name for table in SHAPES[shape] if table.name != "dates"):
        found = read(latest, table)

        assert [*found[0]] == [*viewed_names(history, table, shape)]
        assert ordered(found, table, form) == expected(history, table, form, shape)


def viewed_names(history: History, table: str, shape: str) -> list[str]:
    rows = viewed(
        history.root, "facts" if (shape, table) == ("star", "statistic_values") else table
    )
    return [*rows[0]]


@pytest.mark.parametrize("form", FORMATS)
def test_the_dates_of_a_star_are_whole_years(
    exports: dict[tuple[str, str], Path], form: str
) -> None:
    latest = exports[form, "star"]
    first, last = date(2026, 1, 1), date(2027, 12, 31)

    for read in READERS[form]:
        days = [row["day"] for row in tidy(read(latest, "dates"))]

        assert days == [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_a_day_of_the_calendar_is_what_it_is(exports: dict[tuple[str, str], Path]) -> None:
    rows = {row["day"]: row for row in READERS["parquet"][0](exports["parquet", "star"], "dates")}

    assert rows[date(2027, 1, 2)] == {
        "day": date(2027, 1, 2), "year": 2027, "quarter": 1, "month": 1, "day_of_month": 2,
        "day_of_year": 2, "iso_year": 2026, "iso_week": 53, "weekday": 6,
        "weekday_name": "Saturday", "month_name": "January", "week_start": date(2026, 12, 28),
        "month_start": date(2027, 1, 1), "quarter_start": date(2027, 1, 1), "is_weekend": True,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_every_fact_finds_its_dimensions(exports: dict[tuple[str, str], Path], form: str) -> None:
    latest = exports[form, "star"]
    read = READERS[form][0]
    package = json.loads((latest / "datapackage.json").read_bytes())
    (facts,) = (r for r in package["resources"] if r["name"] == "statistic_values")

    for foreign in facts["schema"]["foreignKeys"]:
        (column,), table = foreign["fields"], foreign["reference"]["resource"]
        (key,) = foreign["reference"]["fields"]
        keys = [row[key] for row in read(latest, table)]
        assert len(keys) == len(set(keys))
        assert {row[column] for row in read(latest, "statistic_values")} <= set(keys)

    assert len(facts["schema"]["foreignKeys"]) == 4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_manifest_names_every_file_as_it_is(
    exports: dict[tuple[str, str], Path], form: str, shape: str
) -> None:
    assert flaws(exports[form, shape]) == []


def test_parquet_has_plain_types_and_says_what_they_mean(
    exports: dict[tuple[str, str], Path],
) -> None:
    (path,) = paths(exports["parquet", "wide"], "snapshots")
    file = pq.ParquetFile(path, page_checksum_verification=True)

    types = {field.name: str(field.type) for field in file.schema_arrow}
    about = {f.name: f.metadata[b"description"].decode() for f in file.schema_arrow}

    assert types["taken_at"] == "timestamp[us]"
    assert (types["users"], types["averageFlags"], types["SAMLenabled"]) == (
        "int64", "double", "bool",
    )  # fmt: skip
    assert set(types.values()) == {"string", "timestamp[us]", "int64", "double", "bool"}
    assert about["users"] == "What users means. Unit: pieces."
    assert about["taken_at"] == "When it was taken, UTC"
    assert json.loads(file.metadata.metadata[b"columns"]) == about
    kind = json.loads(file.schema.column(2).logical_type.to_json())
    assert (kind["timeUnit"], kind["isAdjustedToUTC"]) == ("microseconds", False)


def test_csv_is_what_rfc_4180_says(exports: dict[tuple[str, str], Path]) -> None:
    (path,) = paths(exports["csv", "wide"], "snapshots")
    content = path.read_bytes()

    lines = list(csv.reader(content.decode("utf-8").splitlines(keepends=True), strict=True))

    assert content.startswith(b'"instance_id","instance","taken_at"')
    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == len(lines) + 1
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert {len(line) for line in lines} == {len(lines[0])}
    assert b'"2026-11-23T02:00:00.000Z",,"observed","8.2.0","",' in content


def test_no_cell_of_a_csv_is_a_formula(exports: dict[tuple[str, str], Path]) -> None:
    texts = [
        cell
        for shape in SHAPES
        for path in exports["csv", shape].rglob("*.csv")
        for line in csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
        for cell in line
    ]

    assert [text for text in texts if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text] == []
    assert {"'=1+1", '\'@a,"b"\r\nü\t'} <= set(texts)


def test_a_negative_number_is_no_formula(tmp_path: Path) -> None:
    kinds = {"whole": WHOLE, "real": NUMBER, "text": TEXT}
    table = Table(
        SNAPSHOTS,
        tuple(Column(n, kind, "", n) for n, kind in kinds.items()),
        "",
        Statistics("", ""),
    )
    batch = pa.RecordBatch.from_pylist(
        [{"whole": -3, "real": -0.5, "text": "-x"}, {"whole": None, "real": None, "text": None}],
        schema=table.schema,
    )

    assert write_csv(tmp_path / "t.csv", table, [batch]) == 2

    assert (tmp_path / "t.csv").read_bytes() == b'"whole","real","text"\r\n-3,-0.5,"\'-x"\r\n,,\r\n'


def test_a_workbook_is_ready_to_be_worked_with(exports: dict[tuple[str, str], Path]) -> None:
    book = openpyxl.load_workbook(exports["xlsx", "wide"] / "tallybook.xlsx")
    sheet = book["snapshots"]
    columns = {cell.value: cell.column_letter for cell in sheet[1]}

    assert book.sheetnames == ["snapshots", "columns"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(7, sheet.max_column).coordinate}"
    assert sheet[f"{columns['taken_at']}2"].is_date
    assert sheet[f"{columns['taken_at']}2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert sheet[f"{columns['users']}2"].number_format == "#,##0"
    assert sheet.column_dimensions[columns["taken_at"]].width >= 19
    assert sheet.column_dimensions[columns["definitions"]].width >= 60
    kinds = {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row}
    assert kinds == {"s", "d", "n", "b"}
    explained = list(book["columns"].iter_rows(values_only=True))
    assert explained[0] == ("table", "column", "type", "description")
    assert ("snapshots", "users", "BIGINT", "What users means. Unit: pieces.") in explained


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_are_listed_with_their_meaning(
    exports: dict[tuple[str, str], Path], shape: str
) -> None:
    with (exports["parquet", shape] / "columns.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)

    assert header == ["table", "column", "type", "description"]
    assert [line for line in lines if not all(line)] == []
    assert {line[0] for line in lines} == {table.name for table in SHAPES[shape]}


def test_the_newest_wording_of_a_definition_counts(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    reworded = (a_definition("users", meaning="Said better."), *SOME_DEFINITIONS[1:])
    history.take(a_reading(definitions=reworded), definitions=reworded)

    made = export(history.root, tmp_path / "star", Asked(shape="star"))

    rows = READERS["parquet"][0](made.latest, "definitions")
    assert len(rows) == len(SOME_DEFINITIONS)
    assert [r["meaning"] for r in rows if r["statistic"] == "users"] == ["Said better."]
