"""What the columns of sealed files are called. Pure."""

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


def column_of(statistic: str) -> str:
    """The column of a statistic: labels that differ in case alone are two to SQL as well.

    In what follows the first point a capital is written as `_` and the small letter, and `_`
    as two of them: `clientApps.allTime` is the column `clientApps.all_time`.
    """
    base, point, label = statistic.partition(".")
    written = "".join(f"_{c.lower()}" if c.isupper() else c for c in label.replace("_", "__"))
    return f"{base}{point}{written}"


def statistic_of(column: str) -> str:
    """The statistic of a column."""
    base, point, label = column.partition(".")
    letters, name = iter(label), ""
    for letter in letters:
        name += next(letters, "").upper() if letter == "_" else letter
    return f"{base}{point}{name}"
