"""What was asked for, and whether it goes together with the export that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from warehouse.errors import BadInput
from warehouse.exports.manifest import Filters, Manifest
from warehouse.exports.shapes import SHAPES

FORMATS: Final = ("parquet", "csv", "xlsx", "jsonl")
DEFAULT_KEEP: Final = 3


@dataclass(frozen=True)
class Asked:
    """What an export should be. None: as the export that is there, else parquet and wide.

    `since` is UTC without a zone. `last` continues from where the export that is there ends;
    `keep` is how many versions stay, at least the newest and the one before it.
    """

    format: str | None = None
    shape: str | None = None
    instance: str | None = None
    since: datetime | None = None
    last: bool = False
    keep: int = DEFAULT_KEEP

    def __post_init__(self) -> None:
        """Raise BadInput for what can never be meant."""
        _require_one_of("format", self.format, FORMATS)
        _require_one_of("shape", self.shape, tuple(SHAPES))
        if self.last and self.since:
            raise BadInput("an export either continues the last one or begins at a date")
        if self.keep < 2:
            raise BadInput(
                f"cannot keep {self.keep} version(s): "
                "whoever reads one while the next appears needs it to stay",
                hint="Keep 2 or more.",
            )


@dataclass(frozen=True)
class Settled:
    """What an export will be. `continued` is the version that it may take the parts of."""

    format: str
    shape: str
    filters: Filters
    continued: Manifest | None


def settle(asked: Asked, before: Manifest | None, folder: Path) -> Settled:
    """Decide what to make beside what is there. Raises BadInput where the two contradict."""
    if before is None:
        filters = Filters(asked.instance, _written(asked.since))
        form, shape = asked.format or FORMATS[0], asked.shape or next(iter(SHAPES))
        return Settled(form, shape, filters, None)
    inherited = before.filters.instance if asked.last else None
    instance = asked.instance or inherited
    form, shape = asked.format or before.format, asked.shape or before.shape
    _require_same(folder, before, form, shape, instance)
    since = before.filters.since if asked.last else _written(asked.since)
    return Settled(form, shape, Filters(instance, since), before if asked.last else None)


def _require_one_of(what: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise BadInput(f"{what} {value!r} is not known: expected one of {', '.join(known)}")


def _require_same(
    folder: Path, before: Manifest, form: str, shape: str, instance: str | None
) -> None:
    there = _said(before.format, before.shape, before.filters.instance)
    wanted = _said(form, shape, instance)
    if there != wanted:
        raise BadInput(
            f"the export in {str(folder)!r} is {there}: it cannot go on as {wanted}",
            hint="Name another folder with --to, or delete this one to begin anew.",
        )


def _said(form: str, shape: str, instance: str | None) -> str:
    return f"{form}, {shape}, of {f'instance {instance!r}' if instance else 'all instances'}"


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
