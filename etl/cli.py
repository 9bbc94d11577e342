"""The commands that write: init, doctor, grants, statistics, snapshot, demo.

Each parses, calls one function and prints. Data goes to stdout, talk to stderr.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.keys.cli import algorithm_choice, passphrase, passphrase_options
from warehouse.door import Door
from warehouse.errors import BadInput, Failure

if TYPE_CHECKING:
    from etl.settings import Settings

pass_door = click.make_pass_decorator(Door)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(
    epilog="Example: tallybook init tally --source prod=postgresql://tallybook@db/unleash"
)
@click.argument("folder", metavar="[DIR]", default=".")
@click.option(
    "--source", "sources", multiple=True, required=True, metavar="NAME=URL",
    help="An Unleash database. May be given several times.",
)  # fmt: skip
@click.option(
    "--server-url", "servers", multiple=True, metavar="NAME=URL",
    help="The server of that source, asked for its exact release.",
)  # fmt: skip
@click.option("--origin", metavar="NAME", help="Name of the log; default: HOSTNAME/tallybook.")
@click.option("--algorithm", type=algorithm_choice, default="ed25519", show_default=True)
@passphrase_options("the signing key")
@click.option(
    "--recovery-key", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="Public key, in PEM form, of the key that can revoke the signing key.",
)  # fmt: skip
@json_option
def init(
    folder: str,
    sources: tuple[str, ...],
    servers: tuple[str, ...],
    origin: str | None,
    algorithm: str,
    passphrase_file: str | None,
    passphrase_env: str | None,
    recovery_key: str | None,
    as_json: bool,
) -> None:
    """Make a new history.

    Settings, signing key, signer's state and an empty warehouse. Overwrites nothing.
    """
    from etl.init import NewKeys, default_origin, new_sources
    from etl.init import init as make
    from warehouse.keys import read_public_key

    secret = passphrase(passphrase_file, passphrase_env, Path.cwd())
    recovery = read_public_key(Path(recovery_key)) if recovery_key else None
    keys = NewKeys(algorithm, secret, recovery)
    made = make(Path(folder), new_sources(sources, servers), origin or default_origin(), keys)
    for name, file in made.passwords.items():
        click.echo(
            f"note: the password in the URL of {name!r} went to {file} (mode 0600), not into the "
            "settings. Other ways: password_env, PGPASSFILE, a service file.",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({"folder": str(made.folder), "origin": made.origin,
                               "key_id": made.key_id}))  # fmt: skip
        return
    click.echo(f"Made {made.folder / 'tallybook.toml'}, log {made.origin}, key {made.key_id[:16]}…")
    click.echo(f"Next: cd {made.folder} && tallybook doctor && tallybook snapshot")


@click.command(epilog="Example: tallybook doctor --source prod")
@click.option("--source", metavar="NAME", help="Only this source.")
@json_option
@pass_door
@click.pass_context
def doctor(context: click.Context, door: Door, source: str | None, as_json: bool) -> None:
    """Check everything a snapshot needs.

    Each line is ok, a warning or a failure, with what to do.
    """
    from etl.doctor import examine
    from etl.report import findings_json, print_findings

    findings = examine(_settings(door), source)
    if as_json:
        click.echo(json.dumps(findings_json(findings), indent=2))
    else:
        print_findings(findings)
    context.exit(1 if any(finding.level == "failure" for finding in findings) else 0)


@click.command(epilog="Example: tallybook grants --for 8.2 | psql -d unleash")
@click.option("--source", metavar="NAME", help="For the database of this source, as it is now.")
@click.option(
    "--for", "release", metavar="RELEASE", help="For a release of Unleash, asking nobody."
)
@click.option("--role", default="tallybook", show_default=True, metavar="NAME")
@click.option("--database", metavar="NAME", help="Default: the source's; with --for: unleash.")
@click.option("--schema", metavar="NAME", help="Default: the source's; with --for: public.")
@click.option(
    "--functions/--no-functions", default=True, show_default=True,
    help="Let two functions tell what stands beside secrets, in the settings and in API tokens; "
    "without them the role reads all settings.",
)  # fmt: skip
@json_option
@pass_door
def grants(
    door: Door,
    source: str | None,
    release: str | None,
    role: str,
    database: str | None,
    schema: str | None,
    functions: bool,
    as_json: bool,
) -> None:
    """Print the SQL of the least-privilege role.

    It may read what is counted, and nothing else. For the database of a source as it is now,
    or for a release of Unleash.
    """
    from etl.access import grants_for_release, grants_for_source

    if release:
        where = (database or "unleash", schema or "public")
        sql = grants_for_release(release, role, *where, functions=functions)
    else:
        settings = _settings(door)
        asked = settings.source(_only(settings, source))
        sql = grants_for_source(asked, role, database, schema, functions=functions)
    click.echo(json.dumps({"sql": sql}) if as_json else sql, nl=as_json)


@click.command(epilog="Example: tallybook statistics --markdown > docs/statistics.md")
@click.option("--markdown", is_flag=True, help="Print the page docs/statistics.md.")
@json_option
def statistics(markdown: bool, as_json: bool) -> None:
    """Print what every statistic means."""
    from etl.dictionary import as_json as dictionary_json
    from etl.dictionary import as_markdown
    from etl.report import print_dictionary

    if markdown:
        click.echo(as_markdown(), nl=False)
    elif as_json:
        click.echo(json.dumps(dictionary_json(), indent=2))
    else:
        print_dictionary()


@click.command(epilog="Example: tallybook snapshot --source prod --dry-run")
@click.option("--source", metavar="NAME", help="Only this source; default: all of the settings.")
@click.option("--dry-run", is_flag=True, help="Read, and keep nothing.")
@json_option
@pass_door
@click.pass_context
def snapshot(
    context: click.Context, door: Door, source: str | None, dry_run: bool, as_json: bool
) -> None:
    """Read, sign and keep every statistic.

    All of one source in one consistent moment, appended to the history.

    \b
    Exit code 0: all of it. 3: some statistic or source was unavailable.
    14: a source could not be reached.
    """
    from etl.report import exit_code_of, outcomes_json, print_outcomes, telling
    from etl.run import read_source, take_snapshots

    settings = _settings(door)
    names = [source] if source else list(settings.tables)
    if not names:
        raise BadInput(f"no source in {str(settings.path)!r}", hint="Add a table [source.NAME].")
    warnings: list[str] = []
    with telling(quiet=as_json) as tell:
        if dry_run:
            outcomes = [read_source(settings, name, tell) for name in names]
        else:
            outcomes = take_snapshots(settings, names, tell=tell, warn=warnings.append)
    if as_json:
        click.echo(json.dumps(outcomes_json(outcomes), indent=2))
    else:
        print_outcomes(outcomes, dry_run=dry_run)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if not dry_run:
        _seal_if_due(settings)
    context.exit(exit_code_of(outcomes))


@click.command(epilog="Example: tallybook demo --to demo")
@click.option("--to", "folder", default="demo", show_default=True, metavar="DIR")
def demo(folder: str) -> None:
    """Show the whole product in under a minute.

    On an Unleash database of its own, which ends with the demo.
    """
    from etl.demo.story import tell_story

    tell_story(Path(folder))


COMMANDS: tuple[click.Command, ...] = (
    init, doctor, grants, statistics, snapshot, demo,
)  # fmt: skip


def _seal_if_due(settings: "Settings") -> None:
    from warehouse.layout import Layout
    from warehouse.sealed.due import is_due

    if is_due(Layout(settings.warehouse)):
        # What it needs takes as much memory as all the rest of a snapshot.
        from warehouse.sealed.seal import seal

        try:
            seal(settings.warehouse)
        except Failure as failure:
            # The snapshot is in the history, whatever becomes of this.
            click.echo(f"warning: nothing was sealed: {failure}", err=True)


def _settings(door: Door) -> "Settings":
    from etl.settings import find_settings, load_settings

    return load_settings(find_settings(door.config, os.environ))


def _only(settings: "Settings", source: str | None) -> str:
    if source:
        return source
    if len(settings.tables) != 1:
        raise BadInput(
            f"{str(settings.path)!r} has {len(settings.tables)} sources: say which one",
            hint=f"--source NAME, one of: {', '.join(settings.tables) or 'none'}",
        )
    return next(iter(settings.tables))
