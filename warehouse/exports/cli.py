"""The command that hands the history to other tools: export."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from warehouse.analysis.cli import source_names
from warehouse.cli import Moment, json_option, pass_door, warehouse_option
from warehouse.door import Door


class Beginning(click.ParamType["datetime | Literal['last']"]):
    """Where an export begins: `last` for where the one before it ended, or a time."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "datetime | Literal['last']":
        """Return `last`, or the time in UTC without a zone."""
        if value == "last":
            return "last"
        return Moment(end_of_day=False).convert(value, param, ctx)


@click.command(
    epilog="Example: tallybook export --format parquet --shape star --to exports/star --since last"
)
@click.option(
    "--format", "form", type=click.Choice(["parquet", "csv", "xlsx", "jsonl"]),
    help="Default: that of the export in DIR, else parquet.",
)  # fmt: skip
@click.option(
    "--shape", type=click.Choice(["wide", "long", "star"]),
    help="A row per snapshot; per snapshot and statistic; the same with dimensions. Default: "
    "that of the export in DIR, else wide.",
)  # fmt: skip
@click.option("--to", required=True, metavar="DIR", help="Folder for it; DIR/latest is the newest.")
@click.option(
    "--since", type=Beginning(), metavar="TIME|last",
    help="Not before, UTC; 90d, 2y: ago. last: what is new since the export in DIR.",
)  # fmt: skip
@click.option(
    "--instance", "--source", "instance", metavar="NAME", shell_complete=source_names,
    help="This one alone.",
)  # fmt: skip
@click.option(
    "--keep", type=click.IntRange(min=2), default=3, show_default=True,
    help="How many versions stay in DIR.",
)  # fmt: skip
@json_option
@warehouse_option
@pass_door
def export(
    door: Door,
    form: str | None,
    shape: str | None,
    to: str,
    since: "datetime | Literal['last'] | None",
    instance: str | None,
    keep: int,
    as_json: bool,
    warehouse: str | None,
) -> None:
    """Write the history for spreadsheets and BI tools.

    DIR/latest always leads to one whole export, and is replaced in one step. Every file's
    SHA-256, and the signed checkpoint that the export was made from, are in manifest.json.
    """
    from warehouse.exports.asked import Asked
    from warehouse.exports.export import export as write_export
    from warehouse.exports.report import export_json, print_export
    from warehouse.terminal import console, counting

    last = since == "last"
    asked = Asked(form, shape, instance, None if since == "last" else since, last, keep)
    root = door.warehouse(warehouse)
    with counting("rows") as bar:
        progress = bar if console(stderr=True).is_terminal else None
        made = write_export(root, Path(to), asked, progress=progress)
    if as_json:
        click.echo(json.dumps(export_json(made), indent=2))
    else:
        print_export(made)


COMMANDS: tuple[click.Command, ...] = (export,)
