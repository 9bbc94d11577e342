"""Exports that the daemon keeps up to date: what the settings say, and what a commit brings."""

import logging
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.export_table import ExportTable
from etl.settings import Settings, load_settings
from schedules.daemon.chores import AFTER_COMMIT, export_what_is_new
from tests.builders import A_MONDAY, DAY, History, a_history, a_reading
from warehouse.errors import BadSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take()
    return made


def settings_with(folder: Path, tables: str) -> Settings:
    file = folder / "tallybook.toml"
    file.write_text(f'origin = "example.com/tallybook"\n{tables}')
    return load_settings(file)


def exported(folder: Path) -> int:
    return int(pq.read_table(folder / "latest" / "snapshots").num_rows)


def test_an_export_has_defaults_and_a_folder_beside_the_settings(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, '[export.bi]\nto = "bi"\n')

    assert settings.exports == {"bi": ExportTable(to=str(tmp_path / "bi"))}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[export.bi]\n", "export.bi: object missing required field `to`"),
        ('[export.bi]\nto = "x"\nkeep = 1', "export.bi.keep must be from 2 to 1000, found 1"),
        ('[export.bi]\nto = "x"\nformat = "ods"', "export.bi.format: invalid enum value 'ods'"),
        ('[export.bi]\nto = "x"\nshap = "star"', "unknown key 'export.bi.shap'"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(BadSettings) as refusal:
        settings_with(tmp_path, table)

    assert message in str(refusal.value)


def test_every_commit_brings_every_export_up_to_date(history: History, tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path, '[export.wide]\nto = "wide"\n[export.star]\nto = "star"\nshape = "star"\n'
    )
    export_what_is_new(settings)
    assert exported(tmp_path / "wide") == 1

    history.take(a_reading(taken_at=A_MONDAY + DAY))
    export_what_is_new(settings)

    assert exported(tmp_path / "wide") == 2
    assert (tmp_path / "star" / "latest" / "dates.parquet").is_file()
    assert export_what_is_new in AFTER_COMMIT


def test_one_that_fails_costs_no_other(
    history: History, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_with(
        tmp_path, '[export.inside]\nto = "history/bi"\n[export.wide]\nto = "wide"\n'
    )
    assert settings.warehouse == history.root

    with caplog.at_level(logging.INFO):
        export_what_is_new(settings)

    assert exported(tmp_path / "wide") == 1
    assert "export inside failed: " in caplog.text
    assert not (history.root / "bi").exists()
