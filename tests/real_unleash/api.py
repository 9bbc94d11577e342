"""Unleash's HTTP APIs as the tests speak them; an answer that is no success is a loud failure."""

from types import TracebackType
from typing import Any, Self

import httpx

STATISTICS = "/api/admin/instance-admin/statistics"


class Refused(Exception):
    """Unleash answered a request with an error; the message has the request and the answer."""


class Api:
    """One client of a server: a person with a session, or a program with a token."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": token} if token else {}
        # The first answer after a start can take half a minute: the pool is busy starting.
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        return self._send("GET", path)

    def post(self, path: str, body: object = None) -> Any:
        return self._send("POST", path, body)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def login(self, username: str, password: str) -> Self:
        """Log in; later requests carry the session."""
        self.post("/auth/simple/login", {"username": username, "password": password})
        return self

    def _send(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        if not answer.is_success:
            raise Refused(f"{method} {path}: {answer.status_code}: {answer.text[:1000]}")
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if is_json and answer.content else None
