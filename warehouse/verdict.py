"""What `verify` prints: a report, for people and as JSON."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from warehouse.terminal import console
from warehouse.verify import Report, findings_by_name

_HEADLINES = {
    "intact": "The history is intact.",
    "incomplete": "The history is intact as far as it goes.",
    "tampered": "The history is NOT what was signed.",
    "untrusted": "The history is signed by a key that you do not trust.",
}


def report_json(report: Report) -> dict[str, Any]:
    """A verification report as JSON."""
    return {"status": report.status, "exit_code": report.exit_code, **asdict(report)}


def print_report(report: Report) -> None:
    """Print what was checked, then every finding with its place."""
    out = console()
    style = {"intact": "green", "incomplete": "yellow"}.get(report.status, "red")
    out.print(Text(_HEADLINES[report.status], style=style))
    out.print(
        f"{report.records} records of {len(report.logs)} log(s), {report.instances} instance(s): "
        f"{report.signatures_valid} of {report.signatures} signatures are good."
    )
    if report.unfinished:
        out.print(
            f"{report.unfinished} signed record(s) wait in the signer's journal: "
            "the next tallybook snapshot writes them."
        )
    elif report.status == "incomplete":
        out.print("Nothing outside it vouches for its end: newer records may be missing.")
    if report.findings:
        out.print(", ".join(f"{name} × {count}" for name, count in findings_by_name(report)))
    for finding in report.findings[:50]:
        place = {k: v for k, v in asdict(finding.place).items() if v is not None}
        out.print(Text(f"\n{finding.name}", style="bold red"))
        for key, value in {**place, "expected": finding.expected, "found": finding.found}.items():
            out.print(Text(f"  {key:<9} {value}"))
    if len(report.findings) > 50:
        out.print(f"\n… and {len(report.findings) - 50} more: --json has them all.")
