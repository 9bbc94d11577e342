"""One sealing in a process of its own, to be traced and killed: `python -m tests.one_sealing`.

What it replaces goes at once.
"""

import sys
from pathlib import Path

from warehouse.sealed.seal import seal


def main(root: str) -> None:
    """Seal the warehouse in `root`."""
    done = seal(Path(root), grace_seconds=0)
    sys.stdout.write(f"sealed {done.records}, removed {done.removed}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
