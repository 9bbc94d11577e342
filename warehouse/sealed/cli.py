"""The command that folds many small files into few: seal."""

import json

import click

from warehouse.cli import json_option, pass_door, warehouse_option
from warehouse.door import Door


@click.command(epilog="Example: tallybook seal")
@json_option
@warehouse_option
@pass_door
def seal(door: Door, as_json: bool, warehouse: str | None) -> None:
    """Fold the commits of the history into sorted files by month.

    Queries read few large files instead of many small ones. Snapshots seal by themselves once
    there is enough; this does it now. The records stay as they were signed, readers go on
    reading meanwhile, and commits need not wait. What is replaced is deleted a day later.
    """
    from warehouse.sealed.seal import seal as seal_now
    from warehouse.terminal import counting

    with counting("records sealed") as progress:
        sealed = seal_now(
            door.warehouse(warehouse), progress=lambda done, of: progress(done, done / of)
        )
    names = [part.name for part in sealed.parts]
    if as_json:
        told = {"parts": names, "records": sealed.records, "removed": sealed.removed}
        click.echo(json.dumps(told, indent=2))
    elif names:
        counted = _count(sealed.records, "record"), _count(len(names), "sealed file")
        click.echo(f"{' in '.join(counted)}: {', '.join(names)}")
    else:
        click.echo("nothing to seal: all is in sealed files already")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


COMMANDS: tuple[click.Command, ...] = (seal,)
