"""A shape that many tables share: how many rows they have."""

from etl.statistic import Probe, Statistic


def all_rows(
    subject: str, name: str, table: str, key: str, meaning: str, *more: Statistic
) -> Probe:
    """A probe whose first number is all the rows of a table, then `more` of the same scan."""
    column = f"{table}.{key}"
    rows = Statistic(
        name=name, meaning=meaning, sql="count(*)", unit=table.replace("_", " "), since="4.17"
    )
    return Probe(subject=subject, source=table, needs=(column,), statistics=(rows, *more))
