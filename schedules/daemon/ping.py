"""A dead man's switch: somebody elsewhere who expects to hear of us, and cries when he does not.

The address gets a GET when runs begin (`/start` behind it), when all that was due is kept, and
when some of it was missed (`/fail` behind it), as healthchecks.io and its like have it. The
address is a secret.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Thread
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from etl.slots import Told
from etl.snapshot import Reading
from schedules.daemon.failures import PAUSED
from schedules.daemon.logs import say


class Ping:
    """A listener that passes on what it hears. `address` is asked for anew each time."""

    def __init__(self, address: Callable[[], str | None], *, timeout: float = 10) -> None:
        self._address = address
        self._timeout = timeout

    def begun(self) -> None:
        """Runs begin."""
        self._send("/start")

    def committed(self, told: Sequence[Told]) -> None:
        """What was due is kept, or not."""
        if told:
            unread = [one.became for one in told if not isinstance(one.became, Reading)]
            self._send("/fail" if any(reason != PAUSED for reason in unread) else "")

    def _send(self, behind: str) -> None:
        # In its own time: who does not answer must not delay anything.
        Thread(target=self._get, args=(behind,), daemon=True).start()

    def _get(self, behind: str) -> None:
        try:
            if address := self._address():
                parts = urlsplit(address)
                url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + behind))
                with urlopen(Request(url), timeout=self._timeout):  # noqa: S310  # checked
                    pass
        except Exception as error:
            say(logging.WARNING, None, "the ping was not heard: %s", _without_address(error))


def _without_address(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "code", None)
    return str(reason or type(error).__name__)
