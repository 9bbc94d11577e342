"""Once a day a record says where every chain of the log ends, before anything else does."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from etl.heads import heads_are_due, heads_payloads
from etl.journal import STATE_FILE, read_journal
from etl.memory import Head, Memory
from etl.snapshot import MissedSlot, Place
from tests.builders import (
    A_MONDAY,
    DAY,
    ORIGIN,
    PROD,
    Clock,
    History,
    a_genesis,
    a_history,
    a_key,
    a_reading,
)
from warehouse.errors import WarehouseBehindSigner
from warehouse.merkle import Frontier
from warehouse.payload import (
    NO_PREVIOUS,
    Anchored,
    AnyPayload,
    ChainHead,
    Heads,
    Instance,
    Payload,
    Snapshot,
)
from warehouse.record import MAX_PAYLOAD, Record, decode, encode, timestamp

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
AN_HOUR = timedelta(hours=1)
AN_ANCHOR = Anchored(name="elsewhere", kind="file", size=2, at="2026-11-23T02:00:05.000Z")


@pytest.fixture
def clock() -> Clock:
    return Clock(A_MONDAY)


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> History:
    return a_history(tmp_path, clock=clock)


def contents(history: History) -> list[AnyPayload]:
    return [decode(record.payload) for record in history.ledger.records()]


def heads_in(history: History) -> list[Heads]:
    return [content for content in contents(history) if isinstance(content, Heads)]


def types(history: History) -> list[str]:
    return [type(content).__name__ for content in contents(history)]


def root_of(records: Sequence[Record]) -> str:
    tree = Frontier()
    for record in records:
        tree = tree.append(record.payload)
    return base64.b64encode(tree.root).decode()


def test_the_first_snapshot_of_a_day_comes_after_the_heads(history: History, clock: Clock) -> None:
    history.take(a_reading(), a_reading(instance=STAGING))
    history.take()
    before = list(history.ledger.records())
    clock.now += DAY

    (returned,) = history.take()

    heads, snapshot = contents(history)[-2:]
    assert isinstance(heads, Heads)
    assert heads == Heads(
        log=ORIGIN,
        index=4,
        recorded_at=timestamp(A_MONDAY + DAY),
        nonce=heads.nonce,
        tool="tallybook/test",
        size=4,
        root=root_of(before),
        instances=2,
        heads=[
            ChainHead(id=PROD.id, name="prod", count=2, sha256=before[3].sha256),
            ChainHead(id=STAGING.id, name="staging", count=1, sha256=before[2].sha256),
        ],
        anchors=[],
    )
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.index, snapshot.seq, snapshot.prev) == (5, 2, before[3].sha256)
    assert decode(returned.payload) == snapshot


def test_heads_come_in_the_same_commit_as_the_snapshot(history: History, clock: Clock) -> None:
    history.take()
    clock.now += DAY

    history.take()

    assert len(history.files()) == 3
    assert len(list(history.ledger.checkpoints(ORIGIN, 0))) == 3


def test_a_day_has_its_heads_once(history: History, clock: Clock) -> None:
    history.take()
    for _ in range(3):
        clock.now += DAY - 2 * AN_HOUR
        for _ in range(2):
            clock.now += AN_HOUR
            history.take()

    assert types(history) == [
        *("Genesis", "Snapshot"),
        *("Heads", "Snapshot", "Snapshot") * 3,
    ]


def test_there_are_no_heads_on_the_day_a_log_begins(history: History, clock: Clock) -> None:
    history.take()
    clock.now += 21 * AN_HOUR

    history.take()

    assert types(history) == ["Genesis", "Snapshot", "Snapshot"]


def test_a_log_without_chains_has_no_heads(history: History, clock: Clock) -> None:
    clock.now += 3 * DAY

    history.take()

    assert types(history) == ["Genesis", "Snapshot"]


def test_nothing_to_append_makes_no_heads(history: History, clock: Clock) -> None:
    history.take()
    clock.now += DAY

    assert history.log.append([]) == []
    assert history.log.heal() == 2

    assert types(history) == ["Genesis", "Snapshot"]


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_days_are_those_of_utc(history: History, clock: Clock, hours: int) -> None:
    here = timezone(timedelta(hours=hours))
    clock.now = datetime(2026, 11, 23, 23, 59, 59, tzinfo=A_MONDAY.tzinfo).astimezone(here)
    history.take()
    clock.now += timedelta(seconds=1)

    history.take()

    assert types(history) == ["Genesis", "Snapshot", "Heads", "Snapshot"]
    assert heads_in(history)[0].recorded_at == "2026-11-24T00:00:00.000Z"


def test_a_slot_that_was_missed_is_a_link_of_the_chain_as_well(
    history: History, clock: Clock
) -> None:
    history.take()
    (missed,) = history.log.append([MissedSlot(PROD, A_MONDAY + AN_HOUR, "no answer")])
    clock.now += DAY

    history.take()

    (heads,) = heads_in(history)
    assert heads.heads == [ChainHead(id=PROD.id, name="prod", count=2, sha256=missed.sha256)]


def test_a_missed_slot_is_preceded_by_heads_too(history: History, clock: Clock) -> None:
    history.take()
    clock.now += DAY

    history.log.append([MissedSlot(PROD, A_MONDAY + DAY, "no answer")])

    assert types(history) == ["Genesis", "Snapshot", "Heads", "Missed"]


def test_a_heads_record_is_no_link_of_a_chain(history: History, clock: Clock) -> None:
    history.take()
    clock.now += DAY
    history.take()

    memory = read_journal(history.log.state / STATE_FILE).memory

    newest = list(history.ledger.records())[-1]
    assert memory.heads == {PROD: Head(PROD, 2, newest.sha256)}
    assert memory.heads_on == "2026-11-24"


def test_anchors_are_named_in_it(tmp_path: Path, clock: Clock) -> None:
    anchors = [AN_ANCHOR]
    history = a_history(tmp_path, clock=clock, anchored=lambda: list(anchors))
    history.take()
    clock.now += DAY
    anchors.append(Anchored(name="git", kind="git", size=1, at="2026-11-23T02:00:06.000Z"))

    history.take()

    (heads,) = heads_in(history)
    assert heads.anchors == anchors


def test_anchors_are_asked_for_only_when_heads_are_due(tmp_path: Path, clock: Clock) -> None:
    asked: list[datetime] = []

    def anchored() -> list[Anchored]:
        asked.append(clock.now)
        return []

    history = a_history(tmp_path, clock=clock, anchored=anchored)
    history.take()
    history.take()
    clock.now += DAY
    history.take()

    assert asked == [A_MONDAY + DAY]


def test_heads_that_a_crash_kept_back_are_written_first(history: History, clock: Clock) -> None:
    history.take()
    clock.now += DAY
    history.take()
    before = contents(history)
    history.files()[-1].unlink()
    clock.now += DAY

    history.take()

    assert contents(history)[: len(before)] == before
    assert types(history)[len(before) :] == ["Heads", "Snapshot"]


def test_heads_are_not_written_over_what_is_lost(history: History, clock: Clock) -> None:
    history.take()
    history.take()
    for file in history.files()[-2:]:
        file.unlink()
    clock.now += DAY

    with pytest.raises(WarehouseBehindSigner):
        history.take()

    assert types(history) == ["Genesis"]


@dataclass(frozen=True)
class Places:
    """The places of records whose time does not matter."""

    def __call__(self, memory: Memory) -> Place:
        return Place(
            log=ORIGIN,
            index=memory.size,
            seq=0,
            prev=NO_PREVIOUS,
            recorded_at=timestamp(A_MONDAY),
            nonce="0" * 32,
            tool="tallybook/test",
        )


def a_memory(instances: int, *, name: str = "prod") -> Memory:
    """A log of many instances, as its signer remembers it after its genesis record."""
    heads = [Head(Instance(f"id-{n:06d}", name), 1, f"{n:064x}") for n in range(instances)]
    begun = Memory.of_new_log(ORIGIN).after(encode(a_genesis(a_key())))
    return Memory(ORIGIN, begun.tree, {head.instance: head for head in reversed(heads)})


def decoded(payloads: Sequence[bytes]) -> list[Heads]:
    found: list[Payload] = [decode(payload) for payload in payloads]
    return [content for content in found if isinstance(content, Heads)]


@pytest.mark.parametrize(
    ("instances", "parts"),
    [
        (1, [1]),
        (2_000, [2_000]),
        (2_001, [2_000, 1]),
        (4_500, [2_000, 2_000, 500]),
    ],
)
def test_very_many_instances_make_several_records(instances: int, parts: list[int]) -> None:
    memory = a_memory(instances)

    payloads = heads_payloads(memory, Places(), [AN_ANCHOR])

    records = decoded(payloads)
    names = [head.id for record in records for head in record.heads]
    assert [len(record.heads) for record in records] == parts
    assert names == [f"id-{n:06d}" for n in range(instances)]
    assert {record.instances for record in records} == {instances}
    assert [record.anchors for record in records] == [[AN_ANCHOR]] * len(parts)
    tree = memory.tree
    for payload, record in zip(payloads, records, strict=True):
        root = base64.b64encode(tree.root).decode()
        assert (record.index, record.size, record.root) == (tree.size, tree.size, root)
        tree = tree.append(payload)


def test_4500_instances_are_signed_in_one_commit(tmp_path: Path, clock: Clock) -> None:
    history = a_history(tmp_path, clock=clock)
    instances = [Instance(f"id-{n:04d}", "prod") for n in range(4_500)]
    history.log.append([MissedSlot(instance, A_MONDAY, "begun") for instance in instances])
    clock.now += DAY

    history.take()

    assert types(history)[-4:] == ["Heads", "Heads", "Heads", "Snapshot"]
    assert [(heads.index, heads.size) for heads in heads_in(history)] == [
        (4501, 4501),
        (4502, 4502),
        (4503, 4503),
    ]
    assert len(history.files()) == 3


@pytest.mark.parametrize(
    ("instances", "name"),
    [(2_000, "ä" * 2_000), (2_000, "\x01" * 200), (3, "x" * 600_000)],
    ids=["long", "escaped", "huge"],
)
def test_names_of_any_length_fit(instances: int, name: str) -> None:
    payloads = heads_payloads(a_memory(instances, name=name), Places(), [AN_ANCHOR] * 10)

    records = decoded(payloads)
    assert max(map(len, payloads)) <= MAX_PAYLOAD
    assert len(payloads) > 1
    assert [head.id for record in records for head in record.heads] == [
        f"id-{n:06d}" for n in range(instances)
    ]


@pytest.mark.parametrize(
    ("heads_on", "due"),
    [("2026-11-23", False), ("2026-11-22", True), ("", True), ("2026-11-24", True)],
)
def test_heads_are_due_on_every_other_day_than_that_of_the_newest(heads_on: str, due: bool) -> None:
    memory = Memory(ORIGIN, Frontier(), {PROD: Head(PROD, 1, "0" * 64)}, heads_on=heads_on)

    assert heads_are_due(memory, A_MONDAY) is due
