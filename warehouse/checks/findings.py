"""What verification can find, by name, and what all of it together means. Pure.

The table of names is the order in which findings are told: first whom to trust, then
what is there, then what it says. How bad each is decides the status:

    tampered     13   stored bytes are not what was signed, or not all of it
    untrusted    12   signed, but by nobody whom the verifier trusts
    incomplete    3   as it was signed; but something is missing, doubtful, or vouched for by nobody
    intact        0
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Status = Literal["intact", "incomplete", "tampered", "untrusted"]
EXIT_CODES: Final[Mapping[Status, int]] = {
    "intact": 0,
    "incomplete": 3,
    "untrusted": 12,
    "tampered": 13,
}
# As many of a kind as anybody reads; all are counted.
_MOST_OF_A_KIND: Final = 1_000

NAMES: Final[Mapping[str, Status]] = {
    # trust
    "KEY_UNTRUSTED": "untrusted",
    "KEY_FORMAT": "untrusted",
    "GENESIS_MISSING": "tampered",
    "GENESIS_MISMATCH": "tampered",
    "LOG_MISSING": "tampered",
    "LOG_UNKNOWN": "untrusted",
    # rows
    "FILE_UNREADABLE": "tampered",
    "FILE_UNKNOWN": "tampered",
    "INDEX_GAP": "tampered",
    "INDEX_DUPLICATE": "tampered",
    "PAYLOAD_NOT_CANONICAL": "tampered",
    "PAYLOAD_FIELD_MISMATCH": "tampered",
    "TRAILING_DATA": "tampered",
    # tree
    "ROOT_MISMATCH": "tampered",
    "CHECKPOINT_MALFORMED": "tampered",
    "CHECKPOINT_SIG_INVALID": "tampered",
    "CHECKPOINT_EQUIVOCATION": "tampered",
    "UNCHECKPOINTED_TAIL": "tampered",
    # keys
    "PAYLOAD_SIG_INVALID": "tampered",
    "KEY_RETIRED_USED": "tampered",
    "KEY_REVOKED": "tampered",
    "ROTATION_UNPROVEN": "tampered",
    # instance
    "SEQ_GAP": "tampered",
    "SEQ_DUPLICATE": "tampered",
    "PREV_MISMATCH": "tampered",
    "HEADS_MISMATCH": "tampered",
    # columns
    "ROW_MISMATCH": "tampered",
    "DEFINITIONS_MISMATCH": "tampered",
    "CATALOG_MISMATCH": "tampered",
    # time
    "TIME_BACKWARDS": "incomplete",
    "TIME_SKEW": "incomplete",
    "TIME_AFTER_ANCHOR": "tampered",
    "TIME_BEFORE_ANCHOR": "tampered",
    # anchors
    "ROLLBACK": "tampered",
    "FORK": "tampered",
    "ANCHOR_INVALID": "incomplete",
    "ANCHOR_STALE": "incomplete",
    "UNANCHORED": "incomplete",
    # schedule
    "GAP": "incomplete",
}
_ORDER: Final = {name: place for place, name in enumerate(NAMES)}


# How a check tells what it found: name, expected, found; it knows the place by itself.
Find = Callable[[str, str, str], None]
# The same, told by returning it.
Complaint = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """Where in the history something is; None where that makes no sense."""

    log: str | None = None
    index: int | None = None
    instance: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and where."""

    name: str
    place: Place
    expected: str
    found: str


@dataclass
class Report:
    """What was checked and what was found; `fast` leaves it at the tree and its heads.

    Of `signatures`, one per record, `signatures_checked` were checked and `signatures_valid`
    are good ones by keys that are trusted; the same of checkpoints. `vouched_by` names who
    outside the warehouse says where it ends. `unfinished` records wait in the signer's
    journal, `unlogged` checkpoints are not in checkpoints.log yet. A stale catalogue
    lacks something, or is of another release; `catalogue_of` is another place it was made for.
    """

    fast: bool = False
    records: int = 0
    signatures: int = 0
    signatures_checked: int = 0
    signatures_valid: int = 0
    checkpoints: int = 0
    checkpoints_checked: int = 0
    checkpoints_valid: int = 0
    logs: dict[str, int] = field(default_factory=dict)
    instances: int = 0
    names: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    vouched_by: list[str] = field(default_factory=list)
    unfinished: int = 0
    unlogged: int = 0
    stale_catalogue: bool = False
    catalogue_of: str | None = None

    def find(self, name: str, expected: str, found: str, place: Place | None = None) -> None:
        """Note a finding; of very many of a kind only the first are kept, and all counted."""
        self.counts[name] += 1
        if self.counts[name] <= _MOST_OF_A_KIND:
            self.findings.append(Finding(name, place or Place(), expected, found))

    def sort(self) -> None:
        """Bring the findings into the order of the table, then of the history."""
        self.findings.sort(key=lambda f: (_ORDER[f.name], f.place.log or "", f.place.index or 0))

    @property
    def status(self) -> Status:
        found = {NAMES[name] for name in self.counts}
        for status in ("tampered", "untrusted", "incomplete"):
            if status in found:
                return status
        lacking = self.unfinished or self.unlogged or self.stale_catalogue
        return "incomplete" if lacking else "intact"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]


def findings_by_name(report: Report) -> Iterator[tuple[str, int]]:
    """How often each kind of finding came up, in the order of the table."""
    yield from sorted(report.counts.items(), key=lambda pair: _ORDER[pair[0]])
