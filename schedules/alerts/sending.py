"""Sending notices, by apprise: mail, chat, webhooks and whatever else it knows."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from schedules.alerts.incidents import Notice
from warehouse.errors import BadInput, CredentialFailure, Failure

_TYPES: Final = {"problem": "warning", "recovery": "success"}


class CannotSend(Failure):
    """A notice that not everybody took."""


class Send(Protocol):
    """Hand a notice to everybody. Raises Failure."""

    def __call__(self, notice: Notice, /) -> None: ...


def read_urls(file: Path | None) -> list[str]:
    """The addresses in the file, one a line, `#` before a remark. Raises CredentialFailure."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise CredentialFailure(f"cannot read urls_file {str(file)!r}: {reason}") from None
    return [line for line in lines if line and not line.startswith("#")]


def send(urls: Sequence[str], notice: Notice, *, origin: str) -> None:
    """Send a notice to all addresses. Raises CannotSend, and BadInput for what is no address."""
    apprise = _apprise()
    receiver = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not receiver.add(url):
            # Which one, but not what: it holds a password.
            raise BadInput(f"line {number} of urls_file is no address that apprise knows")
    body = f"{notice.what}\n\nalert {notice.alert}, {notice.at}, log {origin}"
    took = receiver.notify(title=f"tallybook: {notice.title}", body=body, notify_type=_type(notice))
    if not took:
        raise CannotSend("not every address took the notice")


def _apprise() -> Any:
    try:
        # By name: it is an extra, and an import would make it a must.
        return import_module("apprise")
    except ImportError:
        raise CannotSend(
            "alerts are sent by apprise, which is not installed",
            hint="Install Tallybook with its extra: uv tool install 'tallybook[notify]'",
        ) from None


def _type(notice: Notice) -> str:
    return _TYPES[notice.kind]
