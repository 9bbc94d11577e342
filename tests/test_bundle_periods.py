"""What a bundle says of nights without a snapshot, clocks that were set, and keys taken back."""

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.keys.change import revoke
from etl.snapshot import MissedSlot, NewSchedule
from tests.builders import DAY, ORIGIN, PROD, Clock, History, a_history, a_key, a_reading
from tests.rotated import a_rotated_history
from warehouse.checks.findings import Finding, Place
from warehouse.checks.trust import trust_any
from warehouse.errors import BrokenHistory
from warehouse.payload import Scheduled
from warehouse.proofs.bundling import bundle
from warehouse.proofs.checking import check_archive
from warehouse.proofs.contents import Period

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Nightly:
    """A history of one instance with a schedule, in which some nights were missed."""

    history: History
    clock: Clock

    def night(self, reason: str | None = None) -> None:
        self.clock.now += DAY
        if reason:
            self.history.log.append([MissedSlot(PROD, self.clock.now, reason)])
        else:
            self.history.take(a_reading(taken_at=self.clock.now, due_at=self.clock.now))


@pytest.fixture
def nightly(tmp_path: Path) -> Nightly:
    clock = Clock(datetime(2024, 5, 1, 2, tzinfo=UTC))
    return Nightly(a_history(tmp_path, clock=clock, schedule="0 2 * * *"), clock)


def test_a_night_without_a_snapshot_is_told(nightly: Nightly, tmp_path: Path) -> None:
    for reason in (None, None, "the database was away", None, None):
        nightly.night(reason)
    period = Period("2024-05-03T00:00:00.000Z", "2024-05-05T23:59:59.999Z")
    path = tmp_path / "bundle.zip"

    made = bundle(nightly.history.root, "prod", period, None, path)

    assert (made.manifest.snapshots, made.manifest.missed) == (2, 1)
    report = check_archive(path, trust_any([nightly.history.key]))
    assert report.counts == {"UNANCHORED": 1}
    assert pq.read_table(io.BytesIO(zipfile.ZipFile(path).read("data.parquet"))).num_rows == 2


def test_a_period_of_nothing_but_missed_nights_is_told(nightly: Nightly, tmp_path: Path) -> None:
    for reason in (None, "the database was away", None):
        nightly.night(reason)
    period = Period("2024-05-03T00:00:00.000Z", "2024-05-03T23:59:59.999Z")

    made = bundle(nightly.history.root, "prod", period, None, tmp_path / "bundle.zip")

    assert (made.manifest.snapshots, made.manifest.missed) == (0, 1)
    report = check_archive(tmp_path / "bundle.zip", trust_any([nightly.history.key]))
    assert report.counts == {"UNANCHORED": 1}


def test_a_night_that_was_passed_over_in_silence_is_found(nightly: Nightly, tmp_path: Path) -> None:
    nightly.night()
    nightly.clock.now += DAY
    nightly.night()
    nightly.night()
    path = tmp_path / "bundle.zip"

    made = bundle(nightly.history.root, "prod", Period(), None, path)

    report = check_archive(path, trust_any([nightly.history.key]))
    assert made.manifest.snapshots == 3
    assert [finding for finding in report.findings if finding.name == "GAP"] == [
        Finding(
            "GAP",
            Place(ORIGIN, 3, "prod", "payloads/3.json"),
            "a snapshot or a reason for the slot of 2024-05-03T02:00:00.000Z",
            "neither",
        )
    ]


@pytest.fixture
def declared(tmp_path: Path) -> Nightly:
    """A history whose sources declare their own schedules; prod changes its own in between."""
    clock = Clock(datetime(2024, 5, 1, 2, tzinfo=UTC))
    history = a_history(tmp_path, clock=clock)
    history.log.append([NewSchedule(name, "0 2 * * *", "UTC", clock.now) for name in SOURCES])
    return Nightly(history, clock)


SOURCES = ("prod", "staging")


def gaps_of(nightly: Nightly, period: Period, path: Path) -> tuple[list[str], list[str]]:
    """What a bundle says of silent nights, and the sources whose schedules are in it."""
    made = bundle(nightly.history.root, "prod", period, None, path)
    report = check_archive(path, trust_any([nightly.history.key]))
    assert "PAYLOAD_FIELD_MISMATCH" not in report.counts
    schedules = [p.source for _, p in made.records.values() if isinstance(p, Scheduled)]
    return [found.expected for found in report.findings if found.name == "GAP"], schedules


def test_the_schedule_of_its_own_goes_with_a_bundle(declared: Nightly, tmp_path: Path) -> None:
    declared.night()
    declared.clock.now += DAY
    declared.night()
    change = NewSchedule("prod", "0 2 * * SUN", "UTC", declared.clock.now)
    declared.history.log.append([change])
    declared.clock.now += 1 * DAY
    declared.night()

    gaps, schedules = gaps_of(declared, Period(), tmp_path / "bundle.zip")

    # A Friday by the first schedule, and the only Sunday by the second.
    assert gaps == [
        "a snapshot or a reason for the slot of 2024-05-03T02:00:00.000Z",
        "a snapshot or a reason for the slot of 2024-05-05T02:00:00.000Z",
    ]
    assert schedules == ["prod", "prod"]


def test_a_bundle_answers_for_the_slots_of_its_period(declared: Nightly, tmp_path: Path) -> None:
    declared.night()
    declared.clock.now += DAY
    for _ in range(4):
        declared.night()
    period = Period("2024-05-06T00:00:00.000Z", "2024-05-07T23:59:59.999Z")

    gaps, schedules = gaps_of(declared, period, tmp_path / "bundle.zip")

    assert gaps == []
    assert schedules == ["prod"]


def test_a_clock_that_was_set_back_makes_no_edge(nightly: Nightly, tmp_path: Path) -> None:
    for days in (1, 1, 1, -1, 1, 1, 1):
        nightly.clock.now += timedelta(days=days - 1)
        nightly.night()
    period = Period("2024-05-04T00:00:00.000Z", "2024-05-04T23:59:59.999Z")
    path = tmp_path / "bundle.zip"

    made = bundle(nightly.history.root, "prod", period, None, path)

    taken = [payload.taken_at[8:10] for _, payload in made.taken]
    report = check_archive(path, trust_any([nightly.history.key]))
    assert taken == ["04", "04"]
    assert report.counts["SEQ_GAP"] == report.counts["PREV_MISMATCH"] == 0


def test_a_history_that_was_tampered_with_makes_no_bundle(tmp_path: Path) -> None:
    rotated = a_rotated_history(tmp_path / "made")
    (definitions,) = (rotated.root / "definitions").iterdir()
    definitions.chmod(0o644)
    definitions.write_bytes(definitions.read_bytes() + b"\n")

    with pytest.raises(BrokenHistory):
        bundle(rotated.root, "prod", Period(), None, tmp_path / "bundle.zip")

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def revoked(folder: Path, from_index: int) -> History:
    recovery = a_key(8)
    history = a_history(
        folder, recovery_key=recovery.public_key, clock=Clock(datetime(2026, 11, 23, 3, tzinfo=UTC))
    )
    history.take_days(6)
    revoke(history.log, history.key.key_id, recovery, from_index, a_key(2))
    return history


def test_what_a_revoked_key_signed_before_stays_good(tmp_path: Path) -> None:
    history = revoked(tmp_path, from_index=5)
    path = tmp_path / "bundle.zip"

    bundle(history.root, "prod", Period(None, "2026-11-25T12:00:00.000Z"), None, path)

    counts = check_archive(path, trust_any([history.key])).counts
    assert counts["KEY_REVOKED"] == counts["ROTATION_UNPROVEN"] == 0
    assert counts.keys() <= {"UNANCHORED", "TIME_SKEW"}


def test_what_a_revoked_key_signed_later_makes_no_bundle(tmp_path: Path) -> None:
    history = revoked(tmp_path, from_index=3)

    with pytest.raises(BrokenHistory, match="KEY_REVOKED"):
        bundle(history.root, "prod", Period(), None, tmp_path / "bundle.zip")
