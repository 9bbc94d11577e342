"""Parts: what sealing makes of many commits, and which of them count. Pure.

A part holds whole commits of one log, one after the other, and has three files of one name:
`ledger` has the records as they were committed, `wide` a row per snapshot, `values` a row per
snapshot and statistic. It counts once all three are there, and as long as every commit of the
epochs that it stands for lies in some part: whatever is killed or written meanwhile, each
record is read from exactly one place.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

KINDS: Final = ("ledger", "wide", "values")
_NAME: Final = re.compile(r"(\d{4}(?:-\d{2})?)\.([0-9a-f]{16})\.(\d{12})-(\d{12})\.parquet")


class Commit(NamedTuple):
    """Where the commit of a log lies: the index of its first record."""

    log_key: str
    first: int


class Part(NamedTuple):
    """The records `first` to `end` - 1 of a log; `period` is their month, or their year."""

    log_key: str
    first: int
    end: int
    period: str

    @property
    def name(self) -> str:
        return f"{self.period}.{self.log_key}.{self.first:012d}-{self.end:012d}.parquet"

    @property
    def size(self) -> int:
        """How many records it holds."""
        return self.end - self.first

    def holds(self, commit: Commit) -> bool:
        return self.log_key == commit.log_key and self.first <= commit.first < self.end

    def covers(self, other: "Part") -> bool:
        return self.log_key == other.log_key and self.first <= other.first < other.end <= self.end


def part_of(name: str) -> Part | None:
    """The part that a file belongs to, by its name."""
    found = _NAME.fullmatch(name)
    return Part(found[2], int(found[3]), int(found[4]), found[1]) if found else None


class Standing(NamedTuple):
    """What is read: parts, in the order of their logs, and all of these epochs."""

    parts: tuple[Part, ...]
    epochs: tuple[int, ...]


def standing(parts: Collection[Part], epochs: Mapping[int, Collection[Commit]]) -> Standing:
    """Decide what is read of the parts that are complete and of the epochs that are there."""
    read: set[int] = set()
    while True:
        # A part that holds a commit of an epoch which is read would give its rows twice.
        loose = [commit for number in read for commit in epochs[number]]
        counted = _widest(part for part in parts if not any(map(part.holds, loose)))
        more = {
            number
            for number, commits in epochs.items()
            if number not in read and not all(_is_held(commit, counted) for commit in commits)
        }
        if not more:
            return Standing(counted, tuple(sorted(read)))
        read |= more


def superseded(part: Part, counted: Iterable[Part]) -> bool:
    """Whether what a part holds is in others that count."""
    return all(part != other for other in counted) and any(o.covers(part) for o in counted)


def _widest(parts: Iterable[Part]) -> tuple[Part, ...]:
    chosen: list[Part] = []
    for part in sorted(parts, key=lambda p: (p.log_key, p.first, -p.end, p.period)):
        before = chosen[-1] if chosen and chosen[-1].log_key == part.log_key else None
        if before is None or part.first >= before.end:
            chosen.append(part)
    return tuple(chosen)


def _is_held(commit: Commit, parts: Iterable[Part]) -> bool:
    return any(part.holds(commit) for part in parts)
