"""Versions of an export: whole, kept for a while, and never mixed with those of others."""

import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from tests.builders import (
    History,
    a_history,
)
from tests.export_readers import rows_of
from tests.exported import (
    flaws,
    manifest_of,
    names,
    paths,
    take,
    viewed,
)
from warehouse.errors import Locked
from warehouse.exports import folder as export_folder
from warehouse.exports.asked import Asked
from warehouse.exports.export import export
from warehouse.files import exclusive_lock
from warehouse.note import parse_checkpoint

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


def test_latest_leads_to_a_whole_version(history: History, to: Path) -> None:
    made = export(history.root, to, Asked(), now=NOON)

    assert names(to) == ["2026-11-25T12-00-00Z-1", "latest"]
    assert (to / "latest").readlink() == Path("2026-11-25T12-00-00Z-1")
    assert names(made.latest) == ["columns.csv", "datapackage.json", "manifest.json", "snapshots"]
    assert flaws(made.latest) == []
    assert rows_of(made) == viewed(history.root, "snapshots")


def test_the_manifest_says_what_the_export_was_made_from(history: History, to: Path) -> None:
    made = export(history.root, to, Asked(), now=NOON)

    manifest = manifest_of(made.latest)

    assert manifest == made.manifest
    (end,) = manifest.logs
    head = parse_checkpoint(end.checkpoint)
    assert (end.origin, end.until) == (history.log.origin, history.size)
    assert (head.size, head.root) == (history.size, history.remembered().head.root)
    assert (manifest.format, manifest.shape) == ("parquet", "wide")
    assert (manifest.made_at, manifest.continues) == ("2026-11-25T12:00:00Z", None)
    assert [file.rows for file in manifest.files] == [{"snapshots": 3}, {}, {}]


def test_the_folder_may_be_moved(history: History, to: Path) -> None:
    export(history.root, to, Asked())
    to.rename(to.with_name("elsewhere"))
    take(history, 3)

    made = export(history.root, to.with_name("elsewhere"), LAST)

    assert made.added == {"snapshots": 1}
    assert flaws(made.latest) == []


def test_parts_are_shared_between_versions(history: History, to: Path) -> None:
    first = export(history.root, to, Asked(), now=NOON)
    old = paths(first.latest, "snapshots")[0].resolve()
    take(history, 3)

    second = export(history.root, to, LAST)

    assert paths(second.latest, "snapshots")[0].samefile(old)
    assert old.stat().st_mode & 0o222 == 0


def test_parts_are_copied_where_there_are_no_hard_links(
    history: History, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export(history.root, to, Asked())
    old = paths(first.latest, "snapshots")[0].resolve()
    take(history, 3)
    monkeypatch.setattr(os, "link", refuse)

    second = export(history.root, to, LAST)

    new = paths(second.latest, "snapshots")[0]
    assert not new.samefile(old)
    assert new.read_bytes() == old.read_bytes()
    assert flaws(second.latest) == []


def refuse(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_nothing_new_leaves_everything_alone(history: History, to: Path) -> None:
    before = export(history.root, to, Asked())
    stamps = {path: path.lstat().st_mtime_ns for path in to.rglob("*")}

    made = export(history.root, to, LAST)

    assert (made.manifest, made.added) == (before.manifest, {})
    after = {path: path.lstat().st_mtime_ns for path in to.rglob("*")}
    assert {path for path in after if after[path] != stamps.get(path)} <= {to / ".tallybook-lock"}


def test_old_versions_go_and_the_newest_stay(history: History, to: Path) -> None:
    for hour in range(4):
        made = export(history.root, to, Asked(keep=2), now=NOON + timedelta(hours=hour))

    assert names(to) == ["2026-11-25T14-00-00Z-3", "2026-11-25T15-00-00Z-4", "latest"]
    assert flaws(made.latest) == []
    assert flaws(to / "2026-11-25T14-00-00Z-3") == []


def test_a_clock_set_back_changes_no_order(history: History, to: Path) -> None:
    for hour in (2, 1, 0):
        made = export(history.root, to, Asked(keep=2), now=NOON + timedelta(hours=hour))

    assert names(to) == ["2026-11-25T12-00-00Z-3", "2026-11-25T13-00-00Z-2", "latest"]
    assert made.latest.readlink() == Path("2026-11-25T12-00-00Z-3")


def test_latest_may_be_led_back_and_goes_on_from_there(history: History, to: Path) -> None:
    export(history.root, to, Asked(), now=NOON)
    take(history, 3)
    export(history.root, to, LAST, now=NOON)
    (to / "latest").unlink()
    (to / "latest").symlink_to("2026-11-25T12-00-00Z-1")

    made = export(history.root, to, Asked(last=True, keep=2), now=NOON)

    assert made.added == {"snapshots": 1}
    assert made.manifest.continues == "2026-11-25T12-00-00Z-1"
    assert rows_of(made) == viewed(history.root, "snapshots")


def test_a_version_that_is_gone_is_made_anew(history: History, to: Path) -> None:
    made = export(history.root, to, Asked(), now=NOON)
    for path in sorted(made.latest.resolve().rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    made.latest.resolve().rmdir()

    assert export(history.root, to, LAST).added == {"snapshots": 3}


def test_folders_of_others_are_left_alone(history: History, to: Path) -> None:
    mine = to / "2020-01-01T00-00-00Z-0"
    mine.mkdir(parents=True)
    (to / "notes.txt").write_text("mine")

    for _ in range(4):
        export(history.root, to, Asked(keep=2))

    assert mine.is_dir()
    assert (to / "notes.txt").read_text() == "mine"


def test_two_exports_to_one_folder_wait_for_each_other(
    history: History, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to.mkdir()
    monkeypatch.setattr(export_folder, "_WAIT_SECONDS", 0.1)

    with exclusive_lock(to / ".tallybook-lock", wait_seconds=0), pytest.raises(Locked):
        export(history.root, to, Asked())

    monkeypatch.setattr(export_folder, "_WAIT_SECONDS", 30)
    threads = [
        threading.Thread(target=export, args=(history.root, to, Asked(keep=9))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [flaws(to / name) for name in names(to)] == [[]] * 5
