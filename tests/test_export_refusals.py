"""Exports that are refused: in clear words, and with everything left as it was."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.builders import (
    History,
    a_history,
    tamper,
)
from tests.command import tallybook
from tests.disks import small_disk
from tests.exported import (
    flaws,
    names,
    take,
)
from warehouse.errors import BadInput, CannotStore, LedgerFailure, NoWarehouse
from warehouse.exports.asked import Asked
from warehouse.exports.export import export
from warehouse.history import NoSnapshot

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LAST = Asked(last=True)


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(3)
    return made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "exports"


def refuse(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "csv"}, "csv, wide, of all instances"),
        ({"shape": "long"}, "parquet, long, of all instances"),
        ({"instance": "prod"}, "parquet, wide, of instance 'prod'"),
    ],
)
def test_another_kind_of_export_is_refused(
    history: History, to: Path, last: bool, asked: dict[str, Any], said: str
) -> None:
    export(history.root, to, Asked())
    take(history, 3)
    before = names(to)

    with pytest.raises(BadInput) as refusal:
        export(history.root, to, Asked(last=last, **asked))

    assert str(refusal.value) == (
        f"the export in {str(to)!r} is parquet, wide, of all instances: it cannot go on as {said}"
    )
    assert refusal.value.hint == (
        "Name another folder with --to, or delete this one to begin anew."
    )
    assert names(to) == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "xls"}, "format 'xls' is not known: expected one of parquet, csv, xlsx, jsonl"),
        ({"shape": "tall"}, "shape 'tall' is not known: expected one of wide, long, star"),
        ({"last": True, "since": NOON}, "an export either continues the last one or begins at a "
         "date"),
        ({"keep": 1}, "cannot keep 1 version(s): whoever reads one while the next appears needs "
         "it to stay"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refusal:
        Asked(**asked)

    assert str(refusal.value) == said


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_latest_of_others_is_not_replaced(history: History, to: Path, kind: str) -> None:
    to.mkdir()
    latest = to / "latest"
    if kind == "folder":
        latest.mkdir()
    elif kind == "file":
        latest.write_text("mine")
    else:
        latest.symlink_to("/somewhere")

    with pytest.raises(CannotStore) as refusal:
        export(history.root, to, Asked())

    assert str(refusal.value) == f"{str(latest)!r} is there already, and no export made it"
    assert names(to) == ["latest"]


@pytest.mark.parametrize("inside", [".", "exports", "hot/deep/down"])
def test_no_export_goes_into_the_warehouse(history: History, inside: str) -> None:
    with pytest.raises(CannotStore, match="lies in the warehouse") as refusal:
        export(history.root, history.root / inside, Asked())

    assert refusal.value.hint == "Name a folder outside of it with --to."
    assert not (history.root / "exports").exists()


def test_a_link_into_the_warehouse_is_no_way_round(history: History, tmp_path: Path) -> None:
    (tmp_path / "outside").symlink_to(history.root / "exports")

    with pytest.raises(CannotStore, match="lies in the warehouse"):
        export(history.root, tmp_path / "outside", Asked())


def test_a_place_without_links_is_told_before_anything_is_written(
    history: History, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", refuse)

    with pytest.raises(CannotStore) as refusal:
        export(history.root, to, Asked())

    assert str(refusal.value) == (
        f"cannot make symbolic links in {str(to)!r}: operation not permitted"
    )
    assert refusal.value.hint == (
        "latest is one, because nothing else can be replaced in one step: export to a file "
        "system that has them, and copy from there."
    )
    assert names(to) == []


def test_a_file_is_no_folder(history: History, to: Path) -> None:
    to.write_text("mine")

    with pytest.raises(CannotStore, match="file exists"):
        export(history.root, to, Asked())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_others_is_told(history: History, to: Path) -> None:
    to.mkdir(mode=0o555)

    with pytest.raises(CannotStore, match="permission denied"):
        export(history.root, to, Asked())


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "xlsx"])
@pytest.mark.slow
def test_a_full_disk_leaves_the_export_before(tmp_path: Path, history: History, form: str) -> None:
    shape = Asked(form, "long", last=True)
    with small_disk(tmp_path / "disk") as disk:
        to = disk.path / "exports"
        words = ("export", "--warehouse", history.root, "--to", to, "--since", "last")
        export(history.root, to, shape)
        for day in range(3, 8):
            take(history, day)
        before = names(to)
        disk.fill(but=8192)

        ran = tallybook(*words, cwd=tmp_path)

        assert ran.code == 1
        assert ran.err.startswith(f"error: cannot write '{to}/.tallybook-draft")
        assert ran.err.endswith(
            ": no space left on device\n"
            "hint: Free some space on that disk and run it again; nothing was half-written.\n"
        )
        assert names(to) == before
        assert not (to / ".tallybook-draft").exists()
        assert flaws(to / "latest") == []
        disk.clear()
        made = export(history.root, to, shape)
        assert made.added["statistic_values"] > 0
        assert flaws(made.latest) == []


def test_there_has_to_be_a_warehouse(tmp_path: Path, to: Path) -> None:
    with pytest.raises(NoWarehouse):
        export(tmp_path, to, Asked())

    assert not to.exists()


def test_a_history_of_nothing_yet_is_no_export(tmp_path: Path, to: Path) -> None:
    history = a_history(tmp_path)

    with pytest.raises(NoSnapshot) as refusal:
        export(history.root, to, Asked())

    assert str(refusal.value) == "the history has no snapshot yet"
    assert refusal.value.hint == "Take the first: tallybook snapshot"


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        (Asked(instance="pord"), "no snapshot of 'pord'", "There are some of: prod"),
        (
            Asked(since=datetime(2030, 1, 1)),  # noqa: DTZ001
            "no snapshot since 2030-01-01T00:00:00 UTC",
            'When they end: tallybook sql "SELECT * FROM instances"',
        ),
        (
            Asked(instance="prod", since=datetime(2030, 1, 1)),  # noqa: DTZ001
            "no snapshot of 'prod' since 2030-01-01T00:00:00 UTC",
            'When they end: tallybook sql "SELECT * FROM instances"',
        ),
    ],
)
def test_a_filter_that_leaves_nothing_is_told(
    history: History, to: Path, asked: Asked, said: str, hint: str
) -> None:
    with pytest.raises(NoSnapshot) as refusal:
        export(history.root, to, asked)

    assert (str(refusal.value), refusal.value.hint) == (said, hint)
    assert names(to) == []


def test_another_history_does_not_continue_an_export(
    history: History, to: Path, tmp_path: Path
) -> None:
    export(history.root, to, Asked())
    other = a_history(tmp_path / "b", seed=3)
    other.take_days(5)

    with pytest.raises(LedgerFailure) as refusal:
        export(other.root, to, LAST)

    assert str(refusal.value) == (
        "the export cannot be continued: the first 4 records of 'example.com/tallybook' are not "
        "those that were exported"
    )
    assert refusal.value.hint == (
        "Export this history into another folder, and run tallybook verify."
    )


def test_a_shorter_history_does_not_continue_an_export(history: History, to: Path) -> None:
    export(history.root, to, Asked())
    history.files()[-1].unlink()

    with pytest.raises(LedgerFailure) as refusal:
        export(history.root, to, LAST)

    assert str(refusal.value) == (
        "the export cannot be continued: 4 records of 'example.com/tallybook' were exported, and "
        "the history has 3"
    )


def test_a_damaged_manifest_is_told(history: History, to: Path) -> None:
    made = export(history.root, to, Asked())
    manifest = made.latest / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")

    with pytest.raises(LedgerFailure, match=r"cannot read '.*manifest\.json': Object missing"):
        export(history.root, to, LAST)


def test_a_checkpoint_of_something_else_is_told(history: History, to: Path) -> None:
    tamper(history.files()[-1], lambda rows: rows[-1].update(index=9))

    with pytest.raises(LedgerFailure) as refusal:
        export(history.root, to, Asked())

    assert str(refusal.value) == (
        "record 9 of 'example.com/tallybook' carries the checkpoint of 4 records of "
        "'example.com/tallybook'"
    )


def test_a_damaged_file_is_told_and_nothing_is_published(history: History, to: Path) -> None:
    export(history.root, to, Asked())
    take(history, 3)
    file = history.files()[-1]
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(bytes(content))
    before = names(to)

    with pytest.raises(LedgerFailure, match="cannot read the history") as refusal:
        export(history.root, to, Asked())

    assert refusal.value.hint == "Find out what is damaged with: tallybook verify"
    assert names(to) == before


def test_an_excel_sheet_that_is_too_small_is_told_first(
    history: History, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.exports.excel.MOST_ROWS", 3)

    with pytest.raises(BadInput) as refusal:
        export(history.root, to, Asked("xlsx"))

    assert str(refusal.value) == (
        "3 rows of snapshots do not fit: an Excel sheet has 3, one of them for the header"
    )
    assert names(to) == []
