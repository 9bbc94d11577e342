"""What was checked, where it was a file: the report says whose bundle or proof it is."""

from dataclasses import dataclass

import click

from warehouse.checks.findings import Report


@dataclass
class ArchiveReport(Report):
    """A report of a bundle or a proof; `about` is what is in it, None where nobody could tell.

    What is told there was compared with the records: where they were not signed, the findings
    say so.
    """

    about: str | None = None


def print_subject(report: Report) -> None:
    """Print what was checked, before what came of it; nothing for a whole history."""
    if isinstance(report, ArchiveReport) and report.about:
        click.echo(report.about)
