"""The proof of one record, checked: what verify.sh in it does, with the names of verification."""

from collections.abc import Collection

from warehouse.checks.findings import Place, Report
from warehouse.checks.trust import Trust
from warehouse.checks.witnesses import Outside
from warehouse.errors import KeyUnusable
from warehouse.keys import PublicKey, public_key_from_pem
from warehouse.payload import AnyPayload, Chained
from warehouse.proofs import contents
from warehouse.proofs.archive import Archive
from warehouse.proofs.trees import Trees
from warehouse.record import NotCanonical, decode

_MEMBERS = (
    contents.README,
    contents.SCRIPT,
    contents.RECORD,
    contents.SIGNATURE,
    contents.PROOF,
    contents.NOTE,
    contents.KEY,
)


def check_one(archive: Archive, trust: Trust, outside: Outside, report: Report) -> None:
    """Check the proof of one record. It has to be signed by a trusted key itself."""
    payload, signature, proof, note, pem = (
        read_member(archive, name, report) for name in _MEMBERS[2:]
    )
    anchors = {name for name in archive.sizes if name.startswith("anchors/")}
    find_strangers(archive, {*_MEMBERS, *anchors}, report)
    report.records = report.signatures = report.signatures_checked = 1
    try:
        decoded = decode(payload)
    except NotCanonical as error:
        expected = "canonical JSON"
        report.find("PAYLOAD_NOT_CANONICAL", expected, str(error), Place(file=contents.RECORD))
        return
    instance = decoded.instance.name if isinstance(decoded, Chained) else None
    place = Place(decoded.log, decoded.index, instance, contents.RECORD)
    key = _signer(decoded, payload, signature, trust)
    if key is None:
        _find_untrusted(decoded, (payload, signature, pem), trust, place, report)
    report.signatures_valid = int(key is not None)
    trees = Trees(decoded.log, report)
    trees.add(contents.NOTE, note)
    if proof:
        trees.take(proof, payload, Place(decoded.log, decoded.index, instance, contents.PROOF))
    if key:
        trees.check([key], key)
        trees.compare(outside, [key])
    for name in sorted(name for name in anchors if name.endswith(".note")):
        if archive.read(name) != note:
            words = ("the checkpoint of the proof", "another one")
            report.find("CHECKPOINT_MALFORMED", *words, Place(file=name))
    report.instances = int(instance is not None)
    report.logs[decoded.log] = max((head.size for head in trees.heads), default=0)


def read_member(archive: Archive, name: str, report: Report) -> bytes:
    """The content of a member; nothing, and that is told, where there is none."""
    if archive.sizes.get(name):
        return archive.read(name)
    found = "none" if name not in archive.sizes else "an empty one"
    report.find("FILE_UNREADABLE", f"a member {name!r}", found, Place(file=name))
    return b""


def find_strangers(archive: Archive, expected: Collection[str], report: Report) -> None:
    """Tell of the members that do not belong there."""
    for name in sorted(archive.sizes.keys() - set(expected)):
        report.find("FILE_UNKNOWN", "what belongs to it", "something else", Place(file=name))


def _signer(
    decoded: AnyPayload, payload: bytes, signature: bytes, trust: Trust
) -> PublicKey | None:
    trusted = [trust.by_id[key_id] for key_id in trust.of(decoded.log)]
    return next((key for key in trusted if key.verifies(signature, payload)), None)


def _find_untrusted(
    decoded: AnyPayload,
    members: tuple[bytes, bytes, bytes],
    trust: Trust,
    place: Place,
    report: Report,
) -> None:
    payload, signature, pem = members
    expected = " or ".join(trust.of(decoded.log)) or "no key at all"
    try:
        found = public_key_from_pem(pem, named=contents.KEY)
    except KeyUnusable as error:
        report.find("KEY_FORMAT", "the public key of the record", str(error), place)
        return
    if not found.verifies(signature, payload):
        expected = f"a signature by {found.key_id} over the payload"
        report.find("PAYLOAD_SIG_INVALID", expected, "none", place)
    elif not trust.knows(decoded.log):
        report.find("LOG_UNKNOWN", " or ".join(sorted(trust.origins)), decoded.log, place)
    else:
        report.find("KEY_UNTRUSTED", expected, found.key_id, place)
