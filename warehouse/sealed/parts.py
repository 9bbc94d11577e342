"""Parts: what sealing makes of many commits, and which of them count. Pure.

A part holds whole commits of one log, one after the other, and has three files of one name:
`ledger` has the records as they were committed, `wide` a row per snapshot, `values` a row per
snapshot and statistic. It counts from the moment that all three are there; a commit counts as
long as no part that counts holds it. Whatever is killed, deleted or written meanwhile, each
record is read from exactly one place.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

KINDS: Final = ("ledger", "wide", "values")
_NAME: Final = re.compile(
    r"([0-9]{4}(?:-[0-9]{2})?)\.([0-9a-f]{16})\.([0-9]{12})-([0-9]{12})\.parquet"
)


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
    part = Part(found[2], int(found[3]), int(found[4]), found[1]) if found else None
    return part if part and part.size > 0 else None


class Standing(NamedTuple):
    """What is read: parts, in the order of their logs, and the commits that none of them holds.

    Of `epochs` that is all they have, whatever comes to them next; of other epochs `commits`
    are what is left, each with the number of its epoch.
    """

    parts: tuple[Part, ...]
    epochs: tuple[int, ...]
    commits: tuple[tuple[int, Commit], ...]


def standing(parts: Collection[Part], epochs: Mapping[int, Collection[Commit]]) -> Standing:
    """Decide what is read of the parts that are complete and of the epochs that are there."""
    counted = _widest(parts)
    whole: list[int] = []
    left: list[tuple[int, Commit]] = []
    for number, commits in sorted(epochs.items()):
        loose = [commit for commit in commits if not _is_held(commit, counted)]
        if loose and len(loose) == len(commits):
            whole.append(number)
        else:
            left += [(number, commit) for commit in sorted(loose)]
    return Standing(counted, tuple(whole), tuple(left))


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
