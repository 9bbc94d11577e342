"""A TCP proxy in front of a server that can freeze, or cut the line, in the middle of a talk."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from typing import Literal

Fault = Literal["freeze", "cut"]


class Proxy:
    """Passes bytes on, until it has passed `after` bytes from the server; then the fault."""

    def __init__(self, port: int, fault: Fault, after: int) -> None:
        self.passed = 0
        self._target = ("127.0.0.1", port)
        self._fault, self._after = fault, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Proxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._carry, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            for from_server, chunk in self._chunks(client, server):
                if from_server:
                    self.passed += len(chunk)
                    if self.passed > self._after:
                        break
                (client if from_server else server).sendall(chunk)
            else:
                return
            if self._fault == "freeze":
                self._ended.wait()

    def _chunks(self, client: socket.socket, server: socket.socket) -> Iterator[tuple[bool, bytes]]:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in ready.select(0.05):
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    with contextlib.suppress(ConnectionResetError):
                        if chunk := end.recv(65536):
                            yield end is server, chunk
                            continue
                    return


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Listen on a port, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
