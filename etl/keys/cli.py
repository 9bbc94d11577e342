"""The commands of `tallybook keys`: new, show, recovery, rotate, revoke.

Each parses, calls one function and prints. Data goes to stdout, talk to stderr.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from warehouse.door import Door

if TYPE_CHECKING:
    from etl.keys.reference import Secret
    from etl.keys.succession import Change
    from etl.settings import Settings

F = TypeVar("F", bound=Callable[..., None])
pass_door = click.make_pass_decorator(Door)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
algorithm_choice = click.Choice(("ed25519", "ecdsa-p256-sha256"))


def passphrase_options(of: str) -> Callable[[F], F]:
    """Give a command the two ways to name a passphrase: a file, or an environment variable."""

    def decorate(command: F) -> F:
        variable = click.option(
            "--passphrase-env", metavar="NAME", help=f"Environment variable with that of {of}."
        )
        file = click.option(
            "--passphrase-file", metavar="FILE",
            help=f"File with the passphrase or PIN of {of}; or credential:NAME.",
        )  # fmt: skip
        return file(variable(command))

    return decorate


def passphrase(file: str | None, variable: str | None, base: Path) -> "Secret | None":
    """Where those two options say that a passphrase is; paths are relative to `base`."""
    from etl.keys.reference import secret_reference

    if file and variable:
        raise click.UsageError("--passphrase-file and --passphrase-env: give one of them")
    return secret_reference(file, variable, base, named="--passphrase-file")


to_option = click.option(
    "--to", metavar="REF",
    help="A key that is there already: its file, credential:NAME, or pkcs11:…; the settings have "
    "to name it then. Default: a new key in the file of the old one.",
)  # fmt: skip
successor_algorithm = click.option(
    "--algorithm", type=algorithm_choice, help="Of the new key; default: as it was."
)


@click.group()
def keys() -> None:
    """Keys that sign the history."""


@keys.command("new", epilog="Example: tallybook keys new next.pem --passphrase-file next.secret")
@click.argument("file", metavar="FILE")
@click.option("--algorithm", type=algorithm_choice, default="ed25519", show_default=True)
@passphrase_options("the new key")
@json_option
def keys_new(
    file: str,
    algorithm: str,
    passphrase_file: str | None,
    passphrase_env: str | None,
    as_json: bool,
) -> None:
    """Make a pair of keys that nobody uses yet.

    The private one in FILE, mode 0600; the public one beside it. Overwrites nothing.
    """
    from etl.keys.files import create_pair, public_half_of
    from etl.keys.opening import read_secret

    secret = read_secret(passphrase(passphrase_file, passphrase_env, Path()))
    key = create_pair(Path(file), algorithm, secret).public_key
    public = str(public_half_of(Path(file)))
    if as_json:
        click.echo(json.dumps({"private": file, "public": public, "algorithm": algorithm,
                               "key_id": key.key_id}))  # fmt: skip
    else:
        click.echo(f"Made {file} and {public}: {algorithm}, key {key.key_id}")


@keys.command("show", epilog="Example: tallybook keys show")
@json_option
@pass_door
def keys_show(door: Door, as_json: bool) -> None:
    """Show the public keys, in the forms that other tools read.

    All that the log has had, with the records that each has signed.
    """
    from etl.keys.show import key_facts, print_keys

    facts = key_facts(_settings(door))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        print_keys(facts)


@keys.command("rotate", epilog="Example: tallybook keys rotate")
@to_option
@successor_algorithm
@passphrase_options("the key that --to names")
@json_option
@pass_door
def keys_rotate(
    door: Door,
    to: str | None,
    algorithm: str | None,
    passphrase_file: str | None,
    passphrase_env: str | None,
    as_json: bool,
) -> None:
    """Let another key sign from now on.

    The old one says so in the log, and the new one proves that it is there. Verification
    follows from the first key on: what auditors trust stays the same.
    """
    from etl.keys.succession import change_key, successor_of
    from etl.run import open_log

    settings = _settings(door)
    secret = passphrase(passphrase_file, passphrase_env, Path.cwd())
    successor = successor_of(settings, to, algorithm, secret)
    _conclude(change_key(settings, open_log(settings), successor), settings, as_json=as_json)


@keys.command("recovery", epilog="Example: tallybook keys recovery --create recovery.pem")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--create", metavar="FILE", help="Make the recovery key in this file first.")
@click.option("--algorithm", type=algorithm_choice, help="With --create; default: ed25519.")
@passphrase_options("the recovery key")
@json_option
@pass_door
def keys_recovery(
    door: Door,
    file: str | None,
    create: str | None,
    algorithm: str | None,
    passphrase_file: str | None,
    passphrase_env: str | None,
    as_json: bool,
) -> None:
    """Name the key that can revoke the others.

    A log has one, named once. It is needed only on the day when the signing key is lost or
    stolen: keep it where this machine cannot reach it.
    """
    from etl.keys.reference import key_reference
    from etl.keys.succession import name_recovery_key
    from etl.run import open_log

    if bool(file) == bool(create) or (algorithm and not create):
        raise click.UsageError("expected FILE, or --create FILE with or without --algorithm")
    secret = passphrase(passphrase_file, passphrase_env, Path())
    reference = key_reference(create or file or "", Path(), named="FILE", passphrase=secret)
    algorithm = (algorithm or "ed25519") if create else None
    settings = _settings(door)
    _conclude(
        name_recovery_key(open_log(settings), reference, algorithm), settings, as_json=as_json
    )


@keys.command(
    "revoke", epilog="Example: tallybook keys revoke 1f2e3d4c --recovery-key recovery.pem"
)
@click.argument("key_id", metavar="KEY_ID")
@click.option(
    "--recovery-key", metavar="FILE", required=True,
    help="The private half of the log's recovery key.",
)  # fmt: skip
@click.option(
    "--from-index", type=int, metavar="N",
    help="The first record that the key's signature is worth nothing on; default: the next one.",
)  # fmt: skip
@to_option
@successor_algorithm
@passphrase_options("the recovery key")
@json_option
@pass_door
def keys_revoke(
    door: Door,
    key_id: str,
    recovery_key: str,
    from_index: int | None,
    to: str | None,
    algorithm: str | None,
    passphrase_file: str | None,
    passphrase_env: str | None,
    as_json: bool,
) -> None:
    """Declare a stolen or lost key worthless.

    KEY_ID may be shortened to 8 digits. The key in force is replaced at once; it does not have
    to be there any more.
    """
    from etl.keys.change import Revocation
    from etl.keys.opening import open_signer
    from etl.keys.reference import key_reference
    from etl.keys.succession import signer_or_absence, successor_of, withdraw_key
    from etl.run import open_log

    settings = _settings(door)
    secret = passphrase(passphrase_file, passphrase_env, Path())
    recovery = key_reference(recovery_key, Path(), named="--recovery-key", passphrase=secret)
    revocation = Revocation(key_id, open_signer(recovery), from_index)
    log = open_log(settings, signer_or_absence(settings))
    successor = successor_of(settings, to, algorithm)
    _conclude(withdraw_key(settings, log, revocation, successor), settings, as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (keys,)


def _settings(door: Door) -> "Settings":
    from etl.settings import find_settings, load_settings

    return load_settings(find_settings(door.config, os.environ))


def _conclude(change: "Change", settings: "Settings", *, as_json: bool) -> None:
    from etl.anchors.handing import hand_over_newest, warnings_of
    from etl.keys.show import change_facts, print_change
    from warehouse.ledger import Ledger

    facts = change_facts(change)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        print_change(facts, settings.path)
    # At once: what a thief signs from now on must not come before it anywhere.
    for warning in warnings_of(hand_over_newest(settings, Ledger(settings.warehouse))):
        click.echo(f"warning: {warning}", err=True)
