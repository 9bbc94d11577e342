"""What the daemon knows and must never say: passwords, and the address of its ping."""

import os
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote

from etl.settings import Settings
from etl.source import parse_url
from schedules.alerts.sending import read_urls
from warehouse.errors import BadSettings, CredentialFailure, Failure


def secrets_of(settings: Settings) -> set[str]:
    """Every secret that can be read just now."""
    return {secret for secret in _secrets(settings) if secret}


def _secrets(settings: Settings) -> Iterator[str | None]:
    for name in settings.tables:
        # One that cannot be read cannot be said either; its run will tell.
        with suppress(Failure):
            source = settings.source(name)
            yield source.password
            password = parse_url(source.url, named="a url").password
            yield password
            yield unquote(password or "")
    with suppress(Failure):
        yield ping_address(settings)
    with suppress(Failure):
        yield from read_urls(settings.alert_urls)
    yield os.environ.get("PGPASSWORD")


def ping_address(settings: Settings) -> str | None:
    """The address that is told how it goes; None where nobody is. Raises Failure."""
    named = settings.daemon.ping_url_file
    if named is None:
        return None
    file = settings.path.parent / named
    try:
        address = file.read_text().strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CredentialFailure(f"cannot read ping_url_file {str(file)!r}: {reason}") from None
    if not address.startswith(("http://", "https://")):
        raise BadSettings(f"ping_url_file {str(file)!r} holds no http address")
    return address
