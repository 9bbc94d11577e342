"""The commands of `tallybook alerts`: list, test."""

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from warehouse.door import Door
from warehouse.errors import BadInput

if TYPE_CHECKING:
    from etl.settings import Settings

pass_door = click.make_pass_decorator(Door)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(epilog="Example: tallybook alerts list")
def alerts() -> None:
    """Show the rules and what is wrong by them; try the addresses."""


@alerts.command("list", epilog="Example: tallybook alerts list --json")
@json_option
@pass_door
@click.pass_context
def list_alerts(context: click.Context, door: Door, as_json: bool) -> None:
    """Show every rule of the settings, and the incidents that are open.

    \b
    Exit code 0: no incident is open. 3: some are, or a notice could not be sent.
    """
    from schedules.alerts.memory import read_memory
    from schedules.alerts.report import alerts_json, print_alerts

    settings = _load(door)
    memory = read_memory(settings.state)
    if as_json:
        click.echo(json.dumps(alerts_json(settings, memory), indent=2))
    else:
        print_alerts(settings, memory)
    context.exit(3 if memory.open or memory.unsent else 0)


@alerts.command("test", epilog="Example: tallybook alerts test")
@json_option
@pass_door
def test_alerts(door: Door, as_json: bool) -> None:
    """Send a notice that says it is a test to every address of the settings."""
    from schedules.alerts.incidents import Notice
    from schedules.alerts.sending import read_urls, send
    from warehouse.record import timestamp

    settings = _load(door)
    urls = read_urls(settings.alert_urls)
    if not urls:
        raise BadInput(
            "there is no address to send to",
            hint='Put some into a file, one a line, and name it: [alerts] urls_file = "…"',
        )
    what = "a test: this is how an alert arrives"
    at = timestamp(datetime.now(UTC))
    notice = Notice(kind="problem", alert="test", source="", what=what, at=at)
    send(urls, notice, origin=settings.origin)
    if as_json:
        click.echo(json.dumps({"sent_to": len(urls)}))
    else:
        click.echo(f"Sent to {len(urls)} address(es).")


COMMANDS: tuple[click.Command, ...] = (alerts,)


def _load(door: Door) -> "Settings":
    from etl.settings import find_settings, load_settings

    return load_settings(find_settings(door.config, os.environ))
