"""Whether there is enough to be sealed. Cheap to ask, after every commit."""

import time
from contextlib import suppress
from typing import Final

from warehouse.layout import Layout

# What is read commit by commit costs a query about 0.2 ms each, and more where they are large.
MOST_COMMITS: Final = 64
MOST_BYTES: Final = 16 << 20
MOST_DAYS: Final = 35


def is_due(layout: Layout) -> bool:
    """Whether the commits that are read one by one are many, large or old enough to be sealed."""
    sizes, oldest = [], time.time()
    for path in layout.commit_files():
        with suppress(OSError):
            found = path.stat()
            sizes.append(found.st_size)
            oldest = min(oldest, found.st_mtime)
    is_old = time.time() - oldest > MOST_DAYS * 24 * 3600
    return len(sizes) > MOST_COMMITS or sum(sizes) > MOST_BYTES or (is_old and len(sizes) > 1)
