"""How much of the machine a question may take, unless somebody says otherwise."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_SECONDS: Final = 60.0
# Less, and DuckDB cannot open a history.
LEAST_MEMORY: Final = 100_000_000
_MOST_MEMORY: Final = 4_000_000_000
_CONTAINER: Final = Path("/sys/fs/cgroup/memory.max")


def default_memory() -> int:
    """Half of the memory that this machine or container has, in bytes; 4 GB at most."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # "max" where the container is not bounded.
    with suppress(OSError, ValueError):
        there = min(there, int(_CONTAINER.read_text()))
    return max(LEAST_MEMORY, min(there // 2, _MOST_MEMORY))
