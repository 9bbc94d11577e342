"""A time-stamping authority as a keeper: what it answers is kept in the warehouse (RFC 3161).

It never sees the note, only its hash. Its answer is checked before it counts, and kept
beside the note whose bytes it is about; neither is ever replaced.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from etl.anchors.filing import keep_once
from etl.anchors.handover import Handover, NotKept
from etl.anchors.posting import post, secret_headers
from etl.anchors.tables import Rfc3161Table
from warehouse.errors import BadInput
from warehouse.files import publish_new, storing
from warehouse.timestamps import Authorities, BadTimestamp, read_authorities, verify_timestamp

_QUERY: Final = {
    "Content-Type": "application/timestamp-query",
    "Accept": "application/timestamp-reply",
}
_HASHES: Final = {"sha256": HashAlgorithm.SHA256, "sha512": HashAlgorithm.SHA512}


def keep_timestamp(table: Rfc3161Table, handover: Handover) -> None:
    """Have the note's bytes stamped, and keep the token. Raises NotKept and CannotStore."""
    try:
        trusted = read_authorities([Path(table.ca)])
    except BadInput as error:
        raise NotKept(str(error)) from None
    token = handover.warehouse.anchors / handover.name / f"{handover.file_name}.tsr"
    if token.exists():
        _require_good(token, handover, trusted)
    else:
        _keep(token, _ask(table, handover, trusted), table, handover)


def _require_good(token: Path, handover: Handover, trusted: Authorities) -> None:
    # A run that was cut short has kept it, and remembered nothing.
    try:
        verify_timestamp(token.read_bytes(), handover.note.encode(), trusted)
    except BadTimestamp as error:
        raise NotKept(f"{str(token)!r} is no timestamp of this checkpoint: {error}") from None


def _ask(table: Rfc3161Table, handover: Handover, trusted: Authorities) -> bytes:
    message = handover.note.encode()
    query = TimestampRequestBuilder().data(message).hash_algorithm(_HASHES[table.hash]).build()
    headers = {**secret_headers(table.header_file), **_QUERY}
    answer = post(table.url, query.as_bytes(), handover, headers)
    try:
        verify_timestamp(answer, message, trusted, nonce=query.nonce)
    except BadTimestamp as error:
        raise NotKept(f"answered no timestamp of this checkpoint: {error}") from None
    return answer


def _keep(token: Path, answer: bytes, table: Rfc3161Table, handover: Handover) -> None:
    with storing(token.parent):
        token.parent.mkdir(parents=True, exist_ok=True)
    handover.warehouse.make_drafts()
    draft = handover.warehouse.drafts / f"{handover.name}.{token.name}.{os.getpid()}"
    with suppress(FileExistsError):
        publish_new(token.with_name("ca.pem"), draft, Path(table.ca).read_bytes())
    # The note first: a token without its note is of no use.
    keep_once(token.with_suffix(".note"), draft, handover.note.encode())
    with suppress(FileExistsError):
        publish_new(token, draft, answer)
