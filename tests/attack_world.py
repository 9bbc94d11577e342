"""The world that attacks are tried on, and what its verifier holds in his hands.

One warehouse, two logs. `example.com/tallybook` has prod and staging, a schedule, a recovery
key and a rotation; `example.com/other` has shop, and a key of the other kind. Who verifies
it knows the first key of both, the memory of both signers, and has a folder of anchors. It
all happened in one week of March 2026; nothing in it depends on today.

    0       genesis
    1  2    Monday     prod, staging
    3  4  5 Tuesday    heads, prod, staging
    6  7  8 Wednesday  heads, prod, a missed slot of staging
    9       Thursday   the rotation, an hour before the slot
    10 - 12            heads, prod, staging
    13 - 15 Friday     heads, prod, staging
    16 - 18 Saturday   heads, prod, staging
    19                 prod once more, by hand
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest

from etl.journal import STATE_FILE, read_journal
from etl.keys.change import rotate
from etl.log import Draft, SigningLog
from etl.snapshot import MissedSlot
from tests.builders import (
    DAY,
    ORIGIN,
    PROD,
    SOME_DEFINITIONS,
    SOME_STATS,
    Clock,
    History,
    a_history,
    a_key,
    a_reading,
    definitions_json,
)
from tests.tsa import Authority, an_authority
from warehouse import catalog
from warehouse.checks.examine import Scope
from warehouse.checks.findings import Report
from warehouse.checks.trust import read_trust
from warehouse.keys import ECDSA_P256
from warehouse.layout import Layout, log_key
from warehouse.ledger import Ledger
from warehouse.note import Checkpoint
from warehouse.outside import gather
from warehouse.payload import Instance
from warehouse.record import sha256_hex
from warehouse.verify import verify

OTHER = "example.com/other"
STAGING = Instance("4c1b6b6e-0000-4000-8000-000000000002", "staging")
SHOP = Instance("4c1b6b6e-0000-4000-8000-000000000003", "shop")
FIRST, SECOND, THIRD, RECOVERY = a_key(1), a_key(2), a_key(4), a_key(9)
THEIRS = a_key(3, ECDSA_P256)
STRANGER = a_key(66)
MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
SATURDAY = MONDAY + 5 * DAY
# When the auditor had a timestamp made: between the rotation and the snapshots of that night.
THURSDAY = MONDAY + 3 * DAY - timedelta(minutes=59)
ROTATION = 9
SIZE = 20
OTHER_SIZE = 4
# The authority's certificates hold for as long as anybody will run this.
_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """A copy of it in a folder: the warehouse, the signers' state, what the verifier was given."""

    folder: Path
    authority: Authority
    remembers: bool = True
    anchors: Path | None = None
    expected: list[Path] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "history"

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    @property
    def auditor(self) -> Path:
        """The auditor's own folder of anchors."""
        return self.folder / "auditor"

    @property
    def trusted(self) -> Path:
        """The verifier keys that the auditor trusts, one a line."""
        return self.folder / "trusted.vkeys"

    @cached_property
    def clock(self) -> Clock:
        """The signers' clock, five minutes after the last record."""
        return Clock(SATURDAY + timedelta(minutes=15))

    def files(self, origin: str = ORIGIN) -> list[Path]:
        """The files of a log's commits, genesis first."""
        return [f.path for f in self.layout.record_files() if f.log_key == log_key(origin)]

    def log(self, origin: str = ORIGIN) -> SigningLog:
        """The signer of a log, who goes on where his state says, by the world's clock."""
        return SigningLog(
            origin=origin,
            ledger=Ledger(self.root),
            signer=SECOND if origin == ORIGIN else THEIRS,
            state=self.state(origin),
            tool="tallybook/test",
            lock_timeout=0.1,
            clock=self.clock,
        )

    def state(self, origin: str = ORIGIN) -> Path:
        """The folder in which a signer keeps his state."""
        (found,) = self.folder.glob(f"state-*-{sha256_hex(origin.encode())[:8]}")
        return found

    def remembered(self) -> Iterator[Checkpoint]:
        """Where the signers remember their logs to end."""
        for journal in sorted(self.folder.glob(f"state-*/{STATE_FILE}")):
            memory = read_journal(journal).memory
            yield Checkpoint(memory.origin, memory.size, memory.tree.root)

    def verify(self, *, fast: bool = False) -> Report:
        """Verify it with all that the verifier has."""
        outside = gather(
            self.root,
            memory=[*self.remembered()] if self.remembers else [],
            expected=self.expected,
            anchors=self.anchors,
        )
        return verify(
            self.root, read_trust([self.trusted]), outside=outside, scope=Scope(fast=fast)
        )


@pytest.fixture(scope="session")
def pristine_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world that nobody has touched, made once."""
    return a_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(pristine_world: World, tmp_path: Path) -> World:
    """A copy of the world, to be attacked."""
    return copy_of(pristine_world, tmp_path / "world")


def copy_of(world: World, folder: Path) -> World:
    """Copy a world as it is into another folder."""
    shutil.copytree(world.folder, folder)
    anchors = folder / "auditor" if world.anchors else None
    return replace(world, folder=folder, anchors=anchors, expected=[])


def a_world(folder: Path) -> World:
    """Let the week happen in an empty folder."""
    clock = Clock(MONDAY - timedelta(hours=1))
    ours = a_history(folder, clock=clock, recovery_key=RECOVERY.public_key, schedule="0 2 * * *")
    other = a_history(folder, origin=OTHER, seed=3, algorithm=ECDSA_P256, clock=clock)
    _live_through(ours, clock)
    for day in (0, 1):
        clock.now = MONDAY + day * DAY + timedelta(minutes=5)
        other.take(a_reading(instance=SHOP, taken_at=clock.now))
    catalog.refresh(ours.root)
    world = World(folder, _an_old_authority(folder / "authority"), anchors=folder / "auditor")
    _file_anchors(world)
    world.trusted.write_text(
        f"# By telephone, from their security officer.\n"
        f"{FIRST.public_key.vkey(ORIGIN)}\n{THEIRS.public_key.vkey(OTHER)}\n"
    )
    return world


def _live_through(ours: History, clock: Clock) -> None:
    ours.ledger.keep_definitions(content := definitions_json(SOME_DEFINITIONS), sha256_hex(content))
    log = ours.log
    for day in range(6):
        if day == 3:
            clock.now = MONDAY + day * DAY - timedelta(hours=1)
            rotate(log, SECOND)
            log = replace(log, signer=SECOND)
        slot = MONDAY + day * DAY
        clock.now = slot + timedelta(seconds=1)
        log.append([*the_night(slot, missed=[STAGING] if day == 2 else [])])
    clock.now = SATURDAY + timedelta(minutes=10)
    log.append([a_reading({**SOME_STATS, "users": 127}, taken_at=clock.now)])


def the_night(slot: datetime, missed: Iterable[Instance] = ()) -> Iterator[Draft]:
    """What is recorded of one slot: a user more each day."""
    absent = {instance.name for instance in missed}
    for instance in (PROD, STAGING):
        if instance.name in absent:
            yield MissedSlot(instance, slot, "the source could not be reached")
        else:
            stats = {**SOME_STATS, "users": 120 + (slot - MONDAY).days}
            yield a_reading(stats, instance=instance, taken_at=slot, due_at=slot)


def file_anchor(
    world: World, name: str, note: str, at: datetime | None = None, signer: str = "old"
) -> None:
    """Give the auditor a note, and a timestamp of it where `at` says of when."""
    world.auditor.mkdir(exist_ok=True)
    (world.auditor / f"{name}.note").write_text(note)
    if at:
        token = world.authority.forged(note.encode(), signer, at=at)
        (world.auditor / f"{name}.tsr").write_bytes(token)


def note_of(world: World, size: int, origin: str = ORIGIN) -> str:
    """The checkpoint over the first `size` records, as the warehouse has it."""
    notes = Ledger(world.root).checkpoints(origin, 0)
    return next(note for note in notes if note.split("\n")[1] == str(size))


def _file_anchors(world: World) -> None:
    file_anchor(world, "kept", note_of(world, 16), MONDAY + 4 * DAY + timedelta(minutes=2))
    # That one lies in the warehouse itself, where its own operator got it.
    world.auditor.rename(world.layout.anchors)
    file_anchor(world, "tallybook-10", note_of(world, 10), THURSDAY)
    file_anchor(world, "other-4", note_of(world, OTHER_SIZE, OTHER))
    shutil.copy(world.authority.ca, world.auditor)


def _an_old_authority(folder: Path) -> Authority:
    """An authority, and a signer `old` of it, who were there before the week began."""
    authority = an_authority(folder)
    _reissue(authority, "ca", "-selfsign", "-keyfile", "ca.key")
    for name, ends in (("old", _UNTIL), ("expired", MONDAY)):
        authority.issue(name)
        since = ("-startdate", _openssl(_SINCE), "-enddate", _openssl(ends))
        _reissue(authority, name, "-cert", "ca.pem", "-keyfile", "ca.key", *since)
    return authority


def _reissue(authority: Authority, name: str, *words: str) -> None:
    since = () if "-startdate" in words else _validity(_SINCE, _UNTIL)
    authority.openssl(
        *("ca", "-batch", "-notext", "-config", "openssl.cnf", "-name", "ca", *words, *since),
        *("-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext"),
    )


def _validity(begins: datetime, ends: datetime) -> Sequence[str]:
    return "-startdate", _openssl(begins), "-enddate", _openssl(ends)


def _openssl(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%SZ}"
