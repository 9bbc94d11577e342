"""The keys of a log and their changes, for people and as JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from etl.keys.history import key_history
from etl.keys.succession import Change
from etl.settings import Settings
from warehouse.keys import PublicKey, public_key_from_base64, read_public_key
from warehouse.ledger import Ledger


def key_facts(settings: Settings) -> dict[str, Any]:
    """What there is to know of a log's keys: the first one, and all of them."""
    first = read_public_key(settings.public_key)
    history = key_history(Ledger(settings.warehouse), settings.origin)
    return {
        "origin": settings.origin,
        **_names(first, settings.origin),
        "pem": first.pem,
        "keys": [
            {
                **_names(term.key, settings.origin),
                "since": term.since,
                "last": term.last,
                "revoked_from": term.revoked_from,
            }
            for term in history.terms
        ],
        "recovery_key_id": history.recovery.key_id if history.recovery else None,
    }


def print_keys(facts: Mapping[str, Any]) -> None:
    """Print a log's keys; the PEM is that of the first one, which auditors trust."""
    click.echo(f"origin     {facts['origin']}")
    if facts["recovery_key_id"]:
        click.echo(f"recovery   {facts['recovery_key_id']}")
    if len(facts["keys"]) > 1:
        for number, term in enumerate(facts["keys"], start=1):
            click.echo(f"\nkey {number}      {in_words(**term)}")
            _print_names(term)
        click.echo("\nThe first one is the log's identity, and what auditors trust:\n")
    else:
        _print_names(facts)
    click.echo(facts["pem"], nl=False)


def change_facts(change: Change) -> dict[str, Any]:
    """What became of a change of keys, and what the settings have to say from now on."""
    record = change.record
    key = record.public_key and public_key_from_base64(record.public_key, named="the new key")
    return {
        "index": record.index,
        "action": record.action,
        "key_id": key.key_id if key else None,
        "algorithm": key.algorithm if key else None,
        "revoked": record.revoked,
        "from_index": record.from_index,
        "lost": change.lost,
        "public": [str(path) for path in change.published],
        "retired": str(change.retired) if change.retired else None,
        "settings": dict(change.settings),
    }


def print_change(facts: Mapping[str, Any], settings_file: Path) -> None:
    """Print what became of a change of keys, and to stderr what is left to do."""
    for line in _outcome(facts):
        click.echo(line)
    if facts["action"] == "recovery":
        click.echo(
            "note: now move its private half to where this machine cannot reach it. Whoever has "
            "it can take over the log; without it, nobody can revoke a key.",
            err=True,
        )
    if facts["settings"]:
        click.echo(f"note: nothing more is signed until {settings_file} says:", err=True)
        for name, value in facts["settings"].items():
            line = f"{name} = {json.dumps(value, ensure_ascii=False)}" if value else f"no {name}"
            click.echo(f"    {line}", err=True)


def _outcome(facts: Mapping[str, Any]) -> Iterator[str]:
    index, key = facts["index"], f"{facts['key_id']} ({facts['algorithm']})"
    if facts["action"] == "recovery":
        yield f"Record {index}: the recovery key is {key}."
    if facts["action"] == "revoke":
        yield (
            f"Record {index}: {facts['revoked']} is revoked from record {facts['from_index']} on; "
            f"{facts['lost']} record(s) that it signed count no more"
            f"{', and verify says so.' if facts['lost'] else '.'}"
        )
    if facts["action"] != "recovery" and facts["key_id"]:
        yield f"From record {index + 1} on, {key} signs."
    if facts["public"]:
        yield f"Its public half is in {' and '.join(facts['public'])}."
    if facts["retired"]:
        yield f"The old private key is in {facts['retired']}."


def in_words(since: int, last: int | None, revoked_from: int | None, **_names: str) -> str:
    """Say what a key has signed."""
    if last is None:
        said = f"in force since record {since}"
    elif last < since:
        said = "signed nothing"
    else:
        said = f"records {since} to {last}"
    return said if revoked_from is None else f"{said}, revoked from record {revoked_from} on"


def _names(key: PublicKey, origin: str) -> dict[str, str]:
    return {"algorithm": key.algorithm, "key_id": key.key_id, "vkey": key.vkey(origin)}


def _print_names(facts: Mapping[str, Any]) -> None:
    for name in ("algorithm", "key_id", "vkey"):
        click.echo(f"{name:<10} {facts[name]}")
