"""What `prove` and `bundle` print, for people and as JSON."""

from typing import Any

import click

from warehouse.proofs.bundling import Bundle
from warehouse.proofs.pages import key_file
from warehouse.proofs.proving import Proof


def proof_json(made: Proof, to: str) -> dict[str, Any]:
    """What a proof proves, as JSON."""
    return {
        "file": to,
        "log": made.snapshot.log,
        "index": made.snapshot.index,
        "instance": made.snapshot.instance.name,
        "taken_at": made.snapshot.taken_at,
        "key_id": made.key.key_id,
        "key_number": made.number,
        "checkpoint_size": made.proof.checkpoint.size,
        "anchors": [anchor.keeper for anchor in made.anchors],
    }


def print_proof(made: Proof, to: str) -> None:
    """Print what a proof proves, and how it is checked."""
    snapshot, size = made.snapshot, made.proof.checkpoint.size
    click.echo(
        f"{to}: {snapshot.instance.name} at {snapshot.taken_at}, record {snapshot.index} of "
        f"{snapshot.log}, under a checkpoint of {size} records."
    )
    if made.anchors:
        keepers = ", ".join(anchor.keeper for anchor in made.anchors)
        click.echo(f"The checkpoint was stamped by {keepers}.")
    said = f"Its reader unpacks it and runs: bash verify.sh {key_file(made.number)}"
    click.echo(f"{said}   (key {made.key.key_id})", err=True)
    if made.number > 1:
        click.echo(
            f"He needs that file, because key {made.number} of the log signed this record; with "
            "the first key alone:\n    tallybook verify FILE.zip --trust ledger.pub.pem",
            err=True,
        )


def bundle_json(made: Bundle, to: str) -> dict[str, Any]:
    """What is in a bundle, as JSON."""
    manifest = made.manifest
    return {
        "file": to,
        "log": manifest.log,
        "instance": manifest.instance,
        "since": manifest.since,
        "until": manifest.until,
        "snapshots": manifest.snapshots,
        "missed": manifest.missed,
        "records": len(made.records),
        "checkpoint_sizes": [head.size for head in made.heads],
        "key_ids": [key.key_id for key in made.keys],
    }


def print_bundle(made: Bundle, to: str) -> None:
    """Print what is in a bundle, and how it is checked."""
    click.echo(f"{to}: {made.manifest.about(made.manifest.snapshots)}")
    click.echo(
        "Its reader runs: tallybook verify FILE.zip --trust PUBLIC_KEY.pem   "
        f"(key {made.keys[0].key_id})",
        err=True,
    )
