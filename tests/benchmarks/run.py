"""Every benchmark, or those named: `make bench`, or `run.py append startup`.

Prints the table for docs/benchmarks.md. Benchmarks are never part of the tests: a number
depends on the machine, and here it is compared with a rival on the same one.
"""

import importlib
import sys

from tests.benchmarks.report import HEADER

_ALL = ("startup", "append", "trends", "verification", "extraction")


def main(names: list[str]) -> int:
    """Run them one after the other; 1 when a number asked for was not reached."""
    reached = True
    print(HEADER, flush=True)  # noqa: T201  # a table is what this is for
    for name in names or _ALL:
        for result in importlib.import_module(f"tests.benchmarks.{name}").run():
            print(result.row(), flush=True)  # noqa: T201
            reached = reached and result.holds
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
