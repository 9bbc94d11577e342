"""A connection that does not wait for ever.

Timeouts of statements are the server's to keep. A server that froze keeps none, nor does
a network that swallows answers while the line stays open: then we stop waiting ourselves.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")


class Deadline:
    """When a run has to be over, by a clock that nobody sets; it may be called off early."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; 0 or less once it is over."""
        return self._until - time.monotonic()

    def call_off(self) -> None:
        """Let whoever minds this deadline stop now."""
        self._until = 0.0

    def require(self) -> None:
        """Raise OperationalError once it is over."""
        if self.left <= 0:
            raise psycopg.OperationalError(f"the run was not over within {self.seconds:g} s")


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself, with an OperationalError, when an answer takes longer than `patience` s."""

    patience: float = float("inf")
    deadline: Deadline | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **options: Any) -> T:
        """Wait for an answer; all of psycopg's waiting after the login goes through here."""
        return super().wait(self._hurried(gen), *args, **options)

    def _hurried(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        # psycopg resumes us ten times a second, whether there is something to read or not.
        deadline = time.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                found = yield wanted
                if time.monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {self.patience:g} s")
                if self.deadline and self.deadline.left <= 0:
                    self.close()
                    self.deadline.require()
                wanted = gen.send(found)
        except StopIteration as end:
            answer: T = end.value
            return answer
