"""The signing end: numbering, healing after a crash, and what it refuses to go on from."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.log import LOCK_FILE
from etl.memory import Head
from etl.snapshot import MissedSlot
from tests.builders import (
    A_MONDAY,
    ORIGIN,
    PROD,
    History,
    a_genesis,
    a_history,
    a_missed,
    a_reading,
)
from warehouse.errors import (
    CannotStore,
    LedgerFailure,
    Locked,
    NoWarehouse,
    SignerBehindWarehouse,
    WarehouseBehindSigner,
)
from warehouse.files import exclusive_lock
from warehouse.merkle import Frontier
from warehouse.payload import Chained, Genesis, Instance, Snapshot
from warehouse.record import Record, decode

STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def journal_of(history: History) -> Path:
    return history.log.state / STATE_FILE


def snapshots(history: History) -> list[Snapshot]:
    payloads = [decode(record.payload) for record in history.ledger.records()]
    return [payload for payload in payloads if isinstance(payload, Snapshot)]


def root_of(records: list[Record]) -> bytes:
    tree = Frontier()
    for record in records:
        tree = tree.append(record.payload)
    return tree.root


def test_a_log_begins_with_its_genesis_record(history: History) -> None:
    (record,) = history.ledger.records()
    payload = decode(record.payload)

    assert isinstance(payload, Genesis)
    assert payload == a_genesis(
        history.signer, nonce=payload.nonce, recorded_at=payload.recorded_at
    )
    assert history.key.verifies(record.signature, record.payload)


def test_a_log_begins_once(history: History) -> None:
    with pytest.raises(LedgerFailure) as refusal:
        history.log.begin()

    expected = f"'{journal_of(history)}' exists: this log has begun already"
    assert str(refusal.value) == expected


def test_every_instance_has_a_chain_of_its_own(history: History) -> None:
    for _ in range(2):
        history.take(a_reading(), a_reading(instance=STAGING))

    taken = snapshots(history)

    assert [(s.index, s.instance.name, s.seq) for s in taken] == [
        (1, "prod", 0),
        (2, "staging", 0),
        (3, "prod", 1),
        (4, "staging", 1),
    ]


def test_prev_is_the_hash_of_the_payload_before(history: History) -> None:
    history.take_days(3)
    _, *records = history.ledger.records()

    assert [s.prev for s in snapshots(history)] == [
        "0" * 64,
        records[0].sha256,
        records[1].sha256,
    ]


def test_one_instance_may_come_twice_in_one_commit(history: History) -> None:
    history.take(a_reading(), a_reading())

    assert [s.seq for s in snapshots(history)] == [0, 1]
    assert history.verify().findings == []


def test_a_rebuilt_database_under_the_old_name_is_another_instance(history: History) -> None:
    history.take()

    history.take(a_reading(instance=Instance("another-id", PROD.name)))

    assert [s.seq for s in snapshots(history)] == [0, 0]


def test_nonces_never_repeat(history: History) -> None:
    history.take(*[a_reading()] * 20)

    nonces = {s.nonce for s in snapshots(history)}
    assert len(nonces) == 20
    assert {len(nonce) for nonce in nonces} == {32}


def test_nothing_to_append_is_nothing(history: History) -> None:
    assert history.log.append([]) == []
    assert history.size == 1


def test_the_signer_remembers_the_tree_of_all_records(history: History) -> None:
    history.take_days(5)

    memory = read_journal(journal_of(history)).memory

    records = list(history.ledger.records())
    assert memory.tree.root == root_of(records)
    assert memory.heads == {PROD: Head(PROD, 5, records[-1].sha256)}


def test_a_payload_in_the_journal_is_signed_and_published_first(history: History) -> None:
    first = history.take()[0]
    history.files()[-1].unlink()

    second = history.take()[0]

    assert list(history.ledger.records())[1:] == [first, second]
    assert history.verify().status == "intact"


def test_healing_publishes_the_same_bytes(history: History) -> None:
    before = history.take(a_reading(), a_reading(instance=STAGING))
    history.files()[-1].unlink()

    assert history.log.heal() == 3

    assert list(history.ledger.records())[1:] == before


def test_healing_what_is_whole_changes_nothing(history: History) -> None:
    history.take()
    before = [(path, path.stat()) for path in history.files()]

    assert history.log.heal() == 2

    assert [(path, path.stat()) for path in history.files()] == before


def test_a_genesis_record_that_was_lost_in_a_crash_is_published_again(history: History) -> None:
    (genesis,) = history.ledger.records()
    history.files()[0].unlink()

    history.log.heal()

    assert list(history.ledger.records()) == [genesis]


def test_a_crash_before_the_journal_leaves_nothing(history: History) -> None:
    (history.log.state / f".{STATE_FILE}.999").write_bytes(b"half a jour")

    history.take()

    assert history.verify().status == "intact"


def test_drafts_of_a_killed_writer_are_swept(history: History) -> None:
    draft = history.ledger.layout.drafts / "0123.parquet.999"
    draft.write_bytes(b"half")

    history.take()

    assert not draft.exists()


def test_a_warehouse_that_lost_records_is_refused(history: History) -> None:
    history.take_days(3)
    for path in history.files()[-2:]:
        path.unlink()

    with pytest.raises(WarehouseBehindSigner) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"WAREHOUSE_BEHIND_SIGNER: the signer has signed 4 records of {ORIGIN!r}, "
        f"the warehouse in '{history.root}' ends after 2"
    )
    assert refusal.value.hint == (
        "The warehouse was restored from an older copy, or files are missing. "
        "Bring back the newest copy; do not begin anew from this one."
    )
    assert len(snapshots(history)) == 1


def test_a_warehouse_that_was_emptied_is_refused(history: History) -> None:
    history.take_days(2)
    for path in history.files():
        path.unlink()

    with pytest.raises(WarehouseBehindSigner, match=r"ends after 0$"):
        history.log.heal()


def test_a_signer_that_forgot_records_is_refused(history: History) -> None:
    history.take()
    older = journal_of(history).read_bytes()
    history.take()
    journal_of(history).write_bytes(older)

    with pytest.raises(SignerBehindWarehouse) as refusal:
        history.take()

    assert str(refusal.value) == (
        f"SIGNER_BEHIND_WAREHOUSE: the signer remembers 2 records of {ORIGIN!r}, "
        f"the warehouse in '{history.root}' has more"
    )
    assert refusal.value.hint == (
        "The signer's state was restored from an older copy, or the key is in use elsewhere. "
        "Bring back the newest state: signing on would fork the log."
    )
    assert len(snapshots(history)) == 2


def test_a_warehouse_that_is_gone_is_not_begun_anew(history: History) -> None:
    shutil.rmtree(history.root)

    with pytest.raises(NoWarehouse):
        history.log.append([a_reading()])

    assert not history.root.exists()


def test_another_origin_is_refused(history: History) -> None:
    renamed = replace(history.log, origin="example.com/renamed")

    with pytest.raises(LedgerFailure) as refusal:
        renamed.append([a_reading()])

    assert str(refusal.value) == (
        f"the signer's state is of the log {ORIGIN!r}, the settings name 'example.com/renamed'"
    )
    assert refusal.value.hint == (
        "The origin of a log never changes: put back the old one in tallybook.toml."
    )


def test_a_new_epoch_goes_on_where_the_old_one_ended(history: History) -> None:
    history.take()
    history.ledger.layout.epoch(1).mkdir()

    history.take()

    assert [s.seq for s in snapshots(history)] == [0, 1]
    assert history.verify().status == "intact"


def test_a_second_writer_that_waits_too_long_is_refused(history: History) -> None:
    with (
        exclusive_lock(history.log.state / LOCK_FILE, wait_seconds=0),
        pytest.raises(Locked, match=r"is held by process \d+, which did not finish within 0.1 s$"),
    ):
        history.take()

    assert snapshots(history) == []


def test_writers_in_several_processes_wait_their_turn(history: History) -> None:
    append = f"""
import sys
from pathlib import Path
from dataclasses import replace
from etl.log import SigningLog
from tests.builders import a_key, a_reading
from warehouse.ledger import Ledger
log = SigningLog({ORIGIN!r}, Ledger(Path(sys.argv[1])), a_key(), Path(sys.argv[2]), "test", 60)
for _ in range(5):
    log.append([a_reading()])
"""
    command = [sys.executable, "-c", append, str(history.root), str(history.log.state)]
    root = Path(__file__).resolve().parent.parent

    writers = [subprocess.Popen(command, cwd=root) for _ in range(3)]

    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert [s.seq for s in snapshots(history)] == list(range(15))


def test_a_disk_that_takes_nothing_costs_nothing_that_was_read(history: History) -> None:
    layout = history.ledger.layout
    in_the_way = layout.drafts / f"{layout.hot_name(ORIGIN, 1)}.{os.getpid()}"
    in_the_way.mkdir()

    with pytest.raises(CannotStore, match=r": is a directory$") as refusal:
        history.log.append([a_reading()])
    in_the_way.rmdir()
    history.log.heal()

    assert refusal.value.hint is not None
    assert refusal.value.hint.endswith(
        "What was read is not lost: it waits, signed, in "
        f"'{journal_of(history)}', and the next run writes it first."
    )
    assert len(snapshots(history)) == 1


def test_a_disk_that_takes_the_record_and_not_its_line_says_only_that(history: History) -> None:
    file = history.ledger.layout.checkpoints
    notes = file.read_bytes()
    file.unlink()
    file.mkdir()

    with pytest.raises(CannotStore) as refusal:
        history.log.append([a_reading()])

    assert str(refusal.value) == f"cannot write '{file}': is a directory"
    assert refusal.value.hint is None
    assert len(snapshots(history)) == 1
    file.rmdir()
    history.log.heal()
    assert file.read_bytes().startswith(notes)
    assert file.read_bytes().count(b"\n\n") == 4
    assert len(snapshots(history)) == 1


def test_a_missed_slot_is_a_link_of_its_instances_chain(history: History) -> None:
    (first,) = history.take()
    (missed,) = history.log.append([MissedSlot(PROD, A_MONDAY, "no answer")])
    history.take()

    genesis, *contents = (decode(record.payload) for record in history.ledger.records())

    assert isinstance(genesis, Genesis)
    assert [(c.seq, c.prev) for c in contents if isinstance(c, Chained)] == [
        (0, "0" * 64),
        (1, first.sha256),
        (2, missed.sha256),
    ]
    assert contents[1] == a_missed(
        index=2,
        seq=1,
        prev=first.sha256,
        recorded_at=contents[1].recorded_at,
        nonce=contents[1].nonce,
        reason="no answer",
    )
