"""Whether catalog.duckdb, which anybody may open, answers from the history and nothing else."""

from collections.abc import Collection

from warehouse.catalog import contents, expected_contents, is_meant_for, known_statistics
from warehouse.checks.findings import Place, Report
from warehouse.errors import LedgerFailure
from warehouse.layout import Layout


def check_catalogue(layout: Layout, statistics: Collection[str], report: Report) -> None:
    """Compare the catalogue with the one that this history would get now.

    `statistics` are the names in the history; the newest may not have a column yet. One that
    was made for another folder, or by another release, is stale: no command of ours would
    ask it, and nobody else should.
    """
    if not layout.catalog.is_file():
        return
    place = Place(file=str(layout.catalog))
    try:
        found = contents(layout.catalog)
        shown = known_statistics(layout)
        names = sorted(shown if shown <= set(statistics) else statistics)
        expected = expected_contents(layout.root, names)
    except LedgerFailure as error:
        report.find("CATALOG_MISMATCH", "a catalogue that DuckDB opens", str(error), place)
        return
    if found == expected:
        return
    if not is_meant_for(layout):
        report.stale_catalogue = True
        return
    different = sorted(dict(set(found.items()) ^ set(expected.items())))
    report.find("CATALOG_MISMATCH", "the views of this history", ", ".join(different[:5]), place)
