"""Verification: whether the history is what its keys' holders signed, and all of it.

Every record is checked in order: trust, rows, tree, keys, instances, columns, time, anchors,
schedule. Each failure has a name (`warehouse.checks.findings`), and says which log, index and
instance, what was expected and what was found. Payload bytes are hashed and checked as they
lie in the file; a file that can be read is not yet a file that is right.

Batches are examined side by side, and come together here log by log. Memory does not grow
with the history.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.checkpoints import read_checkpoints
from warehouse.checks.catalogue import check_catalogue
from warehouse.checks.examine import Batch, Examined, Scope, examine
from warehouse.checks.findings import Place, Report
from warehouse.checks.keys import LogKeys, declared_keys
from warehouse.checks.log import LogCheck
from warehouse.checks.pool import examine_all
from warehouse.checks.times import Times
from warehouse.checks.tree import LogTree, is_signed
from warehouse.checks.trust import Trust
from warehouse.checks.witnesses import Outside, Testimony, Witness
from warehouse.definitions import definition_files, read_set
from warehouse.errors import BadInput, BrokenHistory
from warehouse.layout import Layout, RecordFile, log_key
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint
from warehouse.record import timestamp

# Larger files are examined a few row groups at a time.
_SMALL_FILE: Final = 4 << 20
# A verifier's own clock may be a little behind.
_TOMORROW: Final = timedelta(days=1)


def verify(
    root: Path,
    trust: Trust,
    *,
    outside: Outside | None = None,
    scope: Scope | None = None,
    unfinished: int = 0,
    progress: Callable[[int, float], None] = lambda _records, _share: None,
) -> Report:
    """Check the whole warehouse in `root` against the keys somebody trusts.

    `outside` is what is known elsewhere of where its logs end: without any of it, the best
    status is `incomplete`. `scope` leaves out a part of the work. `unfinished` is how many
    records the signer signed and could not see into the warehouse yet. `progress` hears how
    many records are done, and which share of the bytes. Raises NoWarehouse.
    """
    layout = Layout(root)
    layout.require()
    scope = scope or Scope()
    report = Report(fast=scope.fast, unfinished=unfinished)
    run = _Run(layout, trust, outside or Outside(), scope, report)
    # In this order: a writer adds a definition, then a commit, then a line to checkpoints.log.
    run.look_at_heads()
    files = [file for file in layout.record_files() if run.has_bytes(file)]
    run.look_around()
    total = sum(file.path.stat().st_size for file in files)
    done = 0
    steps = groupby(run.examined(files, total), key=lambda step: step[0].file.log_key)
    for key, batches in steps:
        check = run.begin(key)
        for batch, examined in batches:
            run.take(check, batch, examined)
            done += batch.size
            progress(report.records, done / total)
        check.end()
    run.end()
    return report


@dataclass
class _Run:
    """One verification: what is known before the first record, and what comes together."""

    layout: Layout
    trust: Trust
    outside: Outside
    scope: Scope
    report: Report
    _keys: dict[str, bytes] = field(default_factory=dict)
    _definitions: set[str] = field(default_factory=set)
    _statistics: set[str] = field(default_factory=set)
    _logged: dict[str, int] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def look_at_heads(self) -> None:
        """See how far checkpoints.log goes: what comes to it later is none of our business."""
        for note in self._notes(tell=True):
            self._logged[note.origin] = max(note.size, self._logged.get(note.origin, 0))

    def look_around(self) -> None:
        """Check what lies beside the records."""
        self._keys |= {key_id: key.spki for key_id, key in self.trust.by_id.items()}
        for stray in self.layout.stray_files():
            self.report.find("FILE_UNKNOWN", "a commit's name", stray.name, _at(stray))
        self._require_whole_parts()
        for path in definition_files(self.layout.definitions):
            try:
                read_set(path)
            except (BrokenHistory, OSError) as error:
                expected = "the content that the name promises"
                self.report.find("DEFINITIONS_MISMATCH", expected, str(error), _at(path))
            else:
                self._definitions.add(path.stem)
        for spoilt in self.outside.spoilt:
            expected = "a checkpoint that can be read"
            self.report.find("ANCHOR_INVALID", expected, f"{spoilt.name}: {spoilt.reason}")

    def _require_whole_parts(self) -> None:
        """A `ledger` comes last when a part is made, and goes first: alone it is what is left."""
        for name in sorted(self.layout.part_names("ledger")):
            for kind in ("wide", "values"):
                ledger, path = (self.layout.sealed / k / name for k in ("ledger", kind))
                if not path.exists() and ledger.exists():
                    place = _at(path)
                    self.report.find("FILE_UNREADABLE", f"the {kind} file of a part", "none", place)

    def has_bytes(self, file: RecordFile) -> bool:
        """Whether there is anything in a file."""
        try:
            return file.path.stat().st_size > 0 or self._unreadable(file, "it is empty")
        except OSError as error:
            return self._unreadable(file, str(error))

    def examined(self, files: list[RecordFile], size: int) -> Iterator[tuple[Batch, Examined]]:
        """Examine all files, in order; once more where a key came late."""
        for batch, examined in examine_all(self._batches(files), size=size):
            self._told |= {facts.log for facts in examined.facts[:1]}
            for facts in examined.facts:
                self._keys |= declared_keys(facts)
            if examined.lacks_keys(self._keys):
                yield batch, examine(replace(batch, keys=self._keys))
            else:
                yield batch, examined

    def begin(self, key: str) -> LogCheck:
        """Begin with the log whose files have this key in their names."""
        origin = self._origin(key)
        logged_until = self._logged.pop(origin, 0)
        testimony = Testimony(self.outside.of(origin), self.outside.anchored)
        logged = (note for note in self._notes() if note.origin == origin)
        return LogCheck(
            origin=origin,
            report=self.report,
            keys=LogKeys(self.trust),
            tree=LogTree(self.report, logged, self.scope.fast, logged_until=logged_until),
            times=Times(timestamp(datetime.now(UTC) + _TOMORROW), testimony.times),
            testimony=testimony,
            definitions=self._definitions,
            fast=self.scope.fast,
            log_file=str(self.layout.checkpoints),
        )

    def take(self, check: LogCheck, batch: Batch, examined: Examined) -> None:
        """Take in what a batch gave."""
        for found in examined.beside:
            self.report.find(found.name, found.expected, found.found, found.place)
        if examined.unreadable:
            self._unreadable(batch.file, examined.unreadable)
        elif not examined.rows:
            self._unreadable(batch.file, "no record", expected="at least one record")
        else:
            self._statistics |= examined.statistics
            check.batch(batch, examined)

    def end(self) -> None:
        """Say what can be said only once everything is known."""
        lacking = {w.head.origin: w.head.size for w in self.outside.witnesses if self._counts(w)}
        named = {*self.trust.origins, *lacking, *self._logged} - self.report.logs.keys()
        for origin in sorted(named):
            expected = f"{lacking[origin]} records" if origin in lacking else "its records"
            self.report.find("LOG_MISSING", expected, "none", Place(log=origin))
        if not self.report.logs and not self.report.findings:
            self.report.find("GENESIS_MISSING", "a genesis record", "an empty warehouse")
        if not self.scope.fast and self.report.status != "tampered":
            check_catalogue(self.layout, self._statistics, self.report)
        self.report.sort()
        self._require_instance()

    def _require_instance(self) -> None:
        wanted, names = self.scope.instance, sorted(self.report.names)
        if wanted and wanted not in names:
            known = ", ".join(map(repr, names)) or "none"
            raise BadInput(f"no record of an instance {wanted!r}", hint=f"There is: {known}")

    def _counts(self, witness: Witness) -> bool:
        """Whether a witness of a log that is not here tells anything: it is named, and signed."""
        named = self.trust.origins
        if witness.signed is None or (named and witness.head.origin not in named):
            return witness.signed is None
        return is_signed(witness.signed, self.trust.by_id.values())

    def _batches(self, files: list[RecordFile]) -> Iterator[Batch]:
        for file in files:
            size = file.path.stat().st_size
            groups = _groups(file.path) if size > _SMALL_FILE else (None,)
            for number, group in enumerate(groups, start=1):
                yield Batch(
                    layout=self.layout,
                    file=file,
                    groups=group,
                    size=size // len(groups),
                    last=number == len(groups),
                    scope=self.scope,
                    keys=dict(self._keys),
                )

    def _unreadable(
        self, file: RecordFile, reason: str, *, expected: str = "a Parquet file"
    ) -> Literal[False]:
        self.report.find("FILE_UNREADABLE", expected, reason, _at(file.path))
        return False

    def _notes(self, *, tell: bool = False) -> Iterator[SignedCheckpoint]:
        place = _at(self.layout.checkpoints)
        for content, whole in self._lines_of_notes(tell=tell):
            try:
                note = parse_checkpoint(content)
            except MalformedNote as error:
                # Only what comes last can be torn: its writer was killed, and the next goes on.
                if tell and whole:
                    self.report.find("CHECKPOINT_MALFORMED", "a checkpoint", str(error), place)
            else:
                if whole:
                    yield note

    def _lines_of_notes(self, *, tell: bool) -> Iterator[tuple[str, bool]]:
        try:
            yield from read_checkpoints(self.layout.checkpoints)
        except OSError as error:
            if tell:
                place = _at(self.layout.checkpoints)
                self.report.find("CHECKPOINT_MALFORMED", "checkpoints", str(error), place)

    def _origin(self, key: str) -> str:
        named = {*self.trust.origins, *(w.head.origin for w in self.outside.witnesses)}
        known = {*named, *self._logged, *self._told}
        found = [origin for origin in known if log_key(origin) == key]
        return found[0] if found else f"log {key}"


def _groups(path: Path) -> tuple[tuple[int, ...] | None, ...]:
    try:
        groups = range(pq.read_metadata(path).num_row_groups)
        # Without any there is still a schema, and that has to be looked at.
        return tuple((group,) for group in groups) or (None,)
    except (pa.ArrowException, OSError, ValueError):
        # Whoever examines it will say what is wrong.
        return (None,)


def _at(path: Path) -> Place:
    return Place(file=str(path))
