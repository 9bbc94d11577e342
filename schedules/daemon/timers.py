"""What is to be done later, by the steady clock."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timers:
    """Things to do, the soonest first. `now` is a clock that nobody sets, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._numbers = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, do: Callable[[], None] = lambda: None) -> None:
        """Do something in a while; without it only wake whoever waits for the next."""
        heappush(self._due, (self._now() + seconds, next(self._numbers), do))

    def wait(self, most: float) -> float:
        """How long to wait for the next, `most` where nothing is to be done before."""
        return max(0.0, min(most, self._due[0][0] - self._now())) if self._due else max(0.0, most)

    def fire(self) -> None:
        """Do what is due."""
        while self._due and self._due[0][0] <= self._now():
            heappop(self._due)[2]()
