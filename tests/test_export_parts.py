"""What a continued export takes: everything that is new, nothing twice, in parts that agree."""

from pathlib import Path

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
from tests.export_readers import READERS, in_order, rows_of
from tests.exported import (
    STAGING,
    flaws,
    paths,
    take,
    viewed,
)
from warehouse.exports.asked import Asked
from warehouse.exports.export import export
from warehouse.exports.manifest import Filters
from warehouse.sealed.seal import seal

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("shape", ["wide", "long", "star"])
def test_a_statistic_that_the_catalogue_lacks_is_not_lost(
    history: History, to: Path, shape: str
) -> None:
    export(history.root, to, Asked(shape=shape))
    # As a crash leaves it: the record is kept, and the catalogue does not know its statistic.
    history.take(a_reading({"apiTokens.late": 5}))

    made = export(history.root, to, LAST)

    rows = rows_of(made, "snapshots" if shape == "wide" else "statistic_values")
    column = "apiTokens_late" if shape == "wide" else "value"
    assert [row[column] for row in rows if row["index"] == 4] == [5]


def test_two_snapshots_of_one_moment_stay_two(tmp_path: Path, to: Path) -> None:
    history = a_history(tmp_path)
    history.take(a_reading({"users": 1}), a_reading({"users": 2}))

    made = export(history.root, to, Asked(shape="long"))

    rows = rows_of(made, "statistic_values")
    assert sorted((row["index"], row["value"]) for row in rows) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("shape", "table"), [("wide", "snapshots"), ("star", "statistic_values")])
def test_a_sealing_between_two_exports_changes_nothing(
    history: History, to: Path, shape: str, table: str
) -> None:
    before = export(history.root, to.with_name("before"), Asked(shape=shape))
    export(history.root, to, Asked(shape=shape))
    seal(history.root, grace_seconds=0)
    take(history, 3)
    seal(history.root, grace_seconds=0)
    take(history, 4)

    continued = export(history.root, to, LAST)
    full = export(history.root, to.with_name("full"), Asked(shape=shape))

    assert continued.added[table] == 2 * before.added[table] // 3
    assert in_order(rows_of(continued, table)) == in_order(rows_of(full, table))


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
