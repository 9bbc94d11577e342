"""Asking the server itself which release it is."""

import json
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from warehouse.payload import Release

_MAX_BYTES: Final = 32 << 20


class Untold(Exception):
    """The server did not say which release it is; the message has the reason."""


def ask_release(server_url: str, *, timeout: float = 5) -> Release:
    """Ask an Unleash server for its release, without a login. Raises Untold.

    It stands in its OpenAPI description, which can be switched off.
    """
    address = f"{server_url.rstrip('/')}/docs/openapi.json"
    if urlsplit(address).scheme not in ("http", "https"):
        raise Untold(f"{server_url!r} is no http address")
    try:
        request = Request(address, headers={"Accept": "application/json"})  # noqa: S310  # checked above
        with urlopen(request, timeout=timeout) as answer:  # noqa: S310  # checked above
            version = json.loads(answer.read(_MAX_BYTES))["info"]["version"]
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        raise Untold(f"{address}: {error}") from error
    if not isinstance(version, str) or not version or len(version) > 50:
        raise Untold(f"{address}: no version in it")
    return Release(oss=version, enterprise="", evidence=f"server: {address}")
