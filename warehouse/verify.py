"""Verification: whether the history is what its key's holder signed, and all of it.

Every record is checked in order: trust, rows, signatures, instances, columns.
Each failure has a name, and says which log, index and instance, what was expected and
what was found. Payload bytes are hashed and checked as they lie in the file; a
file that can be read is not yet a file that is right.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from warehouse.definitions import definition_files, read_set
from warehouse.errors import BrokenHistory, KeyUnusable
from warehouse.keys import PublicKey, public_key_from_spki
from warehouse.layout import HotFile, Layout, log_key
from warehouse.ledger import Unreadable, read_rows
from warehouse.payload import NO_PREVIOUS, AnyPayload, Genesis, Snapshot
from warehouse.record import NotCanonical, Record, decode
from warehouse.rows import Row, row_of

Status = Literal["intact", "incomplete", "tampered", "untrusted"]
EXIT_CODES: Mapping[Status, int] = {"intact": 0, "incomplete": 3, "untrusted": 12, "tampered": 13}


@dataclass(frozen=True)
class Place:
    """Where in the history something is; None where that makes no sense."""

    log: str | None = None
    index: int | None = None
    instance: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was signed, and where."""

    name: str
    place: Place
    expected: str
    found: str


@dataclass
class Report:
    """What was checked and what was found. `signatures_valid` of `signatures` were good."""

    records: int = 0
    signatures: int = 0
    signatures_valid: int = 0
    logs: dict[str, int] = field(default_factory=dict)
    instances: int = 0
    findings: list[Finding] = field(default_factory=list)
    vouched_for: bool = False
    unfinished: int = 0

    @property
    def status(self) -> Status:
        if any(finding.name.startswith("KEY_") for finding in self.findings):
            return "untrusted"
        if self.findings:
            return "tampered"
        return "intact" if self.vouched_for and not self.unfinished else "incomplete"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]


def verify(
    root: Path,
    trusted: Iterable[PublicKey],
    *,
    expected_sizes: Mapping[str, int] | None = None,
    unfinished: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check the whole warehouse in `root` against the keys somebody trusts.

    `expected_sizes` says, by origin, how many records a log must have at least: what the
    signer remembers, or what an auditor saw last. Without it nobody outside the
    warehouse vouches for its end, and the best status is `incomplete`. `unfinished` is
    how many records the signer signed and could not see into the warehouse yet.
    `progress` hears how many records are done. Memory does not grow with the history.
    """
    layout = Layout(root)
    layout.require()
    check = _Check(trusted, Report(unfinished=unfinished))
    check.definitions_of(layout)
    check.strays_of(layout)
    for file in layout.hot_files():
        for offset, row in enumerate(check.rows_of(file)):
            check.row(row, file, offset)
            progress(check.report.records)
    check.sizes(expected_sizes or {})
    return check.report


@dataclass
class _InstanceState:
    seq: int = -1
    sha256: str = NO_PREVIOUS


class _Check:
    """The state that verification carries from one record to the next."""

    def __init__(self, trusted: Iterable[PublicKey], report: Report) -> None:
        self.report = report
        self._trusted = {key.key_id: key for key in trusted}
        self._keys_of_logs: dict[str, str] = {}
        self._instances: dict[tuple[str, str, str], _InstanceState] = {}
        self._definitions: set[str] = set()

    def definitions_of(self, layout: Layout) -> None:
        for path in definition_files(layout.definitions):
            try:
                read_set(path)
            except BrokenHistory as error:
                expected, place = "the content that the name promises", Place(file=str(path))
                self._find("DEFINITIONS_MISMATCH", expected, str(error), place)
            else:
                self._definitions.add(path.stem)

    def strays_of(self, layout: Layout) -> None:
        """Find files that nobody signed, although queries would read them."""
        for path in layout.stray_files():
            self._find("FILE_UNKNOWN", "a commit's name", path.name, Place(file=str(path)))

    def rows_of(self, file: HotFile) -> list[Row]:
        place = Place(file=str(file.path))
        try:
            rows = read_rows(file.path)
        except Unreadable as error:
            self._find("FILE_UNREADABLE", "a Parquet file", str(error), place)
            return []
        if not rows:
            self._find("FILE_UNREADABLE", "at least one record", "no record", place)
        return rows

    def row(self, row: Row, file: HotFile, offset: int) -> None:
        """Check one record: its bytes, its place, its signature, its chain, its columns."""
        self.report.records += 1
        record = Record(row["payload"], row["signature"], row["key_id"].hex())
        place = Place(row["log"], row["index"], row["instance"], str(file.path))
        self._signature(record, place)
        try:
            payload = decode(record.payload)
            signed = row_of(record, payload)
        except NotCanonical as error:
            self._find("PAYLOAD_NOT_CANONICAL", "canonical JSON", str(error), place)
            return
        self._place(payload, file, offset, place)
        self._origin(payload, record, place)
        if isinstance(payload, Snapshot):
            self._chain(payload, record, place)
        self._columns(row, signed, place)

    def sizes(self, expected: Mapping[str, int]) -> None:
        """Check that no log ends earlier than somebody outside the warehouse remembers."""
        self.report.instances = len(self._instances)
        for origin, size in expected.items():
            found = self.report.logs.get(origin, 0)
            if found < size:
                self._find("ROLLBACK", f"{size} records", f"{found} records", Place(log=origin))
        logs = self.report.logs
        self.report.vouched_for = bool(logs) and logs.keys() <= expected.keys()
        if not logs and not self.report.findings:
            self._find("GENESIS_MISSING", "a genesis record", "an empty warehouse")

    def _place(self, payload: AnyPayload, file: HotFile, offset: int, place: Place) -> None:
        log, index = payload.log, payload.index
        expected = self.report.logs.get(log, 0)
        # Only the first record of a commit decides its file's name.
        named = (log_key(log), file.first_index if offset else index)
        if (file.log_key, file.first_index) != named:
            found = f"one named for {file.log_key} from {file.first_index}"
            wanted = f"a file named for {named[0]} from {named[1]}"
            self._find("PAYLOAD_FIELD_MISMATCH", wanted, found, place)
        if index != expected:
            name = "INDEX_GAP" if index > expected else "INDEX_DUPLICATE"
            self._find(name, f"index {expected}", f"index {index}", place)
        self.report.logs[log] = max(expected, index + 1)

    def _origin(self, payload: AnyPayload, record: Record, place: Place) -> None:
        """Check that the log begins with its genesis record, and goes on with that one's key."""
        if isinstance(payload, Genesis):
            self._genesis(payload, record, place)
        key_id = self._keys_of_logs.get(payload.log)
        if key_id is None:
            # Once is enough: what follows is compared with the first that came.
            self._keys_of_logs[payload.log] = record.key_id
            expected = "a genesis record at index 0"
            self._find("GENESIS_MISSING", expected, f"index {payload.index}", place)
        elif key_id != record.key_id and record.key_id in self._trusted:
            # One that is not trusted at all has been found already.
            self._find("KEY_UNTRUSTED", f"{key_id} of the genesis record", record.key_id, place)

    def _genesis(self, payload: Genesis, record: Record, place: Place) -> None:
        if payload.index != 0:
            self._find("GENESIS_MISMATCH", "genesis at index 0", f"index {payload.index}", place)
            return
        self._keys_of_logs.setdefault(payload.log, record.key_id)
        try:
            spki = base64.b64decode(payload.public_key, validate=True)
            declared = public_key_from_spki(spki, named="the key in the genesis record")
        except (KeyUnusable, ValueError) as error:
            self._find("KEY_FORMAT", "an Ed25519 public key", str(error), place)
            return
        if declared.key_id != record.key_id:
            self._find("GENESIS_MISMATCH", declared.key_id, record.key_id, place)

    def _signature(self, record: Record, place: Place) -> None:
        self.report.signatures += 1
        key = self._trusted.get(record.key_id)
        if key is None:
            trusted = " or ".join(self._trusted) or "no key at all"
            self._find("KEY_UNTRUSTED", trusted, record.key_id, place)
        elif key.verifies(record.signature, record.payload):
            self.report.signatures_valid += 1
        else:
            expected = f"a signature by {record.key_id} over the payload"
            self._find("PAYLOAD_SIG_INVALID", expected, record.signature.hex() or "none", place)

    def _chain(self, payload: Snapshot, record: Record, place: Place) -> None:
        key = (payload.log, payload.instance.id, payload.instance.name)
        state = self._instances.setdefault(key, _InstanceState())
        if payload.seq != state.seq + 1:
            name = "SEQ_GAP" if payload.seq > state.seq + 1 else "SEQ_DUPLICATE"
            self._find(name, f"seq {state.seq + 1}", f"seq {payload.seq}", place)
        if payload.prev != state.sha256:
            self._find("PREV_MISMATCH", state.sha256, payload.prev, place)
        if payload.definitions not in self._definitions:
            expected = f"definitions/{payload.definitions}.json"
            self._find("DEFINITIONS_MISMATCH", expected, "no file with that content", place)
        state.seq, state.sha256 = payload.seq, record.sha256

    def _columns(self, row: Row, signed: Row, place: Place) -> None:
        for column, expected in signed.items():
            if row[column] != expected:
                name = "PAYLOAD_FIELD_MISMATCH" if column in ("log", "index") else "ROW_MISMATCH"
                self._find(name, f"{column} {_short(expected)}", _short(row[column]), place)

    def _find(self, name: str, expected: str, found: str, place: Place | None = None) -> None:
        self.report.findings.append(Finding(name, place or Place(), expected, found))


def findings_by_name(report: Report) -> Iterator[tuple[str, int]]:
    """How often each kind of finding came up, in the order of its first appearance."""
    names = [finding.name for finding in report.findings]
    for name in dict.fromkeys(names):
        yield name, names.count(name)


def _short(value: object) -> str:
    found = repr(value)
    return found if len(found) <= 200 else f"{found[:197]}..."
