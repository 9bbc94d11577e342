"""The front door: `tallybook`.

Mounts the commands of all storeys, finds the settings for them, and turns every
deliberate failure into a message, a hint and an exit code. Nothing heavy is
imported here: `tallybook --help` has to be quick.
"""

import json
import os
import sys
import traceback
from difflib import get_close_matches
from typing import Any, NoReturn

import click

import etl.anchors.cli
import etl.cli
import etl.keys.cli
import schedules.alerts.cli
import schedules.daemon.cli
import warehouse.analysis.cli
import warehouse.cli
import warehouse.exports.cli
import warehouse.proofs.cli
import warehouse.sealed.cli
from warehouse.door import Door, Whereabouts
from warehouse.errors import Failure


class Commands(click.Group):
    """Commands, with a guess at what a mistyped one was meant to be."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Make the context with a door in it: a shell that completes names runs no command."""
        return super().make_context(info_name, args, parent, obj=Door(None, _find), **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Fails with the nearest name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=0.5)
            if not close or "mean" in error.message:
                raise
            message = f"{error.message.rstrip('.')}. Did you mean {close[0]!r}?"
            raise click.UsageError(message, ctx) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: tallybook demo   or   tallybook init DIR --source NAME=URL",
)
@click.option(
    "--config", metavar="FILE",
    help="Settings file; default: $TALLYBOOK_CONFIG, ./tallybook.toml, /etc/tallybook.",
)  # fmt: skip
@click.version_option(package_name="tallybook", message="%(prog)s %(version)s")
@click.pass_context
def tallybook(context: click.Context, config: str | None) -> None:
    """Keep a signed history of the usage statistics of Unleash servers."""
    context.obj = Door(config, _find)


@click.command(epilog="Example: tallybook status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show how the history stands.

    Its log, its daemon, the slots and the newest snapshot of every source, and every anchor.
    Asks no source.

    \b
    Exit code 0: all is well. 3: something is late, failing, or not stored yet.
    """
    from etl.report import print_findings
    from etl.settings import find_settings, load_settings
    from schedules.status import Status

    stands = Status(load_settings(find_settings(context.obj.config, os.environ)))
    findings = stands.findings()
    if as_json:
        click.echo(json.dumps(stands.as_json(), indent=2))
    else:
        print_findings(findings)
    context.exit(3 if any(finding.level != "ok" for finding in findings) else 0)


for command in (
    status,
    *schedules.daemon.cli.COMMANDS,
    *schedules.alerts.cli.COMMANDS,
    *etl.cli.COMMANDS,
    *etl.anchors.cli.COMMANDS,
    *etl.keys.cli.COMMANDS,
    *warehouse.cli.COMMANDS,
    *warehouse.analysis.cli.COMMANDS,
    *warehouse.exports.cli.COMMANDS,
    *warehouse.proofs.cli.COMMANDS,
    *warehouse.sealed.cli.COMMANDS,
):
    tallybook.add_command(command)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    try:
        code = tallybook.main(standalone_mode=False)
    except click.exceptions.Exit as asked:
        code = asked.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _say("interrupted", None, 130)
    except Failure as failure:
        code = _say(str(failure), failure.hint, failure.exit_code)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:  # the one door of the process: nobody else will see it
        if os.environ.get("TALLYBOOK_TRACEBACK"):
            traceback.print_exc()
        code = _say(
            f"unexpected {type(error).__name__}: {error}",
            "This is a defect of tallybook. TALLYBOOK_TRACEBACK=1 shows where it comes from.",
            1,
        )
    sys.exit(code or 0)


def _say(message: str, hint: str | None, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return code


def _find(config: str | None) -> Whereabouts:
    from etl.settings import find_settings, load_settings
    from etl.whereabouts import whereabouts

    return whereabouts(load_settings(find_settings(config, os.environ)))
