"""Batches, examined side by side on all cores, and handed on in their order.

Small histories are examined right here: starting a process would take longer.
"""

import gc
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from warehouse.checks.examine import Batch, Examined, examine
from warehouse.cores import cores

# A process takes 0.3 s to start; one core checks 2,500 signatures in that time.
WORTH_A_POOL: Final = 4 << 20


def examine_all(batches: Iterable[Batch], *, size: int) -> Iterator[tuple[Batch, Examined]]:
    """Examine batches that take `size` bytes together; the results come in their order."""
    if size < WORTH_A_POOL:
        for batch in batches:
            yield batch, examine(batch)
        return
    workers = cores()
    # spawn: whoever calls may have threads, and DuckDB's do not survive a fork.
    # Nothing that they make is cyclic: looking for it would take a tenth of the time.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=gc.disable
    ) as pool:
        yield from _in_order(pool, batches, ahead=2 * workers)


def _in_order(
    pool: ProcessPoolExecutor, batches: Iterable[Batch], *, ahead: int
) -> Iterator[tuple[Batch, Examined]]:
    waiting: deque[tuple[Batch, Future[Examined]]] = deque()
    for batch in batches:
        waiting.append((batch, pool.submit(examine, batch)))
        if len(waiting) > ahead:
            yield _next(waiting)
    while waiting:
        yield _next(waiting)


def _next(waiting: deque[tuple[Batch, Future[Examined]]]) -> tuple[Batch, Examined]:
    batch, future = waiting.popleft()
    return batch, future.result()
