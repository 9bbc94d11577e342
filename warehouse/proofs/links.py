"""The chain of an instance in a bundle: no record left out, not even at the edges.

A whole history begins its chains with their first record; here one begins with the record
before the period, and ends with the one after it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from warehouse.checks.findings import Place, Report
from warehouse.payload import NO_PREVIOUS, Chained
from warehouse.proofs.contents import Period, moment_of


class Link(NamedTuple):
    """A record of a chain, the SHA-256 of its payload, and where it is."""

    record: Chained
    sha256: str
    place: Place


def check_chain(links: Sequence[Link], period: Period, report: Report) -> None:
    """Check the links of one instance, in the order of the log."""
    _beginning(links[0], period, report)
    for before, link in pairwise(links):
        expected = before.record.seq + 1
        if link.record.seq != expected:
            name = "SEQ_GAP" if link.record.seq > expected else "SEQ_DUPLICATE"
            report.find(name, f"seq {expected}", f"seq {link.record.seq}", link.place)
        if link.record.prev != before.sha256:
            report.find("PREV_MISMATCH", before.sha256, link.record.prev, link.place)
    _end(links[-1], period, report)


def _beginning(first: Link, period: Period, report: Report) -> None:
    record = first.record
    if record.seq == 0:
        if record.prev != NO_PREVIOUS:
            report.find("PREV_MISMATCH", NO_PREVIOUS, record.prev, first.place)
    elif period.since is None:
        report.find("SEQ_GAP", "seq 0", f"seq {record.seq}", first.place)
    elif period.place(moment_of(record)) >= 0:
        expected = f"seq {record.seq - 1}, the record before the period"
        report.find("SEQ_GAP", expected, f"seq {record.seq}", first.place)


def _end(last: Link, period: Period, report: Report) -> None:
    if period.place(moment_of(last.record)) <= 0:
        expected = "a record after the period"
        found = "none: newer ones may have been left out"
        report.find("UNANCHORED", expected, found, last.place)
