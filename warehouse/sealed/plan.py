"""What is folded into what. Pure.

Commits of one month come together in one part, months of past years in one part of that year,
as long as a part does not grow too large to be sorted, and checked, in memory.
"""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from warehouse.errors import LedgerFailure
from warehouse.sealed.parts import Part

MOST_RECORDS: Final = 100_000


class Unfoldable(LedgerFailure):
    """Records that cannot be sealed; they stay as they are."""


class Piece(NamedTuple):
    """What goes into a part: another part, or a commit, as it lies in `path`.

    `month` is that of its first record, or the year of a part that has the months of a year.
    """

    log_key: str
    first: int
    end: int
    month: str
    path: str
    is_part: bool = False


class Fold(NamedTuple):
    """A part that is to be made, and of what."""

    part: Part
    pieces: tuple[Piece, ...]


def fold(pieces: Iterable[Piece], *, most: int = MOST_RECORDS) -> list[Fold]:
    """Say which parts are to be made: of what is none yet, and of those that merge.

    A part that stays as it is is left out. Folding once more what this gives changes nothing.
    Raises Unfoldable where two pieces hold the same record.
    """
    ordered = sorted(pieces, key=lambda piece: (piece.log_key, piece.first))
    _require_apart(ordered)
    folds: list[Fold] = []
    for _, log in groupby(ordered, key=lambda piece: piece.log_key):
        mine = list(log)
        year = mine[-1].month[:4]
        groups = [group for group in _fold_log(mine, year, most) if _is_new(group)]
        folds += [Fold(_part_from(group), tuple(group)) for group in groups]
    return folds


def _require_apart(ordered: list[Piece]) -> None:
    for before, piece in pairwise(ordered):
        if before.log_key == piece.log_key and piece.first < before.end:
            raise Unfoldable(
                f"record {piece.first} is in {before.path!r} and in {piece.path!r}",
                hint="Nothing is folded, and all is left as it is. Find out what is wrong with: "
                "tallybook verify",
            )


def _is_new(group: list[Piece]) -> bool:
    return len(group) > 1 or not group[0].is_part


def _part_from(group: list[Piece]) -> Part:
    months = sorted({piece.month for piece in group})
    # Only months of a past year come together.
    period = months[0] if len(months) == 1 else months[0][:4]
    return Part(group[0].log_key, group[0].first, group[-1].end, period)


def _fold_log(pieces: list[Piece], year: str, most: int) -> list[list[Piece]]:
    groups: list[list[Piece]] = []
    for piece in pieces:
        if groups and _belong_together(groups[-1], piece, year, most):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups


def _belong_together(group: list[Piece], piece: Piece, year: str, most: int) -> bool:
    first = group[0]
    if group[-1].end != piece.first or piece.end - first.first > most:
        return False
    same_past_year = first.month[:4] == piece.month[:4] and piece.month[:4] < year
    return same_past_year or first.month == piece.month
