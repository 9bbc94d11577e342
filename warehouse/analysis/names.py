"""Statistics and sources by the names that people type, and the nearest right ones. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches

from warehouse.errors import BadInput


def resolve(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Turn what somebody typed into statistics: `activeUsers` means all of `activeUsers.*`.

    Raises BadInput with the nearest right name for one that is not known.
    """
    found: list[str] = []
    for name in wanted:
        matches = [k for k in known if k == name or k.startswith(f"{name}.")]
        if not matches:
            hint = did_you_mean(name, with_families(known)) or "All names: tallybook statistics"
            raise BadInput(f"no statistic {name!r} in this history", hint=hint)
        found += [match for match in matches if match not in found]
    return found


def with_families(statistics: Sequence[str]) -> list[str]:
    """Every name that may be asked for: those of statistics, then those of their families."""
    return list(dict.fromkeys([*statistics, *map(family, statistics)]))


def family(statistic: str) -> str:
    """What `activeUsers.last7` and `activeUsers.last30` have in common."""
    return statistic.partition(".")[0]


def did_you_mean(name: str, known: Sequence[str]) -> str | None:
    """Ask whether one of the nearest names was meant; None where none is near."""
    lowered = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)
    return f"Did you mean {', '.join(lowered[match] for match in close)}?" if close else None
