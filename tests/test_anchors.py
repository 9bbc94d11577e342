"""Handing over: what is remembered, what fails, what recovers, and what is said of it."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.anchors.checkup import Checked, check_anchors
from etl.anchors.handing import anchored, hand_over, hand_over_newest, warnings_of
from etl.anchors.memory import AnchorState, note_hash, read_states, write_states
from etl.anchors.report import age_text
from etl.log import SigningLog
from tests.anchored import Anchored, an_anchored, failures, table
from tests.builders import a_reading
from tests.tsa import a_keeper
from warehouse.files import exclusive_lock
from warehouse.note import MalformedNote, parse_checkpoint
from warehouse.payload import Anchored as AnchoredHead
from warehouse.payload import Heads
from warehouse.record import decode, moment, timestamp


@pytest.fixture
def world(tmp_path: Path) -> Anchored:
    return an_anchored(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def remembered(world: Anchored) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(memory(world).read_bytes())
    return found


def memory(world: Anchored) -> Path:
    return world.history.log.state / "anchors.json"


def is_recent(at: object) -> bool:
    return abs(moment(str(at)) - datetime.now(UTC)) < timedelta(minutes=1)


# --- memory


def test_what_was_taken_is_remembered(world: Anchored, elsewhere: Path) -> None:
    (state,) = world.hand_over(table("a", "file", folder=elsewhere))

    assert remembered(world) == [
        {
            "name": "a",
            "kind": "file",
            "where": str(elsewhere),
            "size": 2,
            "sha256": note_hash(parse_checkpoint(world.note)),
            "at": state.at,
            "failure": None,
            "failing_since": None,
            "attempts": 0,
        }
    ]
    assert is_recent(state.at)
    assert state.standing == "ok"


def test_a_failure_is_remembered_since_it_began_and_over_when_it_is_over(
    world: Anchored, tmp_path: Path
) -> None:
    anchor = table("a", "file", folder="there")
    (first,) = world.hand_over(anchor)
    (second,) = world.hand_over(anchor)
    (tmp_path / "there").mkdir()
    (third,) = world.hand_over(anchor)

    reason = f"there is no folder '{tmp_path}/there'"
    assert (first.failure, first.attempts, first.size) == (reason, 1, None)
    assert (second.failure, second.attempts) == (reason, 2)
    assert second.failing_since == first.failing_since
    assert (third.failure, third.failing_since, third.attempts) == (None, None, 0)
    assert (third.size, third.standing) == (2, "ok")


def test_the_next_run_hands_over_the_newest_not_what_was_missed(
    world: Anchored, tmp_path: Path
) -> None:
    anchor = table("a", "file", folder="there")
    world.hand_over(anchor)
    world.history.take()
    (tmp_path / "there").mkdir()

    world.hand_over(anchor)

    assert [path.read_text() for path in (tmp_path / "there").iterdir()] == [world.note]


def test_a_failing_anchor_still_tells_what_it_took_before(
    world: Anchored, elsewhere: Path, tmp_path: Path
) -> None:
    anchor = table("a", "file", folder=elsewhere)
    (well,) = world.hand_over(anchor)
    world.history.take()
    elsewhere.rename(tmp_path / "away")

    (failing,) = world.hand_over(anchor)

    assert (failing.size, failing.at, failing.standing) == (2, well.at, "failing")


def test_what_has_been_taken_is_not_handed_over_again(world: Anchored) -> None:
    with a_keeper() as keeper:
        anchor = table("a", "http", url=keeper.url)
        once = world.hand_over(anchor)
        again = world.hand_over(anchor)

    assert len(keeper.asked) == 1
    assert again == once


def test_an_older_checkpoint_is_not_handed_over_after_a_newer(
    world: Anchored, elsewhere: Path
) -> None:
    settings = world.settings(table("a", "file", folder=elsewhere))
    hand_over(settings, world.notes[1])

    hand_over(settings, world.notes[0])

    assert len(list(elsewhere.iterdir())) == 1


def test_an_anchor_that_keeps_elsewhere_now_begins_anew(
    world: Anchored, elsewhere: Path, tmp_path: Path
) -> None:
    world.hand_over(table("a", "file", folder=elsewhere))
    (tmp_path / "second").mkdir()

    (state,) = world.hand_over(table("a", "file", folder="second"))

    assert state.size == 2
    assert len(list((tmp_path / "second").iterdir())) == 1
    assert [found["where"] for found in remembered(world)] == [f"{tmp_path}/second"]


@pytest.mark.parametrize("damage", ["", "{", '[{"name": 1}]', "[1]", "\x00"])
def test_a_damaged_memory_begins_anew(world: Anchored, elsewhere: Path, damage: str) -> None:
    memory(world).write_text(damage)

    (state,) = world.hand_over(table("a", "file", folder=elsewhere))

    assert (state.size, state.failure) == (2, None)
    assert remembered(world)[0]["size"] == 2


def test_a_memory_that_cannot_be_written_is_a_failure_and_no_more(
    world: Anchored, elsewhere: Path
) -> None:
    memory(world).mkdir()

    (state,) = world.hand_over(table("a", "file", folder=elsewhere))

    assert state.failure == f"cannot write '{memory(world)}': is a directory"
    assert len(list(elsewhere.iterdir())) == 1


def test_another_run_that_hands_over_is_waited_for_a_while(
    world: Anchored, elsewhere: Path
) -> None:
    settings = world.settings("lock_timeout = 0.1", table("a", "file", folder=elsewhere))
    lock = world.history.log.state / "anchors.lock"

    with exclusive_lock(lock, wait_seconds=0):
        (state,) = hand_over(settings, world.note)

    assert str(state.failure).startswith(f"'{lock}' is held by process ")
    assert hand_over(settings, world.note)[0].failure is None


def test_without_anchors_nothing_is_written(world: Anchored) -> None:
    assert hand_over_newest(world.settings(), world.history.ledger) == []
    assert not memory(world).exists()


def test_what_is_no_checkpoint_is_not_handed_over(world: Anchored, elsewhere: Path) -> None:
    settings = world.settings(table("a", "file", folder=elsewhere))

    with pytest.raises(MalformedNote):
        hand_over(settings, "anything")

    assert list(elsewhere.iterdir()) == []


# --- many


def test_one_that_fails_costs_no_other(world: Anchored, elsewhere: Path) -> None:
    with a_keeper() as keeper:
        keeper.status = 503
        states = world.hand_over(
            table("web", "http", url=keeper.url),
            table("disk", "file", folder=elsewhere),
            table("metrics", "prometheus", file=elsewhere / "x.prom"),
        )

    assert failures(states) == {
        "web": "answered 503 Service Unavailable",
        "disk": None,
        "metrics": None,
    }
    assert warnings_of(states) == [
        "anchor 'web' (http) did not take the newest checkpoint: answered 503 Service Unavailable"
    ]


def test_all_are_waited_for_at_once(world: Anchored) -> None:
    ended = threading.Event()
    with a_keeper(lambda _: b"late" if ended.wait(20) else b"") as keeper:
        began = time.monotonic()
        states = world.hand_over(
            *[table(f"a{n}", "http", url=keeper.url, timeout=0.5) for n in range(8)]
        )
        seconds = time.monotonic() - began
        ended.set()

    assert set(failures(states).values()) == {"no answer within 0.5 s"}
    assert seconds < 3


def test_the_newest_checkpoint_is_that_of_the_newest_commit(
    world: Anchored, elsewhere: Path
) -> None:
    world.history.take(a_reading(), a_reading(), a_reading())
    settings = world.settings(table("a", "file", folder=elsewhere))

    (state,) = hand_over_newest(settings, world.history.ledger)

    assert state.size == 5
    assert [path.read_text() for path in elsewhere.iterdir()] == [world.note]


def test_a_history_that_cannot_be_read_is_a_failure_and_no_more(
    world: Anchored, elsewhere: Path
) -> None:
    world.history.files()[-1].write_bytes(b"damaged")
    settings = world.settings(table("a", "file", folder=elsewhere))

    (state,) = hand_over_newest(settings, world.history.ledger)

    assert str(state.failure).startswith("the newest checkpoint cannot be read: cannot read ")


# --- the record


def test_the_log_says_itself_what_was_taken(world: Anchored, elsewhere: Path) -> None:
    anchors = (
        table("a", "file", folder=elsewhere),
        table("b", "file", folder="nowhere"),
    )
    (taken, _) = world.hand_over(*anchors)
    settings = world.settings(*anchors)
    log = world.history.log
    tomorrow = SigningLog(
        log.origin, log.ledger, log.signer, log.state, log.tool,
        clock=lambda: datetime.now(UTC) + timedelta(days=1),
        anchored=lambda: anchored(settings),
    )  # fmt: skip

    tomorrow.append([a_reading()])

    (heads,) = [
        payload
        for record in log.ledger.records()
        if isinstance(payload := decode(record.payload), Heads)
    ]
    assert heads.anchors == [AnchoredHead(name="a", kind="file", size=2, at=str(taken.at))]


# --- the doctor


def stood(settings_of: Anchored, anchor: str, **changes: object) -> list[Checked]:
    """Remember an anchor like this, and ask the doctor."""
    settings = settings_of.settings(anchor)
    (state,) = read_states(settings.state, settings.anchors)
    known = {name: getattr(state, name) for name in AnchorState.__struct_fields__}
    write_states(settings.state, [AnchorState(**{**known, **changes})])
    return list(check_anchors(settings))


def ago(**time: float) -> str:
    return timestamp(datetime.now(UTC) - timedelta(**time))


def test_the_doctor_tells_how_to_begin(world: Anchored) -> None:
    found = "none: nobody else keeps the head of the log; begin with a table [anchor.NAME]"

    assert list(check_anchors(world.settings())) == [Checked("anchors", "ok", found)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            {"size": 42, "at": ago(hours=3, minutes=1)},
            Checked("anchor a", "ok", "file, 42 records, 3 h ago"),
        ),
        (
            {"size": 42, "at": ago(days=3)},
            Checked(
                "anchor a",
                "warning",
                "42 records, 3 d ago",
                "Take snapshots daily: tallybook snapshot",
            ),
        ),
        (
            {},
            Checked(
                "anchor a",
                "warning",
                "none kept yet",
                "The next snapshot hands over: tallybook snapshot",
            ),
        ),
        (
            {
                "size": 42,
                "at": ago(days=3),
                "failure": "gone",
                "failing_since": "2026-11-23T02:00:00.000Z",
                "attempts": 3,
            },
            Checked(
                "anchor a",
                "warning",
                "42 records, 3 d ago; failing since 2026-11-23T02:00:00.000Z, 3 time(s): gone",
                "The next snapshot tries again; see to its keeper.",
            ),
        ),
    ],
)
def test_the_doctor_tells_how_an_anchor_stands(
    world: Anchored, state: dict[str, object], expected: Checked
) -> None:
    assert stood(world, table("a", "file", folder="x"), **state) == [expected]


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=49), "2 d"),
    ],
)
def test_an_age_is_told_as_people_do(age: timedelta, text: str) -> None:
    assert age_text(age) == text
