"""What is folded into what: whole commits, in their order, and never more than fits in memory."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.sealed.parts import Part
from warehouse.sealed.plan import MOST_RECORDS, Fold, Piece, Unfoldable, fold

LOGS = ("0" * 16, "f" * 16)
LOG = LOGS[0]
MONTHS = ("2024-11", "2024-12", "2025-01", "2025-02", "2025-11", "2026-01")


def commit(first: int, end: int, month: str = "2026-11", log: str = LOG) -> Piece:
    return Piece(log, first, end, month, f"hot/{log}.{first}")


def as_piece(part: Part) -> Piece:
    return Piece(part.log_key, part.first, part.end, part.period, part.name, is_part=True)


def parts_of(folds: list[Fold]) -> list[str]:
    return [f"{part.period} {part.first}-{part.end}" for part, _ in folds]


@st.composite
def histories(draw: st.DrawFn) -> list[Piece]:
    """Commits of two logs, in any months, with a hole here and there, or a clock set back."""
    pieces = []
    for log in LOGS:
        months = draw(st.lists(st.sampled_from(MONTHS), max_size=12))
        if draw(st.booleans()):
            months.sort()
        steps = draw(st.lists(st.sampled_from([1, 1, 2, 5]), min_size=12, max_size=12))
        holes = draw(st.lists(st.sampled_from([0, 0, 0, 3]), min_size=12, max_size=12))
        ends = [*accumulate(s + h for s, h in zip(steps, holes, strict=True))]
        for month, end, step in zip(months, ends, steps, strict=False):
            pieces.append(commit(end - step, end, month, log))
    return draw(st.permutations(pieces))


def after(pieces: list[Piece], folds: list[Fold]) -> list[Piece]:
    """What lies there once the folds are made."""
    gone = {piece for one in folds for piece in one.pieces}
    return [p for p in pieces if p not in gone] + [as_piece(part) for part, _ in folds]


def spans(pieces: list[Piece]) -> list[tuple[str, int, int]]:
    return sorted((p.log_key, p.first, p.end) for p in pieces)


@given(histories(), st.integers(1, 20))
def test_folding_what_was_folded_changes_nothing(pieces: list[Piece], most: int) -> None:
    once = after(pieces, fold(pieces, most=most))

    assert fold(once, most=most) == []
    assert all(piece.is_part for piece in once)


@given(histories(), st.integers(0, 24), st.integers(1, 20))
def test_what_is_folded_bit_by_bit_is_all_there_and_comes_to_rest(
    pieces: list[Piece], cut: int, most: int
) -> None:
    ordered = sorted(pieces, key=lambda piece: piece.first)
    first = after(ordered[:cut], fold(ordered[:cut], most=most))

    both = after([*first, *ordered[cut:]], fold([*first, *ordered[cut:]], most=most))

    assert fold(both, most=most) == []
    records = [(log, i) for log, begin, end in spans(both) for i in range(begin, end)]
    assert records == sorted((p.log_key, i) for p in pieces for i in range(p.first, p.end))


@given(histories(), st.integers(1, 20))
def test_a_part_has_whole_commits_of_one_log_in_their_order(pieces: list[Piece], most: int) -> None:
    for part, folded in fold(pieces, most=most):
        assert {piece.log_key for piece in folded} == {part.log_key}
        assert (folded[0].first, folded[-1].end) == (part.first, part.end)
        assert all(one.end == two.first for one, two in pairwise(folded))
        assert part.size <= most or len(folded) == 1


@given(histories())
def test_the_order_in_which_files_are_listed_does_not_matter(pieces: list[Piece]) -> None:
    assert fold(pieces) == fold(sorted(pieces))


@given(histories())
def test_only_months_of_past_years_come_together(pieces: list[Piece]) -> None:
    for part, folded in fold(pieces):
        newest = max(p.first for p in pieces if p.log_key == part.log_key)
        (year,) = (p.month[:4] for p in pieces if p.log_key == part.log_key and p.first == newest)
        months = {piece.month for piece in folded}
        assert {month[:4] for month in months} == {part.period[:4]}
        assert part.period in (*months, part.period[:4])
        assert len(months) == 1 or part.period < year


def test_a_month_is_one_part_and_a_past_year_too() -> None:
    pieces = [
        commit(0, 1, "2024-11"), commit(1, 2, "2024-12"), commit(2, 4, "2025-01"),
        commit(4, 5, "2025-01"), commit(5, 6, "2025-02"),
    ]  # fmt: skip

    assert parts_of(fold(pieces)) == ["2024 0-2", "2025-01 2-5", "2025-02 5-6"]


def test_when_a_year_is_over_its_months_merge() -> None:
    months = [as_piece(Part(LOG, 0, 9, "2025-11")), as_piece(Part(LOG, 9, 12, "2025-12"))]

    assert fold(months) == []
    (merged,) = fold([*months, as_piece(Part(LOG, 12, 13, "2026-01"))])
    assert merged == Fold(Part(LOG, 0, 12, "2025"), tuple(months))


def test_a_month_that_goes_on_is_folded_into_its_part() -> None:
    part = as_piece(Part(LOG, 0, 9, "2026-11"))

    (grown,) = fold([commit(9, 10), part])

    assert grown == Fold(Part(LOG, 0, 10, "2026-11"), (part, commit(9, 10)))


def test_a_commit_larger_than_a_part_may_be_is_never_split() -> None:
    pieces = [
        commit(0, 3),
        commit(3, MOST_RECORDS + 9),
        commit(MOST_RECORDS + 9, MOST_RECORDS + 10),
    ]

    assert [part.size for part, _ in fold(pieces)] == [3, MOST_RECORDS + 6, 1]


def test_a_missing_commit_stays_a_hole_between_parts() -> None:
    assert parts_of(fold([commit(0, 2), commit(5, 6)])) == ["2026-11 0-2", "2026-11 5-6"]


@pytest.mark.parametrize("twice", [commit(1, 2), commit(0, 2), commit(1, 9)])
def test_a_record_in_two_files_is_not_folded(twice: Piece) -> None:
    with pytest.raises(Unfoldable, match=r"record . is in 'hot/.*' and in 'hot/.*'"):
        fold([commit(0, 2), twice])


def test_nothing_is_folded_into_nothing() -> None:
    assert fold([]) == []
