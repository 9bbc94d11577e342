"""How much can be done at once."""

import os


def cores() -> int:
    """How many processes can work at once."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        # Not every system says which cores are ours.
        return os.cpu_count() or 1
