"""The texts in bundles and proofs: made from what is in them, and checked by making them again.

Nobody signs them, and people believe what they read first. Who changes a template changes the
format: what was handed out before has to be told from what somebody else wrote.
"""

from collections.abc import Iterable, Sequence
from importlib.resources import files

from warehouse.keys import PublicKey
from warehouse.payload import AnyPayload, Chained, Snapshot
from warehouse.proofs.contents import Manifest, moment_of


def template(name: str) -> str:
    """A text that lies beside this module."""
    return files("warehouse").joinpath("proofs", name).read_text(encoding="utf-8")


def key_file(number: int) -> str:
    """How the file of a log's public key is called where it is published: the first is 1."""
    return "ledger.pub.pem" if number == 1 else f"ledger-{number}.pub.pem"


def bundle_page(manifest: Manifest, first_key: PublicKey, records: Iterable[AnyPayload]) -> str:
    """README.txt of a bundle with these records."""
    return template("bundle.txt").format(
        instance=manifest.instance,
        log=manifest.log,
        since=manifest.since or "the beginning",
        until=manifest.until or "the end",
        snapshots=manifest.snapshots,
        missed=manifest.missed,
        first_key=first_key.key_id,
        vkey=first_key.vkey(manifest.log),
        example=_example(manifest, records),
    )


def proof_page(
    snapshot: Snapshot, key: PublicKey, number: int, size: int, stamps: Iterable[str]
) -> str:
    """README.txt of a proof by the log's key of that number, under a checkpoint of that size.

    `stamps` are the names of its timestamps.
    """
    return template("proof.txt").format(
        instance=snapshot.instance.name,
        taken_at=snapshot.taken_at,
        log=snapshot.log,
        index=snapshot.index,
        size=size,
        key_id=key.key_id,
        vkey=key.vkey(snapshot.log),
        algorithm=key.algorithm,
        number=number,
        key_file=key_file(number),
        chain=template("chain.txt").format(number=number, key_file=key_file(number))
        if number > 1
        else "",
        anchors=_about_anchors(sorted(stamps, key=lambda name: name.split("/")), size),
    )


def _example(manifest: Manifest, records: Iterable[AnyPayload]) -> int:
    inside = (
        record.index
        for record in records
        if isinstance(record, Chained) and not manifest.period.place(moment_of(record))
    )
    return max(inside, default=0)


def _about_anchors(stamps: Sequence[str], size: int) -> str:
    if not stamps:
        return template("unanchored.txt").format(size=size)
    return template("anchored.txt").format(
        size=size,
        keepers=", ".join(name.split("/")[1] for name in stamps),
        commands="\n".join(
            f"    openssl ts -verify -data checkpoint.note -in {name} -CAfile AUTHORITY.pem"
            for name in stamps
        ),
    )
