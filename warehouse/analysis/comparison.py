"""Two snapshots side by side: values, changes, and what keeps them from being compared. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from warehouse.analysis.series import growth
from warehouse.payload import Snapshot, Value

Hashes = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Side:
    """One statistic in one snapshot: its value, or why there is none.

    Neither where the snapshot does not know the statistic.
    """

    value: Value | None
    unavailable: str | None

    @property
    def number(self) -> float | None:
        """The value as a number; None for a switch too, which has no size."""
        if self.value is None or isinstance(self.value, bool):
            return None
        return float(Decimal(self.value))


@dataclass(frozen=True)
class Difference:
    """One statistic in both snapshots; `redefined`: it was counted by different definitions."""

    statistic: str
    before: Side
    after: Side
    redefined: bool

    @property
    def differs(self) -> bool:
        """Whether there is something to tell."""
        return self.before != self.after or self.redefined

    @property
    def change(self) -> float | None:
        """From before to after; None where one has no number."""
        if self.before.number is None or self.after.number is None:
            return None
        return self.after.number - self.before.number

    @property
    def growth(self) -> float | None:
        """The same in percent."""
        if self.before.number is None or self.after.number is None:
            return None
        return growth(self.before.number, self.after.number)


@dataclass(frozen=True)
class Comparison:
    """Two snapshots and every statistic that one of them knows, in the order of the dictionary."""

    before: Snapshot
    after: Snapshot
    differences: tuple[Difference, ...]

    @property
    def same_snapshot(self) -> bool:
        return (self.before.log, self.before.index) == (self.after.log, self.after.index)


def compare(
    before: Snapshot, after: Snapshot, hashes: Hashes, order: Mapping[str, int]
) -> Comparison:
    """Compare two snapshots.

    `hashes` tells a statistic's definition by (set of definitions, name), `order` its place.
    """
    names = {name for side in (before, after) for name in (*side.stats, *side.unavailable)}
    # Labels may be unavailable as a whole, named without one: where the other side has some,
    # each of them tells it.
    names -= {name.partition(".")[0] for name in names if "." in name}
    known = sorted(names, key=lambda name: (order.get(name, len(order)), len(name), name))
    return Comparison(before, after, tuple(_differences(before, after, known, hashes)))


def _differences(
    before: Snapshot, after: Snapshot, names: list[str], hashes: Hashes
) -> Iterator[Difference]:
    for name in names:
        one, other = (definition(hashes, side.definitions, name) for side in (before, after))
        redefined = None not in (one, other) and one != other
        yield Difference(name, _side(before, name), _side(after, name), redefined)


def definition(hashes: Hashes, definitions: str, statistic: str) -> str | None:
    """The hash of a statistic's definition in that set: its own, or that of all its labels."""
    own = hashes.get((definitions, statistic))
    return own or hashes.get((definitions, statistic.partition(".")[0]))


def _side(snapshot: Snapshot, name: str) -> Side:
    family = name.partition(".")[0]
    reason = snapshot.unavailable.get(name, snapshot.unavailable.get(family))
    return Side(snapshot.stats.get(name), None if name in snapshot.stats else reason)
