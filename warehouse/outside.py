"""Gathers what is known outside a warehouse of where its logs end: see `checks.witnesses`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from warehouse.anchors import Anchor, certificate_files, read_anchors
from warehouse.checks.witnesses import MEMORY, Kind, Outside, Spoilt, Witness
from warehouse.errors import BadInput
from warehouse.layout import Layout
from warehouse.note import Checkpoint, MalformedNote, parse_checkpoint


def gather(
    root: Path,
    *,
    memory: Sequence[Checkpoint] = (),
    expected: Sequence[Path] = (),
    anchors: Path | None = None,
    authorities: Sequence[Path] = (),
) -> Outside:
    """Gather the signer's memory, notes from last time, and anchors.

    `anchors` is a folder of the verifier's own: the certificates in it are trusted to say
    what time it was, like those in `authorities`. Timestamps that the warehouse itself keeps
    count where these vouch for them. Raises BadInput for what is not there.
    """
    if anchors and anchors.resolve().is_relative_to(root.resolve()):
        raise BadInput(
            f"{str(anchors)!r} is part of the history itself, which proves nothing of itself",
            hint="Name a folder of your own, with what you kept or got from the keepers.",
        )
    own = read_anchors(anchors, trusted_ca=authorities) if anchors else []
    trusted = [*authorities, *(certificate_files(anchors) if anchors else ())]
    kept = [*_kept(Layout(root), trusted)] if trusted else []
    witnesses = [Witness("memory", MEMORY, head) for head in memory]
    witnesses += [_expected(path) for path in expected]
    witnesses += [w for anchor in own if (w := _witness("anchor", anchor))]
    witnesses += [w for anchor in kept if anchor.at and (w := _witness("timestamp", anchor))]
    # A timestamp of an authority that the verifier does not know proves nothing to him, and is
    # no offence.
    odd = [anchor for anchor in (*own, *kept) if not anchor.untrusted]
    spoilt = [Spoilt(anchor.file, anchor.problem) for anchor in odd if anchor.problem]
    return Outside(tuple(witnesses), tuple(spoilt), anchored=anchors is not None)


def _kept(layout: Layout, trusted: Sequence[Path]) -> Iterator[Anchor]:
    if layout.anchors.is_dir():
        yield from read_anchors(layout.anchors, trusted_ca=trusted, trust_folder=False)


def _witness(kind: Kind, anchor: Anchor) -> Witness | None:
    if anchor.checkpoint is None or anchor.problem:
        return None
    signed = anchor.checkpoint
    return Witness(kind, anchor.file, signed.checkpoint, signed, anchor.at)


def _expected(path: Path) -> Witness:
    try:
        signed = parse_checkpoint(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"cannot read the expected note {str(path)!r}: {reason}") from None
    except (MalformedNote, UnicodeDecodeError) as error:
        raise BadInput(
            f"{str(path)!r} is no checkpoint: {error}",
            hint="Expected a signed note, as checkpoints.log has one for each commit.",
        ) from None
    return Witness("expected", str(path), signed.checkpoint, signed)
