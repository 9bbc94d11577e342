"""What the columns of sealed files are called. Pure."""

from string import ascii_lowercase, ascii_uppercase
from typing import Final

SNAPSHOT: Final = "tallybook/snapshot/v1"
# What a snapshot has beside its statistics, as the records have it.
FIXED: Final = (
    "instance_id", "instance", "taken_at", "due_at", "provenance", "version_oss",
    "version_enterprise", "schema", "db_time", "recorded_at", "log", "index", "definitions",
)  # fmt: skip
# What a value has of its snapshot.
BESIDE: Final = (
    "instance_id", "instance", "taken_at", "provenance", "definitions", "recorded_at",
)  # fmt: skip
_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_CAPITAL: Final = str.maketrans(ascii_lowercase, ascii_uppercase)
_WRITTEN: Final = str.maketrans(
    {"_": "__"} | {capital: f"_{capital.lower()}" for capital in ascii_uppercase}
)


def column_of(statistic: str) -> str:
    """The column of a statistic: labels that differ in case alone are two to SQL as well.

    In what follows the first point a capital is written as `_` and the small letter, and `_`
    as two of them: `clientApps.allTime` is the column `clientApps.all_time`. Only A to Z:
    DuckDB knows no other capitals.
    """
    base, point, label = statistic.partition(".")
    return f"{base}{point}{label.translate(_WRITTEN)}"


def statistic_of(column: str) -> str:
    """The statistic of a column."""
    base, point, label = column.partition(".")
    letters, name = iter(label), ""
    for letter in letters:
        name += next(letters, "").translate(_CAPITAL) if letter == "_" else letter
    return f"{base}{point}{name}"


def folded(column: str) -> str:
    """A name of a column as DuckDB compares it with others."""
    return column.translate(_SMALL)
