"""HTTP POST to a keeper: bounded in time and size, never sent on to somewhere else."""

import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from etl.anchors.handover import Handover, NotKept

_MOST_BYTES: Final = 1 << 20
# RFC 9110: a token, then anything that is printed. No more is taken, so that no library
# has to complain of a header, secret and all.
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t]*?)[ \t]*")


class _StayHere(HTTPRedirectHandler):
    """Takes a redirection for the refusal that it is: followed, a POST loses its content."""

    def redirect_request(self, *_asked: object, **_more: object) -> None:
        """Go nowhere."""


def post(url: str, content: bytes, handover: Handover, headers: Mapping[str, str]) -> bytes:
    """Send bytes; return the answer, or its beginning where it is too long. Raises NotKept."""
    request = Request(url, data=content, headers={"User-Agent": "tallybook", **headers})  # noqa: S310  # the settings take http and https only
    try:
        with build_opener(_StayHere).open(request, timeout=handover.time_left()) as answer:
            return bytes(answer.read(_MOST_BYTES))
    except HTTPError as error:
        with error:
            raise NotKept(f"answered {error.code} {error.reason}".strip()) from None
    except TimeoutError:
        raise NotKept(handover.too_late) from None
    except URLError as error:
        slow = isinstance(error.reason, TimeoutError)
        raise NotKept(handover.too_late if slow else _why(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise NotKept(_why(error)) from None


def secret_headers(file: str | None) -> dict[str, str]:
    """Read a file of lines `Name: value`. Raises NotKept, naming the line and never its content."""
    if file is None:
        return {}
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "not UTF-8").lower()
        raise NotKept(f"cannot read header_file {file!r}: {reason}") from None
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        found = _HEADER.fullmatch(line)
        if found:
            headers[found[1]] = found[2]
        elif line.strip():
            raise NotKept(f"header_file {file!r}: line {number} is not 'Name: value' in ASCII")
    return headers


def _why(error: object) -> str:
    # Never the error's own words where the server may have put them there.
    match error:
        case ConnectionError():
            return (error.strerror or "closed the connection without an answer").lower()
        case OSError(strerror=str(reason)):
            return reason.lower()
        case HTTPException():
            return f"answered what is no HTTP ({type(error).__name__})"
        case _:
            return f"cannot be asked ({type(error).__name__})"
