"""The command that shows the anchors: anchors."""

import json
import os

import click

from warehouse.door import Door

pass_door = click.make_pass_decorator(Door)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(epilog="Example: tallybook anchors")
@json_option
@pass_door
def anchors(door: Door, as_json: bool) -> None:
    """List who else keeps the head of the log.

    Each anchor with the newest checkpoint that it took: how many records, how long ago.
    """
    from etl.anchors.memory import read_states
    from etl.anchors.report import anchors_json, print_anchors
    from etl.settings import find_settings, load_settings

    settings = load_settings(find_settings(door.config, os.environ))
    states = read_states(settings.state, settings.anchors)
    if as_json:
        click.echo(json.dumps(anchors_json(states), indent=2))
    elif states:
        print_anchors(states)
    else:
        click.echo(
            f"Nobody else keeps the head of the log: add a table [anchor.NAME] to {settings.path}.",
            err=True,
        )


COMMANDS: tuple[click.Command, ...] = (anchors,)
