"""The commands of the daemon: daemon, pause, resume."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from warehouse.door import Door
from warehouse.errors import Failure

if TYPE_CHECKING:
    from etl.settings import Settings

pass_door = click.make_pass_decorator(Door)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _complete(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    config = context.find_root().params.get("config")
    try:
        names = _load(config).tables
    except Failure:
        return []
    return [CompletionItem(name) for name in names if name.startswith(begun)]


source_argument = click.argument("source", metavar="SOURCE", shell_complete=_complete)


@click.command(epilog="Example: tallybook daemon")
@pass_door
def daemon(door: Door) -> None:
    """Take snapshots by the clock, until told to stop.

    Keeps the schedule of every source, and records each slot that got no snapshot, with its
    reason. SIGHUP reads the settings again, SIGTERM ends it within 10 seconds.
    """
    from schedules.daemon.notify import Supervisor
    from schedules.daemon.service import serve

    serve(_load(door.config), Supervisor.of(os.environ))
    # Abandoned runs may hang in threads that an ordinary end would wait for.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


@click.command(epilog="Example: tallybook pause staging")
@source_argument
@json_option
@pass_door
def pause(door: Door, source: str, as_json: bool) -> None:
    """Take no snapshots of a source by the clock.

    Until it is resumed, over restarts too. Its slots are recorded as missed, with that reason.
    """
    from schedules.daemon.pauses import pause as begin

    settings = _load(door.config)
    settings.require_source(source)
    changed = begin(settings.state, source, datetime.now(UTC))
    _print(source, "paused", changed=changed, as_json=as_json)


@click.command(epilog="Example: tallybook resume staging")
@source_argument
@json_option
@pass_door
def resume(door: Door, source: str, as_json: bool) -> None:
    """Let a paused source go on with its next slot."""
    from schedules.daemon.pauses import resume as end

    settings = _load(door.config)
    # One that is no longer in the settings may still be resumed.
    changed = end(settings.state, source)
    if not changed:
        settings.require_source(source)
    _print(source, "resumed", changed=changed, as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (daemon, pause, resume)


def _print(source: str, done: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"source": source, "state": done, "changed": changed}))
    else:
        click.echo(f"{source} is {done}." if changed else f"{source} is {done} already.")


def _load(config: str | None) -> "Settings":
    from etl.settings import find_settings, load_settings

    return load_settings(find_settings(config, os.environ))
