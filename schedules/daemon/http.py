"""Health over HTTP: is it alive, is it ready, and its metrics. Read-only, three addresses."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import msgspec

from schedules.daemon.board import SharedBoard
from schedules.daemon.metrics import metrics_page
from warehouse.errors import Failure

_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE: Final = 5

Answer = tuple[int, str, bytes]


class CannotListen(Failure):
    """The address is taken, or not ours."""


class HealthServer:
    """Answers until it is stopped. `wanted` says which statistics are shown as metrics."""

    def __init__(
        self, address: tuple[str, int], board: SharedBoard, wanted: Callable[[], list[str]]
    ) -> None:
        answers = {
            "/healthz": lambda: _health(board),
            "/readyz": lambda: _readiness(board),
            "/metrics": lambda: (200, _METRICS, metrics_page(board, wanted())),
        }
        handler = type("Handler", (_Handler,), {"answers": answers})
        try:
            self._server = _Server(address, handler)
        except OSError as error:
            host, port = address
            raise CannotListen(
                f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}",
                hint='Another address, or "off", goes into tallybook.toml: [daemon] listen.',
            ) from None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on, in threads of its own."""
        Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Who asks every few seconds must not leave the port taken for the next daemon.
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away in the middle is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, Callable[[], Answer]]
    timeout = _PATIENCE
    server_version = "tallybook"
    sys_version = ""

    def do_GET(self) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        code, kind, body = answer() if answer else (404, _JSON, b'{"error":"no such address"}')
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """What monitors ask every few seconds is no news."""


def _health(board: SharedBoard) -> Answer:
    """Alive: the scheduler ticks. What else is wrong, a restart would not mend."""
    with board as found:
        ticking = found.ticking
    said = {"alive": ticking}
    return (200 if ticking else 503), _JSON, msgspec.json.encode(said)


def _readiness(board: SharedBoard) -> Answer:
    troubles = board.copy().troubles
    body = msgspec.json.encode({"ready": not troubles, "troubles": troubles})
    return (503 if troubles else 200), _JSON, body
