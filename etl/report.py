"""What the commands of this storey print, for people and as JSON."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.text import Text

from etl.catalogue import UNLEASH
from warehouse.errors import SourceUnreachable
from warehouse.payload import Snapshot
from warehouse.record import decode
from warehouse.terminal import console, table

if TYPE_CHECKING:
    from etl.doctor import Finding
    from etl.run import Outcome

_STYLES = {"ok": "green", "warning": "yellow", "failure": "red"}


@contextmanager
def telling(*, quiet: bool) -> Iterator[Callable[[str, str], None]]:
    """Show what is going on, one line per source, where stderr is a terminal."""
    err = console(stderr=True)
    if quiet or not err.is_terminal:
        yield lambda _source, _what: None
        return
    with err.status("") as status:

        def tell(source: str, what: str) -> None:
            status.update(Text(f"{source}: {what}"))

        yield tell


def exit_code_of(outcomes: Sequence["Outcome"]) -> int:
    """0 when all went well, 3 when something was missing, the failure's own when all failed."""
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    if failures and len(failures) == len(outcomes):
        return failures[0].exit_code
    if failures:
        unreachable = any(isinstance(failure, SourceUnreachable) for failure in failures)
        return SourceUnreachable.exit_code if unreachable else 3
    return 3 if any(o.reading and o.reading.troubles for o in outcomes) else 0


def outcomes_json(outcomes: Sequence["Outcome"]) -> list[dict[str, Any]]:
    """A run as JSON, one object per source."""
    return [_outcome_json(outcome) for outcome in outcomes]


def print_outcomes(outcomes: Sequence["Outcome"], *, dry_run: bool) -> None:
    """Print a run: a line per source, then what was unavailable or failed."""
    out = console()
    made = table(
        ("source", "taken at (UTC)", "Unleash", "statistics", "unavailable", "record"),
        right=("statistics", "unavailable", "record"),
    )
    for outcome in outcomes:
        made.add_row(*_outcome_row(outcome, dry_run=dry_run))
    out.print(made)
    err = console(stderr=True)
    for outcome in outcomes:
        for line, style in _complaints(outcome):
            err.print(Text(line, style=style))


def findings_json(findings: Sequence["Finding"]) -> list[dict[str, str | None]]:
    """A doctor's findings as JSON."""
    return [
        {"subject": f.subject, "check": f.check, "level": f.level, "found": f.found, "do": f.advice}
        for f in findings
    ]


def print_findings(findings: Sequence["Finding"]) -> None:
    """Print a doctor's findings, grouped by subject."""
    out = console()
    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        out.print(Text(subject, style="bold"))
        for finding in group:
            line = Text("  ")
            line.append(f"{finding.level:<8}", style=_STYLES[finding.level])
            line.append(f" {finding.check:<20} {finding.found}")
            out.print(line)
            if finding.advice:
                out.print(Text(f"  {'':<8} {'':<20} → {finding.advice}", style="dim"))
    worst = [finding.level for finding in findings]
    out.print(
        f"\n{worst.count('ok')} ok, {worst.count('warning')} warning(s), "
        f"{worst.count('failure')} failure(s)"
    )


def print_dictionary() -> None:
    """Print the dictionary as a table."""
    out = console()
    for subject, group in groupby(UNLEASH.definitions(), key=lambda d: d.subject):
        columns = ("statistic", "meaning", "unit", "window", "since", "definition", "reads")
        made = table(columns)
        for d in group:
            name = f"{d.name}.{{label}}" if d.labelled else d.name
            made.add_row(
                name, d.meaning, d.unit, d.window, d.since, d.hash[:12], ", ".join(d.reads)
            )
        out.print(Text(f"\n{subject}", style="bold cyan"))
        out.print(made)


def _complaints(outcome: "Outcome") -> Iterator[tuple[str, str]]:
    if failure := outcome.failure:
        yield f"error: {failure}", "red"
        if failure.hint:
            yield f"hint: {failure.hint}", ""
    if reading := outcome.reading:
        for missing in reading.troubles:
            line = f"{outcome.source}: {missing.statistic} is unavailable: {missing.reason}"
            yield line, "yellow"
        for statistic, remark in reading.remarks.items():
            yield f"{outcome.source}: {statistic}: {remark}", "yellow"


def _outcome_row(outcome: "Outcome", *, dry_run: bool) -> tuple[str | Text, ...]:
    reading = outcome.reading
    if reading is None:
        return outcome.source, "", "", "", "", Text("failed", style="red")
    index = "not kept" if dry_run else str(_index(outcome))
    return (
        outcome.source,
        f"{reading.taken_at:%Y-%m-%d %H:%M:%S}",
        reading.release.oss or "unknown",
        str(len(reading.stats)),
        str(len(reading.unavailable)),
        index,
    )


def _outcome_json(outcome: "Outcome") -> dict[str, Any]:
    reading = outcome.reading
    if reading is None:
        failure = outcome.failure
        return {
            "source": outcome.source,
            "failure": str(failure),
            "hint": failure.hint if failure else None,
        }
    return {
        "source": outcome.source,
        "instance_id": reading.instance.id,
        "taken_at": reading.taken_at.isoformat(),
        "release": reading.release.oss,
        "index": _index(outcome),
        "stats": dict(reading.stats),
        "unavailable": {missing.statistic: missing.reason for missing in reading.unavailable},
        "remarks": dict(reading.remarks),
    }


def _index(outcome: "Outcome") -> int | None:
    if outcome.record is None:
        return None
    payload = decode(outcome.record.payload)
    return payload.index if isinstance(payload, Snapshot) else None
