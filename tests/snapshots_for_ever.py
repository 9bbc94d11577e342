"""A writer that appends until its input ends: `python -m tests.snapshots_for_ever FOLDER`.

Every tenth snapshot has a statistic that nobody has seen before, and so a new catalogue.
Prints a line once the first is kept, and at the end how many there are.
"""

import select
import sys
from pathlib import Path

from tests.builders import SOME_STATS, a_reading
from tests.exported import reopened
from warehouse import catalog


def main(folder: str) -> None:
    """Append snapshots to the history in `folder`."""
    history = reopened(Path(folder))
    taken = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        name = f"apiTokens.kind{taken // 10}"
        history.take(a_reading({**SOME_STATS, name: taken}))
        catalog.refresh(history.root, new_statistics=[name])
        taken += 1
        if taken == 1:
            sys.stdout.write("writing\n")
            sys.stdout.flush()
    sys.stdout.write(f"{taken}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
