"""One payload of every kind that a record can be of, and of every form that it can have."""

from tests.builders import (
    PROD,
    a_genesis,
    a_heads,
    a_key,
    a_key_change,
    a_missed,
    a_scheduled,
    a_snapshot,
)
from warehouse.payload import Anchored, AnyPayload, ChainHead

A_HEAD = ChainHead(id=PROD.id, name="prod", count=2, sha256="ab" * 32)
AN_ANCHOR = Anchored(name="elsewhere", kind="file", size=2, at="2026-11-23T02:00:05.000Z")
EVERY_KIND: dict[str, AnyPayload] = {
    "genesis": a_genesis(a_key(), recovery_key="recovery", schedule="0 2 * * *"),
    "snapshot": a_snapshot(unavailable={"users": "no grant"}, remarks={"roles": "one left out"}),
    "missed": a_missed(seq=4, prev="cd" * 32),
    "schedule": a_scheduled(),
    "no schedule": a_scheduled(cron=None),
    "heads": a_heads(A_HEAD, anchors=[AN_ANCHOR]),
    "rotation": a_key_change(a_key(2)),
    "revocation": a_key_change(a_key(2), action="revoke", revoked="ef" * 32, from_index=3),
    "revocation alone": a_key_change(
        a_key(2), action="revoke", public_key=None, proof=None, revoked="ef" * 32, from_index=3
    ),
    "recovery": a_key_change(a_key(3), action="recovery"),
}
