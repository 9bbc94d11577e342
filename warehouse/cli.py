"""The commands that read: show, verify, catalog.

Each parses, calls one function and prints. Data goes to stdout, talk to stderr.
"""

import json
import re
from calendar import monthrange
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from warehouse.door import Door, Whereabouts
from warehouse.errors import BadInput, BadSettings

if TYPE_CHECKING:
    from warehouse.checks.examine import Scope
    from warehouse.checks.findings import Report
    from warehouse.checks.trust import Trust
    from warehouse.checks.witnesses import Outside

_AGE = re.compile(r"([0-9]{1,6})([hdwy])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

pass_door = click.make_pass_decorator(Door)
warehouse_option = click.option(
    "--warehouse", metavar="DIR", help="Folder of the warehouse; default: the settings'."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Moment(click.ParamType[datetime]):
    """A moment as people write it: 2026-11-23, 2026-11-23T02:00, now, or 90d for 90 days ago.

    UTC unless it says so. A day alone means its beginning, or its end. h, d, w and y are hours,
    days, weeks and years of the calendar.
    """

    name = "time"

    def __init__(self, *, end_of_day: bool) -> None:
        self._end_of_day = end_of_day

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return it in UTC, without a zone, as the warehouse keeps time."""
        if isinstance(value, datetime):
            return value
        try:
            return self._read(value)
        except (ValueError, OverflowError):
            expected = "expected one like 2026-11-23, 2026-11-23T02:00 or 90d"
            self.fail(f"{value!r} is no time; {expected}", param, ctx)

    def _read(self, value: str) -> datetime:
        now = datetime.now(UTC).replace(tzinfo=None)
        if value == "now":
            return now
        if age := _AGE.fullmatch(value):
            return _ago(now, int(age[1]), age[2])
        found = datetime.fromisoformat(value)
        if found.tzinfo:
            return found.astimezone(UTC).replace(tzinfo=None)
        if len(value) == len("2026-11-23") and self._end_of_day:
            return found.replace(hour=23, minute=59, second=59, microsecond=999999)
        return found


def _ago(now: datetime, number: int, unit: str) -> datetime:
    if unit != "y":
        return now - timedelta(**{_UNITS[unit]: number})
    year = now.year - number
    # The 29th of February has no anniversary in most years.
    return now.replace(year=year, day=min(now.day, monthrange(year, now.month)[1]))


as_of_option = click.option(
    "--as-of", type=Moment(end_of_day=True), help="As the history was known then, UTC."
)


@click.command(epilog="Example: tallybook show --source prod --at 2026-03-01")
@click.option("--source", metavar="NAME", help="One source; default: all of the history.")
@click.option("--at", type=Moment(end_of_day=True), help="As it was then; default: the newest.")
@click.option("--json", "as_json", is_flag=True, help="The JSON that Unleash's endpoint answers.")
@warehouse_option
@pass_door
def show(
    door: Door, source: str | None, at: datetime | None, as_json: bool, warehouse: str | None
) -> None:
    """Show the newest snapshot.

    Grouped by subject, with what has changed since the one before.
    """
    from warehouse.answer import endpoint_answer
    from warehouse.history import newest_two, sources
    from warehouse.show import snapshot_tables
    from warehouse.terminal import console

    root = door.warehouse(warehouse)
    names = [source] if source else sources(root)
    if not names:
        newest_two(root, "", at)
    pairs = [newest_two(root, name, at) for name in names]
    if as_json:
        answers = [endpoint_answer(pair.snapshot) for pair in pairs]
        click.echo(json.dumps(answers[0] if len(answers) == 1 else answers, indent=2))
        return
    for renderable in snapshot_tables(root, pairs):
        console().print(renderable)


@click.command(epilog="Example: tallybook verify --warehouse copy/history --trust ledger.vkey")
@click.argument("bundle", required=False, metavar="[BUNDLE]")
@click.option(
    "--trust", multiple=True, metavar="FILE",
    help="Keys that you trust, PEM or verifier keys; from elsewhere than the warehouse.",
)  # fmt: skip
@click.option(
    "--expect", multiple=True, metavar="NOTE",
    help="A checkpoint that you kept: the history has to go on from there.",
)  # fmt: skip
@click.option(
    "--anchors", metavar="DIR",
    help="Your folder of anchors: notes, timestamps, and the authorities (*.pem) you trust.",
)  # fmt: skip
@click.option("--instance", metavar="NAME", help="Signatures and columns of this one alone.")
@click.option(
    "--since", type=Moment(end_of_day=False), help="Signatures and columns from then on, UTC."
)
@click.option("--fast", is_flag=True, help="The tree and the newest checkpoint only.")
@json_option
@warehouse_option
@pass_door
@click.pass_context
def verify(
    context: click.Context,
    door: Door,
    bundle: str | None,
    trust: tuple[str, ...],
    expect: tuple[str, ...],
    anchors: str | None,
    instance: str | None,
    since: datetime | None,
    fast: bool,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Check that the history is what was signed, and all of it.

    Every signature, the tree, every chain and column. BUNDLE: a bundle's or proof's zip instead.

    \b
    Exit code 0: intact. 13: tampered with. 12: signed by a key that is not trusted.
    3: intact as far as it goes, but something is missing, doubtful, or nothing outside
    the warehouse vouches for its end.
    """
    from warehouse.anchors import certificate_files
    from warehouse.checks.examine import Scope
    from warehouse.checks.trust import Trust, Trusted, read_trust
    from warehouse.keys import read_public_key
    from warehouse.outside import gather
    from warehouse.proofs.subject import print_subject
    from warehouse.record import timestamp
    from warehouse.verdict import print_report, report_json

    known = _whereabouts(door, bundle or warehouse, trust)
    trusted = (
        read_trust(map(Path, trust))
        if trust
        else Trust((Trusted(read_public_key(known.public_key), known.origin),))
    )
    outside = gather(
        known.warehouse,
        memory=known.memory,
        expected=[Path(note) for note in expect],
        anchors=Path(anchors) if anchors else None,
        authorities=known.authorities,
    )
    scope = Scope(fast, instance, timestamp(since.replace(tzinfo=UTC)) if since else None)
    if bundle and (warehouse or scope != Scope()):
        raise click.UsageError("BUNDLE goes without --warehouse, --instance, --since and --fast")
    if fast and (instance or since):
        raise click.UsageError("--fast looks into no record: leave out --instance and --since")
    if bundle and anchors:
        known = replace(known, authorities=(*known.authorities, *certificate_files(Path(anchors))))
    report = _check(known, trusted, outside, scope, is_file=bool(bundle))
    if as_json:
        click.echo(json.dumps(report_json(report), indent=2))
    else:
        print_subject(report)
        print_report(report)
    context.exit(report.exit_code)


@click.command(epilog="Example: tallybook catalog --root /mnt/history --to elsewhere.duckdb")
@click.option("--root", metavar="PATH", help="Where its readers will find the warehouse.")
@click.option("--to", metavar="FILE", help="Write it to another file.")
@as_of_option
@json_option
@warehouse_option
@pass_door
def catalog(
    door: Door,
    root: str | None,
    to: str | None,
    as_of: datetime | None,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Build catalog.duckdb anew.

    It holds the views that DuckDB and BI tools open, and nothing else.
    """
    from warehouse.catalog import build
    from warehouse.mount import Mount

    if root and not Path(root).is_absolute():
        raise click.BadParameter(f"expected an absolute path, found {root!r}", param_hint="--root")
    if root and not to:
        raise click.UsageError("--root makes a catalogue for another place: say --to FILE as well")
    if as_of and not to:
        raise click.UsageError("--as-of makes a catalogue of another time: say --to FILE as well")
    here = door.warehouse(warehouse).resolve()
    mount = Mount(Path(root), here) if root else None
    made = build(here, mount=mount, to=Path(to).absolute() if to else None, as_of=as_of)
    click.echo(json.dumps({"catalog": str(made)}) if as_json else str(made))


COMMANDS: tuple[click.Command, ...] = (show, verify, catalog)


def _check(
    known: Whereabouts, trusted: "Trust", outside: "Outside", scope: "Scope", *, is_file: bool
) -> "Report":
    from warehouse.proofs.checking import check_archive
    from warehouse.terminal import counting
    from warehouse.verify import verify as check

    if is_file:
        return check_archive(known.warehouse, trusted, outside, known.authorities)
    with counting("records checked") as progress:
        return check(
            known.warehouse, trusted, outside=outside, scope=scope,
            unfinished=known.unfinished, progress=progress,
        )  # fmt: skip


def _whereabouts(door: Door, warehouse: str | None, trust: tuple[str, ...]) -> Whereabouts:
    if warehouse and trust:
        # An auditor with a copied folder and a key has no settings file.
        return Whereabouts(Path(warehouse), Path(trust[0]))
    try:
        found = door.find(door.config)
    except BadSettings as error:
        if not warehouse:
            raise
        raise BadInput(
            f"no key to check {warehouse!r} with: {error}",
            hint="Name the key that you trust, and that came to you by another way: --trust FILE",
        ) from None
    if warehouse:
        return Whereabouts(Path(warehouse), found.public_key, found.origin)
    return found
