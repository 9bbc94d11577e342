"""Sealing on real files: every view says the same at every step, and nothing is taken too early."""

import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attack_world import SIZE, World
from tests.builders import (
    DAY,
    Clock,
    a_history,
    a_reading,
    tamper,
    write_rows,
)
from tests.sealed import (
    a_day_passes,
    answers,
    answers_as_it_stands,
    commit_files,
    is_whole,
    part_files,
    sealed_now,
    statistics_change,
)
from warehouse import catalog
from warehouse.errors import (
    Locked,
)
from warehouse.files import exclusive_lock
from warehouse.layout import Layout
from warehouse.ledger import Unreadable
from warehouse.query import ask
from warehouse.sealed import seal as sealing
from warehouse.sealed.plan import Unfoldable
from warehouse.sealed.seal import Sealed, seal

pytestmark = pytest.mark.slow


def test_every_view_says_the_same_at_every_step(world: World) -> None:
    statistics_change(world)
    before = answers(world.root)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("sealed", lambda: seal(world.root)),
        ("sealed again", lambda: seal(world.root)),
        ("some time later", lambda: a_day_passes(world.root)),
        ("swept", lambda: seal(world.root)),
        ("catalogue anew", lambda: catalog.build(world.root)),
    ]

    for name, step in steps:
        step()
        assert answers(world.root) == before, name
        assert is_whole(world.verify()), name

    assert commit_files(world.root) == []
    kinds = {row[0] for row in ask(world.root, "SELECT DISTINCT type FROM ledger").rows}
    assert {kind.split("/")[1] for kind in kinds} == {
        "genesis", "key", "heads", "snapshot", "missed",
    }  # fmt: skip


def test_statistics_that_came_or_went_keep_all_of_their_past(world: World) -> None:
    sealed_now(world.root)
    statistics_change(world, 1)
    sealed_now(world.root)
    statistics_change(world, 2)

    rows = ask(
        world.root,
        "SELECT taken_at::DATE, segments, flagsOfToday, apiTokens_Admin, apiTokens_admin_2 "
        "FROM snapshots WHERE instance = 'prod' ORDER BY taken_at DESC LIMIT 4",
    ).rows

    assert [row[1:] for row in rows] == [
        (None, 2, 3, 2), (None, 1, 3, 2), (11, None, None, 2), (11, None, None, 2),
    ]  # fmt: skip
    assert ask(world.root, "SELECT count(DISTINCT definitions) FROM snapshots").rows == [(2,)]


def test_what_is_sealed_are_parts_of_each_log(world: World) -> None:
    done = seal(world.root)

    assert [(part.first, part.end, part.period) for part in done.parts] == [
        (0, 4, "2026-03"), (0, SIZE, "2026-03"),
    ]  # fmt: skip
    assert (done.records, done.removed) == (SIZE + 4, 0)
    assert len(part_files(world.root)) == 6
    assert Layout(world.root).standing() == (done.parts, (), ())
    assert seal(world.root) == Sealed()


def test_what_is_replaced_stays_for_a_day(world: World) -> None:
    before = commit_files(world.root)
    for file in before:
        os.utime(file, (0, 0))

    assert seal(world.root).removed == 0
    assert seal(world.root).removed == 0
    assert commit_files(world.root) == before
    a_day_passes(world.root)
    assert seal(world.root).removed == len(before)
    assert [folder.name for folder in (world.root / "hot").iterdir()] == ["epoch=000001"]


def test_a_day_begins_when_a_new_catalogue_names_the_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = commit_files(world.root)
    monkeypatch.setattr("warehouse.sealed.seal.catalog.refresh", killed)
    with pytest.raises(KeyboardInterrupt):
        seal(world.root)
    monkeypatch.undo()
    a_day_passes(world.root)

    assert seal(world.root) == Sealed()

    assert commit_files(world.root) == before


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("label", [None, b"", b"{}"])
def test_a_catalogue_that_does_not_say_what_it_named_named_everything(
    world: World, label: bytes | None
) -> None:
    replaced = commit_files(world.root)
    seal(world.root)
    a_day_passes(world.root)
    world.layout.catalog_stamp.unlink()
    if label is not None:
        world.layout.catalog_stamp.write_bytes(label)

    assert seal(world.root).removed == 0

    a_day_passes(world.root)
    assert seal(world.root).removed == len(replaced)


def test_what_was_replaced_long_ago_goes_although_its_part_is_young(world: World) -> None:
    """Where there is much to seal, the part of a month is replaced all the time."""
    seal(world.root)
    a_day_passes(world.root)
    statistics_change(world)

    done = seal(world.root)

    assert [part.end for part in done.parts] == [SIZE + 3]
    # Only what was replaced just now is still there.
    assert len(commit_files(world.root)) == 1
    assert len(part_files(world.root)) == 9


def test_a_month_that_goes_on_replaces_its_part_and_the_old_one_goes_later(world: World) -> None:
    first = sealed_now(world.root)
    statistics_change(world)
    before = answers(world.root)

    done = seal(world.root)

    assert [part.end for part in done.parts] == [SIZE + 3]
    assert len(part_files(world.root)) == 9
    a_day_passes(world.root)
    # A commit file, and three files of the part that was replaced.
    assert seal(world.root).removed == 4
    assert not any(first.parts[1].name in file for file in part_files(world.root))
    assert answers(world.root) == before


def test_readers_who_opened_the_old_catalogue_go_on_until_it_is_over(world: World) -> None:
    before = answers_as_it_stands(world.root)
    old = world.root.with_name("as-it-was.duckdb")
    shutil.copy(world.layout.catalog, old)

    seal(world.root)
    statistics_change(world)
    seal(world.root)

    kept = world.layout.catalog
    kept.unlink()
    old.rename(kept)
    assert answers_as_it_stands(world.root) == before


def test_a_year_is_over(tmp_path: Path) -> None:
    clock = Clock(datetime(2024, 11, 1, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    for _ in range(16):
        history.take(a_reading(taken_at=clock.now))
        clock.now += 31 * DAY
    before = answers(history.root)

    periods = [part.period for part in sealed_now(history).parts]

    assert periods == ["2024", "2025", "2026-01", "2026-02"]
    assert answers(history.root) == before
    assert is_whole(history.verify())
    assert sealed_now(history) == Sealed()


def test_much_is_sealed_side_by_side_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_WORTH_A_POOL", 2)
    clock = Clock(datetime(2026, 1, 10, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    for _ in range(4):
        history.take(a_reading(taken_at=clock.now))
        clock.now += 31 * DAY
    before = answers(history.root)

    parts = sealed_now(history).parts

    assert [part.period[-2:] for part in parts] == ["01", "02", "03", "04"]
    assert answers(history.root) == before
    assert is_whole(history.verify())


def test_what_one_of_many_cannot_fold_ends_the_sealing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_WORTH_A_POOL", 2)
    clock = Clock(datetime(2026, 1, 10, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    for name in ("users", "index"):
        history.take(a_reading({name: 1}, taken_at=clock.now))
        clock.now += 31 * DAY

    with pytest.raises(Unfoldable, match="'index' has a name") as refusal:
        seal(history.root)

    assert refusal.value.hint == "Its commits stay as they are, and are read as before."
    assert ask(history.root, "SELECT count(*) FROM snapshots").rows == [(2,)]


def test_months_merge_once_they_are_of_the_past(tmp_path: Path) -> None:
    clock = Clock(datetime(2025, 11, 20, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    made = []
    for _ in range(3):
        history.take(a_reading(taken_at=clock.now))
        made.append([part.period for part in sealed_now(history).parts])
        clock.now += 31 * DAY

    assert made == [["2025-11"], ["2025-12"], ["2025", "2026-01"]]
    assert len(part_files(history.root)) == 6
    assert is_whole(history.verify())


def test_no_part_is_larger_than_it_may_be(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take_days(9)
    before = answers(history.root)

    done = seal(history.root, most=4, grace_seconds=0)

    assert [part.size for part in done.parts] == [4, 4, 2]
    assert seal(history.root, most=4) == Sealed()
    assert answers(history.root) == before
    assert is_whole(history.verify())


def test_progress_is_told_in_records(world: World) -> None:
    told: list[tuple[int, int]] = []

    seal(world.root, progress=lambda done, of: told.append((done, of)))

    assert told == [(4, SIZE + 4), (SIZE + 4, SIZE + 4)]


def test_a_second_sealer_waits_its_turn(world: World) -> None:
    done: list[Sealed] = []
    sealers = [threading.Thread(target=lambda: done.append(seal(world.root))) for _ in range(3)]

    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()

    assert sorted(len(one.parts) for one in done) == [0, 0, 2]


def test_a_sealer_who_takes_too_long_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_WAIT_SECONDS", 0.05)
    seal(world.root)

    with (
        exclusive_lock(world.layout.sealed / sealing.LOCK_FILE, wait_seconds=0),
        pytest.raises(Locked, match=f"is held by process {os.getpid()}"),
    ):
        seal(world.root)


def spoilt(world: World) -> None:
    world.files()[3].write_bytes(b"PAR1")


def without_rows(world: World) -> None:
    write_rows(world.files()[3], [])


def doubled(world: World) -> None:
    world.layout.epoch(1).mkdir()
    shutil.copy(world.files()[3], world.layout.epoch(1))
    world.layout.epoch(2).mkdir()


@pytest.mark.parametrize(
    ("harm", "refusal"),
    [(spoilt, Unreadable), (without_rows, Unreadable), (doubled, Unfoldable)],
)
def test_where_a_commit_is_spoilt_nothing_is_folded(
    world: World, harm: Callable[[World], None], refusal: type[Exception]
) -> None:
    harm(world)
    before = commit_files(world.root)

    with pytest.raises(refusal, match=str(world.root)):
        sealed_now(world.root)

    assert commit_files(world.root) == before
    assert part_files(world.root) == []
    assert [*(world.root / "_tmp").iterdir()] == []


def test_a_row_whose_time_is_a_lie_does_not_keep_sealing_busy_for_ever(world: World) -> None:
    tamper(world.files()[0], lambda rows: rows[0].update(recorded_at=datetime(1, 1, 1)))  # noqa: DTZ001

    done = sealed_now(world.root)

    assert [part.period for part in done.parts] == ["2026-03", "0001-01", "2026-03"]
    assert world.verify().counts.keys() == {"ROW_MISMATCH"}


def test_leftovers_of_a_killed_sealing_count_for_nothing_and_go(world: World) -> None:
    before = answers(world.root)
    part, *_ = seal(world.root).parts
    longer = part._replace(end=part.end + 5)
    for kind in ("wide", "values"):
        shutil.copy(world.layout.part(part, kind), world.layout.part(longer, kind))

    assert answers(world.root) == before
    assert world.verify().status == "intact"
    sealed_now(world.root)
    assert len(part_files(world.root)) == 6


def test_files_of_others_stay_where_they_are(world: World) -> None:
    epoch = world.layout.epoch(0)
    ours = [epoch / "README", epoch / "notes.csv", world.root / "sealed" / "README"]
    for file in ours:
        file.parent.mkdir(exist_ok=True)
        file.write_text("ours")

    sealed_now(world.root)

    assert [file.read_text() for file in ours] == ["ours"] * 3
    assert commit_files(world.root) == []


def test_a_commit_that_is_not_what_was_sealed_is_not_taken_away(world: World) -> None:
    seal(world.root)
    file = commit_files(world.root)[-1]
    shutil.copy(commit_files(world.root)[-2], file)

    a_day_passes(world.root)
    seal(world.root)

    assert commit_files(world.root) == [file]
