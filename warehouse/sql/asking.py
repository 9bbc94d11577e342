"""The command's side: a process that answers, the time it has, and what is left of it.

Nothing heavy is imported here, and DuckDB least of all: a question may take its process along.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from warehouse.errors import QueryFailure
from warehouse.sql.wire import (
    CANCEL,
    END,
    QUESTION,
    READY,
    ROWS,
    Ending,
    Frame,
    Opening,
    Question,
    receive,
    send,
    too_much,
)

# How long a question may take to notice that it was cancelled, in seconds.
_GRACE: Final = 2.0


class Cancelled(Exception):
    """Somebody pressed Ctrl-C while a question was being answered."""


class Terms(NamedTuple):
    """From what a process answers, and how much of everything a question may take.

    `as_of` is UTC without a zone, None for now; `memory` in bytes; `seconds` is None for ever.
    """

    root: Path
    as_of: datetime | None
    memory: int
    seconds: float | None


class Asking:
    """Asks questions of a process, started when the first one comes, and anew where it died.

    A context manager: the process and its folder go with it.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, question: Question, sink: Callable[[bytes], object]) -> Ending:
        """Hand the answer to `sink`, part by part.

        Raises QueryFailure for what cannot be answered, or not within the terms; Cancelled.
        The clock stands still while `sink` is at work: a reader may take its time.
        """
        process = self._running()
        with suppress(BrokenPipeError):
            # It may have ended already, and said why.
            send(_in(process), QUESTION, msgspec.json.encode(question))
        try:
            ending = self._until_end(process, sink)
        except KeyboardInterrupt:
            self._cancel(process)
            raise Cancelled from None
        if ending is None:
            raise self._died(process)
        if ending.failure is not None:
            raise _failure(ending)
        return ending

    def close(self) -> None:
        """End the process, whatever it is doing, and clean up behind it."""
        if process := self._process:
            process.kill()
            process.communicate()
        self._process, self._ready = None, False
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        # Without one nothing is put aside: a question has to do with its memory.
        with suppress(OSError):
            self._folder = tempfile.mkdtemp(prefix="tallybook-")
        terms = self.terms
        opening = Opening(
            root=str(terms.root),
            as_of=terms.as_of.isoformat() if terms.as_of else None,
            memory=terms.memory,
            folder=self._folder,
        )
        return subprocess.Popen(  # noqa: S603  # our own program, and no words of the user's
            # -P: whatever lies in the current folder is none of our modules.
            [sys.executable, "-P", "-m", "warehouse.sql.worker", msgspec.json.encode(opening)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **({"TMPDIR": self._folder} if self._folder else {})},
        )

    def _until_end(
        self, process: subprocess.Popen[bytes], sink: Callable[[bytes], object]
    ) -> Ending | None:
        for frame in self._frames(process):
            if frame.kind == ROWS:
                sink(frame.content)
            elif frame.kind == END:
                return msgspec.json.decode(frame.content, type=Ending)
        return None

    def _frames(self, process: subprocess.Popen[bytes]) -> Iterator[Frame]:
        left = self.terms.seconds if self._ready else None
        while True:
            began = time.monotonic()
            if not select.select([_out(process)], [], [], left)[0]:
                self._cancel(process)
                raise self._too_slow()
            if left is not None:
                left = max(0.0, left - (time.monotonic() - began))
            frame = receive(_out(process))
            if frame is None:
                return
            if frame.kind == READY:
                # To open a warehouse may take a while, and is nobody's question.
                self._ready, left = True, self.terms.seconds
            yield frame

    def _cancel(self, process: subprocess.Popen[bytes]) -> None:
        """Stop the question that is being answered; its process as well, if it does not heed."""
        until = time.monotonic() + _GRACE
        with suppress(BrokenPipeError, KeyboardInterrupt):
            send(_in(process), CANCEL)
            while select.select([_out(process)], [], [], max(0.0, until - time.monotonic()))[0]:
                frame = receive(_out(process))
                if frame is None or frame.kind == END:
                    return
        self.close()

    def _too_slow(self) -> QueryFailure:
        return QueryFailure(
            f"no answer within {self.terms.seconds:g} s",
            hint="Ask for less, such as one instance, one statistic or a shorter time; "
            "or wait longer: --timeout 600, and 0 for ever",
        )

    def _died(self, process: subprocess.Popen[bytes]) -> QueryFailure:
        _, said = process.communicate()
        if -process.returncode in {signal.SIGKILL, signal.SIGABRT}:
            # By the kernel, or by a library that got no more memory.
            return _failure(too_much(self.terms.memory))
        if process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            return QueryFailure(f"the question ended the process that was to answer it: {name}")
        *_, last = [f"exit code {process.returncode}", *said.decode(errors="replace").splitlines()]
        return QueryFailure(f"the process that answers has ended: {last}")


def _in(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin  # noqa: S101  # opened as a pipe
    return process.stdin.fileno()


def _out(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout  # noqa: S101  # opened as a pipe
    return process.stdout.fileno()


def _failure(ending: Ending) -> QueryFailure:
    failure = QueryFailure(str(ending.failure), hint=ending.hint)
    failure.exit_code = ending.exit_code
    return failure
