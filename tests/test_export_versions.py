"""Versions of an export: whole, continued, kept for a while, and never mixed with others."""

import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.builders import (
    A_MONDAY,
    DAY,
    SOME_DEFINITIONS,
    SOME_STATS,
    History,
    a_definition,
    a_history,
    a_reading,
)
from tests.export_readers import READERS
from tests.exported import (
    STAGING,
    flaws,
    manifest_of,
    paths,
    tidy,
    viewed,
)
from warehouse.errors import Locked
from warehouse.exports import folder as export_folder
from warehouse.exports.asked import Asked
from warehouse.exports.export import Exported, export
from warehouse.exports.manifest import Filters
from warehouse.files import exclusive_lock
from warehouse.note import parse_checkpoint

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LAST = Asked(last=True)
FRESH = (*SOME_DEFINITIONS, a_definition("fresh"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = a_history(tmp_path)
    made.take_days(3)
    return made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "exports"


def take(history: History, day: int, **more: Any) -> None:
    history.take(a_reading(taken_at=A_MONDAY + day * DAY, **more))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def rows_of(made: Exported, table: str = "snapshots") -> list[dict[str, object]]:
    return tidy(READERS[made.manifest.format][0](made.latest, table))


def in_order(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: str(row.values()))


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


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("shape", ["wide", "long", "star"])
def test_a_continued_export_has_what_a_full_one_has(
    history: History, to: Path, form: str, shape: str
) -> None:
    export(history.root, to, Asked(form, shape))
    history.take(a_reading(instance=STAGING), a_reading(taken_at=A_MONDAY + 3 * DAY))

    continued = export(history.root, to, LAST)

    full = export(history.root, to.with_name("full"), Asked(form, shape))
    for outline in continued.manifest.tables:
        assert in_order(rows_of(continued, outline.table)) == in_order(rows_of(full, outline.table))
    growing = "snapshots" if shape == "wide" else "statistic_values"
    assert [path.name for path in paths(continued.latest, growing)] == [
        f"part-000001.{form}", f"part-000002.{form}",
    ]  # fmt: skip
    assert continued.added == {growing: 2 * (1 if shape == "wide" else len(SOME_STATS))}
    assert continued.manifest.continues is not None
    assert continued.why_anew is None
    assert flaws(continued.latest) == []


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


def test_what_comes_late_is_taken_and_nothing_twice(history: History, to: Path) -> None:
    export(history.root, to, Asked())
    take(history, -400)
    take(history, 1)

    made = export(history.root, to, LAST)

    assert made.added == {"snapshots": 2}
    assert rows_of(made) == viewed(history.root, "snapshots")


def test_a_second_log_is_taken_from_its_beginning(
    history: History, to: Path, tmp_path: Path
) -> None:
    export(history.root, to, Asked())
    other = a_history(tmp_path, origin="example.com/other", seed=2)
    other.take()

    made = export(history.root, to, LAST)

    assert made.added == {"snapshots": 1}
    assert {end.origin: end.until for end in made.manifest.logs} == {
        history.log.origin: 4, "example.com/other": 2,
    }  # fmt: skip
    assert in_order(rows_of(made)) == in_order(viewed(history.root, "snapshots"))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_new_column_begins_anew_so_that_all_parts_agree(
    history: History, to: Path, form: str
) -> None:
    export(history.root, to, Asked(form))
    history.take(a_reading({**SOME_STATS, "fresh": 7}, definitions=FRESH), definitions=FRESH)

    made = export(history.root, to, LAST)

    assert made.why_anew == "the columns of snapshots have changed"
    assert [path.name for path in paths(made.latest, "snapshots")] == [f"part-000001.{form}"]
    assert [row["fresh"] for row in rows_of(made)] == [None, None, None, 7]


def test_a_new_statistic_is_a_row_like_others_in_a_long_export(history: History, to: Path) -> None:
    export(history.root, to, Asked(shape="star"))
    history.take(a_reading({"fresh": 7}, definitions=FRESH), definitions=FRESH)

    made = export(history.root, to, LAST)

    assert (made.why_anew, made.added) == (None, {"statistic_values": 1})
    assert "fresh" in {row["statistic"] for row in rows_of(made, "statistics")}


def test_a_statistic_that_the_catalogue_lacks_gets_its_column(history: History, to: Path) -> None:
    export(history.root, to, Asked())
    # As a crash leaves it: the record is kept, and the catalogue does not know its statistic.
    history.take(a_reading({**SOME_STATS, "apiTokens.late": 5}))

    made = export(history.root, to, LAST)

    assert [row["apiTokens_late"] for row in rows_of(made)] == [None, None, None, 5]


def test_a_workbook_is_written_whole(history: History, to: Path) -> None:
    export(history.root, to, Asked("xlsx"))
    take(history, 3)

    made = export(history.root, to, LAST)

    assert made.why_anew == "nothing can be appended to a workbook"
    assert len(rows_of(made)) == 4
    assert not export(history.root, to, LAST).added


def test_the_first_export_may_be_asked_to_continue(history: History, to: Path) -> None:
    made = export(history.root, to, LAST)

    assert (made.added, made.why_anew) == ({"snapshots": 3}, None)


def test_filters_are_kept_by_what_continues(history: History, to: Path) -> None:
    since = (A_MONDAY + DAY).replace(tzinfo=None)
    first = export(history.root, to, Asked(instance="prod", since=since))
    history.take(
        a_reading(instance=STAGING, taken_at=A_MONDAY + 5 * DAY),
        a_reading(taken_at=A_MONDAY - 5 * DAY),
        a_reading(taken_at=A_MONDAY + 5 * DAY),
    )

    made = export(history.root, to, LAST)

    assert first.added == {"snapshots": 2}
    assert made.added == {"snapshots": 1}
    assert made.manifest.filters == Filters("prod", "2026-11-24T02:00:00")
    assert {row["instance"] for row in rows_of(made)} == {"prod"}


def test_a_full_export_may_move_its_beginning(history: History, to: Path) -> None:
    export(history.root, to, Asked(since=A_MONDAY.replace(tzinfo=None)))

    made = export(history.root, to, Asked(since=(A_MONDAY + 2 * DAY).replace(tzinfo=None)))

    assert len(rows_of(made)) == 1


def test_a_full_export_takes_format_and_shape_of_what_is_there(history: History, to: Path) -> None:
    export(history.root, to, Asked("csv", "long"))

    made = export(history.root, to, Asked())

    assert (made.manifest.format, made.manifest.shape) == ("csv", "long")


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


def test_a_part_that_is_gone_or_cut_is_written_anew(history: History, to: Path) -> None:
    made = export(history.root, to, Asked())
    part = paths(made.latest, "snapshots")[0]
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1])
    take(history, 3)

    again = export(history.root, to, LAST)

    assert again.why_anew == "files of the version before are not as it left them"
    assert rows_of(again) == viewed(history.root, "snapshots")
    assert flaws(again.latest) == []


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


def test_a_log_may_be_written_to_while_it_is_exported(history: History, to: Path) -> None:
    told: list[int] = []

    def interrupting(done: int, _share: float) -> None:
        told.append(done)
        take(history, 50 + len(told))

    first = export(history.root, to, Asked(shape="star"), progress=interrupting)
    first_version = first.latest.resolve()
    second = export(history.root, to, LAST)

    assert told[0] == first.added["statistic_values"] == 3 * len(SOME_STATS)
    assert [row["snapshots"] for row in READERS["parquet"][0](first_version, "instances")] == [3]
    assert second.added["statistic_values"] == len(told) * len(SOME_STATS)
