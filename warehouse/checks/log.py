"""One log, batch after batch in its order: what no batch can know by itself."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from warehouse.checks.chains import Chains
from warehouse.checks.columns import Mismatch
from warehouse.checks.examine import Batch, Examined, Facts
from warehouse.checks.findings import Find, Place, Report
from warehouse.checks.keys import LogKeys
from warehouse.checks.times import Times, later
from warehouse.checks.tree import LogTree
from warehouse.checks.witnesses import Testimony
from warehouse.errors import BadInput
from warehouse.layout import RecordFile, log_key
from warehouse.payload import Genesis, Heads, Scheduled
from warehouse.schedule import Schedule

# How long after its due time a slot may still be undecided, while others go on.
_UNDECIDED: Final = timedelta(days=1)


@dataclass
class LogCheck:
    """The state that verification carries from one batch of a log to the next.

    `size` counts its records as they are numbered; `definitions` are the sets that are there.
    """

    origin: str
    report: Report
    keys: LogKeys
    tree: LogTree
    times: Times
    testimony: Testimony
    definitions: Collection[str]
    fast: bool
    log_file: str
    size: int = 0
    chains: Chains = field(default_factory=Chains)
    newest: str = ""
    _open_end: Place | None = None
    _row: int = 0

    def batch(self, batch: Batch, examined: Examined) -> None:
        """Take in the next batch."""
        file = batch.file
        if self._row == 0:
            self._begin_file(file)
        base, first_row = self.size, file.first_index + self._row
        checkpoints = dict(examined.checkpoints)
        wrong: dict[int, list[Mismatch]] = {}
        for offset, mismatch in examined.mismatches:
            wrong.setdefault(offset, []).append(mismatch)
        roots = self.tree.grow(examined.leaves, self._boundaries(examined, base))
        for facts in examined.facts:
            row = first_row + facts.offset
            if self.fast:
                # It left out those before, except for their checkpoints.
                self._passed_over(file, base, checkpoints, roots, until=facts.offset)
                self.size = base + facts.offset
            if facts.offset in wrong or not self._is_ordinary(facts, row):
                self._record(facts, file, row, wrong.get(facts.offset, []), roots)
            else:
                self._ordinary(facts, file)
            if facts.offset in checkpoints:
                content, root = checkpoints.pop(facts.offset), roots[facts.offset + 1]
                self._checkpoint(content, self._place(facts, file), root)
        self._passed_over(file, base, checkpoints, roots, until=examined.rows)
        self._end_batch(batch, examined, base, roots)

    def end(self) -> None:
        """Say what can be said only once the whole log is known."""
        find = self._finder(Place(log=self.origin))
        for complaint in self.chains.slots.end(later(self.newest, -_UNDECIDED)):
            find(*complaint)
        self.tree.end(self.keys.ring.known(), find)
        if self.tree.covered < self.size:
            expected = f"a checkpoint of all {self.size} records"
            found = f"one of {self.tree.covered}" if self.tree.covered else "none"
            find("UNCHECKPOINTED_TAIL", expected, found)
        known = self.keys.vouching(self.origin)
        vouching = self.testimony.compare(self.size, self.newest, known, find)
        self.report.vouched_by += [v for v in vouching if v not in self.report.vouched_by]
        self.report.logs[self.origin] = self.size
        self.report.instances += len(self.chains)
        self.report.names |= self.chains.names

    def _passed_over(
        self,
        file: RecordFile,
        base: int,
        checkpoints: dict[int, str],
        roots: dict[int, bytes],
        *,
        until: int,
    ) -> None:
        """Check the checkpoints of records that --fast left out, in their order."""
        for offset in [offset for offset in checkpoints if offset < until]:
            self.size = base + offset + 1
            place = Place(self.origin, base + offset, None, str(file.path))
            self._checkpoint(checkpoints.pop(offset), place, roots[offset + 1])

    def _begin_file(self, file: RecordFile) -> None:
        if self._open_end:
            expected = f"a checkpoint of {self.size} records"
            self.report.find("CHECKPOINT_MALFORMED", expected, "none", self._open_end)
            self._open_end = None
        if self.fast and file.first_index != self.size:
            self._misplaced(file.first_index, Place(self.origin, None, None, str(file.path)))
            self.size = file.first_index

    def _boundaries(self, examined: Examined, base: int) -> set[int]:
        wanted = {offset + 1 for offset, _ in examined.checkpoints}
        wanted |= {one.offset for one in examined.facts if isinstance(one.payload, Heads)}
        wanted |= {
            size - base for size in self.testimony.sizes if base < size <= base + examined.rows
        }
        return wanted

    def _end_batch(
        self, batch: Batch, examined: Examined, base: int, roots: dict[int, bytes]
    ) -> None:
        if self.fast:
            self.size = base + examined.rows
        self.report.records += examined.rows
        self.report.signatures += examined.rows
        for boundary, root in roots.items():
            self.testimony.learn(base + boundary, root)
        self._row += examined.rows
        if batch.last:
            self._end_file(batch.file)
        closed = {offset for offset, _ in examined.checkpoints}
        if batch.last and examined.rows - 1 not in closed:
            self._open_end = Place(self.origin, self.size - 1, None, str(batch.file.path))

    def _end_file(self, file: RecordFile) -> None:
        """A sealed file has the records that its name says: no other file is read for them."""
        promised = file.end - file.first_index if file.end is not None else self._row
        if self._row != promised:
            name = "INDEX_GAP" if self._row < promised else "INDEX_DUPLICATE"
            place = Place(self.origin, self.size - 1, None, str(file.path))
            self.report.find(name, f"{promised} records, as its name says", str(self._row), place)
        self._row = 0

    def _is_ordinary(self, facts: Facts, row: int) -> bool:
        """Whether only the record's chain is left to be looked at: as for nearly all of them."""
        return (
            facts.flaw is None
            and facts.skew is None
            and facts.payload is None
            and facts.signature is not False
            and facts.index == self.size == row
            and facts.log == self.origin
            and self.newest <= facts.recorded_at <= self.times.now
            and not self.testimony.witnesses_inside(facts.index)
            and self.keys.is_current(facts.key_id)
            and (facts.definitions is None or facts.definitions in self.definitions)
        )

    def _ordinary(self, facts: Facts, file: RecordFile) -> None:
        self.size += 1
        self.newest = facts.recorded_at
        self.report.signatures_checked += facts.signature is not None
        self.report.signatures_valid += bool(facts.signature) and self.keys.trusted
        if facts.link and (complaints := self.chains.link(facts.link)):
            for complaint in complaints:
                self.report.find(*complaint, self._place(facts, file))

    def _place(self, facts: Facts, file: RecordFile) -> Place:
        return Place(facts.log, facts.index, facts.instance, str(file.path))

    def _record(
        self,
        facts: Facts,
        file: RecordFile,
        row: int,
        wrong: list[Mismatch],
        roots: dict[int, bytes],
    ) -> None:
        place = self._place(facts, file)
        find = self._finder(place)
        self.report.signatures_checked += facts.signature is not None
        self._numbered(facts, file, row, place)
        if facts.flaw:
            find(facts.flaw[0], "canonical JSON", facts.flaw[1])
        self.keys.check(facts, find)
        self.report.signatures_valid += self.keys.counts(facts)
        if facts.recorded_at:
            self._told(facts, roots, place)
        for column, expected, found in wrong:
            name = "PAYLOAD_FIELD_MISMATCH" if column in ("log", "index") else "ROW_MISMATCH"
            find(name, f"{column} {expected}", found)

    def _numbered(self, facts: Facts, file: RecordFile, row: int, place: Place) -> None:
        if log_key(facts.log) != file.log_key:
            expected = f"a record of {self.origin!r}, as the file's name says"
            self.report.find("PAYLOAD_FIELD_MISMATCH", expected, repr(facts.log), place)
        elif facts.index != row:
            expected = f"index {row}, as the file's name says"
            self.report.find("PAYLOAD_FIELD_MISMATCH", expected, f"index {facts.index}", place)
        if facts.index != self.size:
            self._misplaced(facts.index, place)
        self.size = max(self.size, facts.index + 1)

    def _misplaced(self, index: int, place: Place) -> None:
        name = "INDEX_GAP" if index > self.size else "INDEX_DUPLICATE"
        self.report.find(name, f"index {self.size}", f"index {index}", place)

    def _told(self, facts: Facts, roots: dict[int, bytes], place: Place) -> None:
        """Compare what the record says with what is known of its log and its instance."""
        find = self._finder(place)
        self.times.check(facts.index, facts.recorded_at, self.newest, find)
        self.newest = max(self.newest, facts.recorded_at)
        self.testimony.hear(facts.index, facts.recorded_at)
        if facts.skew:
            find("TIME_SKEW", *facts.skew)
        for complaint in self.chains.link(facts.link) if facts.link else ():
            find(*complaint)
        if facts.definitions and facts.definitions not in self.definitions:
            expected = f"definitions/{facts.definitions}.json"
            find("DEFINITIONS_MISMATCH", expected, "no file with that content")
        if isinstance(facts.payload, Heads):
            self._heads(facts.payload, facts, roots, place)
        if isinstance(facts.payload, Scheduled):
            for complaint in self.chains.slots.declare(facts.payload):
                find(*complaint)
        if isinstance(facts.payload, Genesis) and facts.payload.schedule:
            self._schedule(facts.payload.schedule, place)

    def _heads(self, heads: Heads, facts: Facts, roots: dict[int, bytes], place: Place) -> None:
        find = self._finder(place)
        self.chains.compare(heads, find)
        root = base64.b64encode(roots[facts.offset]).decode()
        if (heads.size, heads.root) != (facts.index, root):
            expected = f"{heads.size} records with root {heads.root}"
            find("HEADS_MISMATCH", expected, f"{facts.index} records with root {root}")

    def _schedule(self, cron: str, place: Place) -> None:
        try:
            self.chains.slots.default = Schedule(cron)
        except BadInput as error:
            self.report.find("GENESIS_MISMATCH", "a schedule of five fields", str(error), place)

    def _checkpoint(self, content: str, place: Place, root: bytes) -> None:
        at = (self.origin, self.size, root)
        due, known = self.keys.checkpoint_signers(), self.keys.ring.known()
        in_text = replace(place, file=self.log_file)
        self.tree.checkpoint(
            content, at, due, known, find=self._finder(place), find_in_text=self._finder(in_text)
        )
        self.keys.signing = []

    def _finder(self, place: Place) -> Find:
        def find(name: str, expected: str, found: str) -> None:
            self.report.find(name, expected, found, place)

        return find
