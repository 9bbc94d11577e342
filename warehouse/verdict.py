"""What `verify` prints: a report, for people and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from warehouse.checks.findings import Finding, Report, findings_by_name
from warehouse.checks.witnesses import MEMORY
from warehouse.terminal import console

_HEADLINES: Final = {
    "intact": "The history is intact.",
    "incomplete": "The history is intact as far as it goes.",
    "tampered": "The history is NOT what was signed.",
    "untrusted": "The history is signed by a key that you do not trust.",
}
_STYLES: Final = {"intact": "green", "incomplete": "yellow"}
_MOST_PRINTED: Final = 50
_MOST_NAMED: Final = 3


def report_json(report: Report) -> dict[str, Any]:
    """A verification report as JSON."""
    told = asdict(report)
    told |= {"counts": dict(findings_by_name(report)), "names": sorted(report.names)}
    return {"status": report.status, "exit_code": report.exit_code, **told}


def print_report(report: Report) -> None:
    """Print what was checked, then every finding with its place."""
    out = console()
    out.print(Text(_HEADLINES[report.status], style=_STYLES.get(report.status, "red")))
    for line in _lines(report):
        out.print(line)
    if report.findings:
        out.print(", ".join(f"{name} × {count}" for name, count in findings_by_name(report)))
    for finding in report.findings[:_MOST_PRINTED]:
        _print_finding(out, finding)
    if report.counts.total() > _MOST_PRINTED:
        out.print(f"\n… and {report.counts.total() - _MOST_PRINTED} more; --json has most of them.")


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{report.records} records of {len(report.logs)} log(s)"
        f"{'' if report.fast else f', {report.instances} instance(s)'}: "
        f"{_of(report.signatures_valid, report.signatures_checked, report.signatures)} "
        "signatures are good."
    )
    if report.checkpoints:
        yield _tree(report)
    if report.fast:
        yield "Columns, chains and all other signatures were left out: without --fast they are not."
    if report.vouched_by == [MEMORY]:
        yield f"Its end agrees with {MEMORY}; no anchor was looked at."
    elif report.vouched_by:
        first, more = report.vouched_by[:_MOST_NAMED], len(report.vouched_by) - _MOST_NAMED
        others = f" and {more} more" if more > 0 else ""
        yield f"Its end agrees with {', '.join(first)}{others}."
    if report.unfinished:
        yield (
            f"{report.unfinished} signed record(s) wait in the signer's journal: "
            "the next tallybook snapshot writes them."
        )
    if report.unlogged:
        yield (
            f"{report.unlogged} checkpoint(s) are not in checkpoints.log: "
            "the next tallybook snapshot adds them."
        )
    if report.stale_catalogue:
        yield "catalog.duckdb is stale: tallybook catalog makes it anew, before anybody asks it."
    if report.catalogue_of:
        yield f"catalog.duckdb reads {report.catalogue_of}: tallybook catalog makes one for here."


def _tree(report: Report) -> str:
    if report.counts["ROOT_MISMATCH"]:
        return "The tree has another root than the one that was signed."
    signed = _of(report.checkpoints_valid, report.checkpoints_checked, report.checkpoints)
    return f"{signed} checkpoints are signed, and the tree has the root of each."


def _of(valid: int, checked: int, all_of_them: int) -> str:
    if checked == all_of_them:
        return f"{valid} of {all_of_them}"
    return f"{valid} of {checked} checked, of {all_of_them} in all,"


def _print_finding(out: Console, finding: Finding) -> None:
    place = {key: value for key, value in asdict(finding.place).items() if value is not None}
    out.print(Text(f"\n{finding.name}", style="bold red"))
    for key, value in {**place, "expected": finding.expected, "found": finding.found}.items():
        out.print(Text(f"  {key:<9} {_printable(str(value))}"))


def _printable(text: str) -> str:
    # A name that somebody gave a file must not paint over what is said of it.
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
