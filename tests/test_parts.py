"""Which parts and commits are read: every record from exactly one place, whatever happened."""

import string
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from warehouse.sealed.names import FIXED, column_of, folded, statistic_of
from warehouse.sealed.parts import Commit, Part, part_of, standing, superseded

LOGS = ("0" * 16, "f" * 16)
LOG = LOGS[0]


def a_part(first: int, end: int, period: str = "2026-11", log: str = LOG) -> Part:
    return Part(log, first, end, period)


def commits(*firsts: int, log: str = LOG) -> list[Commit]:
    return [Commit(log, first) for first in firsts]


@dataclass
class Disk:
    """A warehouse as the names of its files: each commit is of one record, for simplicity.

    `epochs` are what lies in them now; `parts` those of which every file is there.
    """

    epochs: dict[int, set[Commit]] = field(default_factory=lambda: {0: set()})
    parts: set[Part] = field(default_factory=set)

    def read(self) -> list[tuple[str, int]]:
        """Every record that is read, as often as it is."""
        return sorted(self._records())

    def _records(self) -> Iterator[tuple[str, int]]:
        parts, epochs, left = standing(self.parts, self.epochs)
        for part in parts:
            yield from ((part.log_key, index) for index in range(part.first, part.end))
        yield from (c for number in epochs for c in self.epochs[number])
        yield from (commit for _, commit in left)


class Sealing(RuleBasedStateMachine):
    """Writers, a sealer and deletions take turns, one step at a time, and any of them may stop."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.ends = dict.fromkeys(LOGS, 0)
        # What a writer saw as the live epoch before it was held up.
        self.seen = dict.fromkeys(LOGS, 0)

    @property
    def live(self) -> int:
        return max(self.disk.epochs)

    @rule(log=st.sampled_from(LOGS))
    def a_writer_looks_where_commits_go(self, log: str) -> None:
        self.seen[log] = self.live

    @rule(log=st.sampled_from(LOGS))
    def a_writer_commits_where_it_looked(self, log: str) -> None:
        if self.seen[log] not in self.disk.epochs:
            # The folder is gone: nothing is committed, the writer is told and looks again.
            self.seen[log] = self.live
        self.disk.epochs[self.seen[log]].add(Commit(log, self.ends[log]))
        self.ends[log] += 1

    @rule()
    def a_new_epoch_begins(self) -> None:
        if self.disk.epochs[self.live]:
            self.disk.epochs[self.live + 1] = set()

    @precondition(lambda self: len(self.disk.epochs) > 1)
    @rule()
    def an_empty_live_epoch_gets_lost_in_a_copy(self) -> None:
        if not self.disk.epochs[self.live]:
            del self.disk.epochs[self.live]

    @rule(data=st.data(), log=st.sampled_from(LOGS))
    def a_part_is_made(self, data: st.DataObject, log: str) -> None:
        """Of any whole pieces that follow one another: commits of old epochs, parts that count."""
        parts, epochs, left = standing(self.disk.parts, self.disk.epochs)
        pieces = [(p.first, p.end) for p in parts if p.log_key == log]
        old = [(n, c) for n in epochs for c in self.disk.epochs[n]]
        pieces += [
            (c.first, c.first + 1) for n, c in (*old, *left) if n < self.live and c[0] == log
        ]
        pieces.sort()
        if not pieces:
            return
        begin = data.draw(st.integers(0, len(pieces) - 1))
        stop = begin
        while stop + 1 < len(pieces) and pieces[stop + 1][0] == pieces[stop][1]:
            stop += 1
        last = data.draw(st.integers(begin, stop))
        self.disk.parts.add(a_part(pieces[begin][0], pieces[last][1], log=log))

    @rule(data=st.data())
    def one_commit_is_deleted_after_its_grace(self, data: st.DataObject) -> None:
        """Any that a part holds may go, in any order: deletions may end half-way."""
        counted = standing(self.disk.parts, self.disk.epochs).parts
        due = [
            (number, commit)
            for number, found in self.disk.epochs.items()
            for commit in sorted(found)
            if any(part.holds(commit) for part in counted)
        ]
        if due:
            number, commit = data.draw(st.sampled_from(due))
            self.disk.epochs[number].remove(commit)

    @rule(data=st.data())
    def one_part_is_deleted_after_its_grace(self, data: st.DataObject) -> None:
        counted = standing(self.disk.parts, self.disk.epochs).parts
        due = [part for part in sorted(self.disk.parts) if superseded(part, counted)]
        if due:
            self.disk.parts.remove(data.draw(st.sampled_from(due)))

    @rule()
    def empty_folders_of_the_past_go(self) -> None:
        live = self.live
        self.disk.epochs = {n: found for n, found in self.disk.epochs.items() if found or n == live}

    @invariant()
    def every_record_is_read_from_exactly_one_place(self) -> None:
        assert self.disk.read() == [(log, i) for log in LOGS for i in range(self.ends[log])]


TestSealing = Sealing.TestCase
TestSealing.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


def test_an_epoch_is_read_as_a_whole_until_a_part_holds_some_of_it() -> None:
    epochs = {0: commits(0, 1), 1: commits(2)}

    assert standing([], epochs) == ((), (0, 1), ())
    assert standing([a_part(0, 1)], epochs) == ((a_part(0, 1),), (1,), ((0, Commit(LOG, 1)),))
    assert standing([a_part(0, 2)], epochs) == ((a_part(0, 2),), (1,), ())


def test_an_empty_epoch_is_not_read() -> None:
    assert standing([], {0: [], 1: []}) == ((), (), ())


def test_a_commit_that_came_late_hides_no_part_of_which_files_are_deleted() -> None:
    whole, late = a_part(0, 10), Commit(LOG, 10)

    found = standing([whole], {0: [*commits(7, 8, 9), late], 1: []})

    assert found == ((whole,), (), ((0, late),))


def test_the_widest_of_parts_that_begin_together_counts() -> None:
    small, wide, after = a_part(0, 5), a_part(0, 9, "2026"), a_part(5, 9)

    assert standing([small, after, wide], {}).parts == (wide,)
    assert superseded(small, [wide])
    assert superseded(after, [wide])
    assert not superseded(wide, [wide])
    assert not superseded(a_part(5, 10), [wide])


def test_a_part_that_overlaps_one_before_it_does_not_count() -> None:
    assert standing([a_part(0, 6), a_part(4, 9)], {}).parts == (a_part(0, 6),)


def test_parts_of_other_logs_hold_nothing_of_this_one() -> None:
    theirs = a_part(0, 9, log=LOGS[1])

    assert standing([theirs], {0: commits(0)}) == ((theirs,), (0,), ())
    assert not theirs.covers(a_part(0, 1))


@given(
    st.sampled_from(LOGS),
    st.integers(0, 10**12 - 2),
    st.integers(1, 10**6),
    st.sampled_from(["2026", "2026-01", "2026-12", "0001-01"]),
)
def test_the_name_of_a_part_says_which_it_is(log: str, first: int, size: int, period: str) -> None:
    part = Part(log, first, min(first + size, 10**12 - 1), period)

    assert part_of(part.name) == part


@pytest.mark.parametrize(
    "name",
    [
        "",
        "README.md",
        "2026-11.0000000000000000.000000000000-000000000009.parquet.tmp",
        ".2026-11.0000000000000000.000000000000-000000000009.parquet",
        "2026-11.0000000000000000.0-9.parquet",
        "2026-11.000000000000000G.000000000000-000000000009.parquet",
        "2026-1.0000000000000000.000000000000-000000000009.parquet",
        "2026-11.0000000000000000.000000000009-000000000009.parquet",
        "2026-11.0000000000000000.000000000009-000000000003.parquet",
        "2026-11.0000000000000000.000000000000-000000000009.parquet\n",
        "\uff12\uff10\uff12\uff16-11.0000000000000000.000000000000-000000000009.parquet",
        "../2026-11.0000000000000000.000000000000-000000000009.parquet",
    ],
)
def test_no_other_name_is_that_of_a_part(name: str) -> None:
    assert part_of(name) is None


LETTERS = st.characters(exclude_categories=["Cs"])
STATISTICS = st.text(st.one_of(LETTERS, st.sampled_from([*"._aAzZ", "É", "é", "İ", "ß"])))


@given(STATISTICS)
def test_a_column_says_which_statistic_it_is_of(statistic: str) -> None:
    assert statistic_of(column_of(statistic)) == statistic


@given(STATISTICS, STATISTICS)
def test_statistics_that_differ_have_columns_that_differ_to_sql(one: str, other: str) -> None:
    base = "clientApps."

    same = folded(column_of(base + one)) == folded(column_of(base + other))

    assert same == (one == other)


@given(st.text(string.ascii_letters + "_.", max_size=4))
def test_labels_in_capitals_have_columns_of_their_own(label: str) -> None:
    mixed = {label, label.lower(), label.upper(), label.swapcase()}

    columns = {folded(column_of(f"apiTokens.{one}")) for one in mixed}

    assert len(columns) == len(mixed)


def test_columns_are_spelt_as_the_pages_say() -> None:
    assert column_of("clientApps.allTime") == "clientApps.all_time"
    assert column_of("apiTokens.old_style") == "apiTokens.old__style"
    assert column_of("SAMLenabled") == "SAMLenabled"
    assert column_of("apps.İstanbul") == "apps.İstanbul"
    assert {column_of(name) for name in FIXED} == {*FIXED}
