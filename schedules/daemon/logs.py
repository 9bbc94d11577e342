"""What the daemon says: one line per event on stderr, for people or as JSON, never a secret.

Whatever runs in this process logs through the same handler, so that nobody's message can bring a
password along: those that are known are struck out, and so is the login of any address.
"""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from etl.anchors.tables import without_login
from etl.slots import plain
from warehouse.record import timestamp

_STRUCK_OUT: Final = "***"
_SHORTEST_SECRET: Final = 4

LOG: Final = logging.getLogger("tallybook")


class _Form(logging.Formatter):
    """One line: moment, level, source where there is one, message."""

    def __init__(self, *, as_json: bool, secrets: Iterable[str]) -> None:
        super().__init__()
        self._as_json = as_json
        # Short ones would strike out half of what is said, and protect nothing.
        self._secrets = sorted(
            (secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True
        )

    def format(self, record: logging.LogRecord) -> str:
        source = getattr(record, "source", None)
        message = record.getMessage()
        if record.exc_info:
            message += f"; {self.formatException(record.exc_info)}"
        message = self._discreet(message)
        at, level = timestamp(_moment(record)), record.levelname.lower()
        if self._as_json:
            found = {"at": at, "level": level, "source": source, "message": message}
            return json.dumps({key: value for key, value in found.items() if value is not None})
        return f"{at} {level} {f'{source}: ' if source else ''}{plain(message)}"

    def _discreet(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, _STRUCK_OUT)
        return without_login(message)


def log_to_stderr(*, as_json: bool, secrets: Iterable[str]) -> None:
    """Send everything that is logged in this process to stderr, in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Form(as_json=as_json, secrets=secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOG.setLevel(logging.INFO)


def say(level: int, source: str | None, message: str, *values: object) -> None:
    """Log a line, of a source or of the daemon itself."""
    LOG.log(level, message, *values, extra={"source": source})


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
