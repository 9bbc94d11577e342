"""The commands that hand something to others: prove, bundle."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from warehouse.cli import Moment, json_option, pass_door, warehouse_option
from warehouse.door import Door

instance_option = click.option(
    "--instance", required=True, metavar="NAME", help="Whose: a source's name in the settings."
)
to_option = click.option("--to", required=True, metavar="FILE", help="The new zip file.")
log_option = click.option("--log", metavar="ORIGIN", help="In this log, where several have it.")


@click.command(epilog="Example: tallybook prove --instance prod --at 2026-03-01 --to proof.zip")
@instance_option
@click.option("--at", type=Moment(end_of_day=True), help="As it was then; default: the newest.")
@to_option
@log_option
@json_option
@warehouse_option
@pass_door
def prove(
    door: Door,
    instance: str,
    at: datetime | None,
    to: str,
    log: str | None,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Prove one snapshot to somebody else.

    A zip with the signed record, the way from it to a signed checkpoint, and a script that
    checks both with bash, openssl and xxd. Nothing of any other snapshot is in it.
    """
    from warehouse.proofs.proving import prove as write_proof
    from warehouse.proofs.report import print_proof, proof_json

    made = write_proof(door.warehouse(warehouse), instance, at, log, Path(to))
    if as_json:
        click.echo(json.dumps(proof_json(made, to), indent=2))
    else:
        print_proof(made, to)


@click.command(
    epilog="Example: tallybook bundle --instance prod --since 2026-01-01 --until 2026-12-31 "
    "--to prod-2026.zip"
)
@instance_option
@click.option(
    "--since", "--from", "since", type=Moment(end_of_day=False),
    help="Not before, UTC; 90d: days ago.",
)  # fmt: skip
@click.option("--until", type=Moment(end_of_day=True), help="Not after, UTC.")
@to_option
@log_option
@json_option
@warehouse_option
@pass_door
def bundle(
    door: Door,
    instance: str,
    since: datetime | None,
    until: datetime | None,
    to: str,
    log: str | None,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Pack an instance and a period for an auditor.

    A zip with its snapshots as Parquet and CSV, the signed records with their proofs, and
    what the numbers mean. "tallybook verify FILE.zip" checks it.
    """
    from warehouse.proofs.bundling import bundle as write_bundle
    from warehouse.proofs.contents import Period
    from warehouse.proofs.report import bundle_json, print_bundle

    if since and until and since > until:
        raise click.UsageError("--since is after --until: nothing is in between")
    period = Period(_written(since), _written(until))
    made = write_bundle(door.warehouse(warehouse), instance, period, log, Path(to))
    if as_json:
        click.echo(json.dumps(bundle_json(made, to), indent=2))
    else:
        print_bundle(made, to)


COMMANDS: tuple[click.Command, ...] = (prove, bundle)


def _written(moment: datetime | None) -> str | None:
    from warehouse.record import timestamp

    return timestamp(moment.replace(tzinfo=UTC)) if moment else None
