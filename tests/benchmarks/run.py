"""Every benchmark, or those named: `make bench`, or `run.py append startup`.

`--instances` and `--days` make the fleet smaller that `batch`, `queries` and `side_by_side`
measure, and a decade shorter: for a look at what they do, not for the numbers.

Prints the table for docs/benchmarks.md. Benchmarks are never part of the tests: a number
depends on the machine, and here it is compared with a rival on the same one.
"""

import argparse
import importlib
import inspect
import sys

from tests.benchmarks.report import HEADER

_ALL = (
    *("startup", "append", "batch", "side_by_side", "decade", "trends", "queries"),
    *("verification", "extraction"),
)


def main(words: list[str]) -> int:
    """Run them one after the other; 1 when a number asked for was not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_ALL))
    parser.add_argument("--instances", type=int)
    parser.add_argument("--days", type=int)
    asked = parser.parse_args(words)
    sizes = {"instances": asked.instances, "days": asked.days}
    reached = True
    print(HEADER, flush=True)  # noqa: T201  # a table is what this is for
    for name in asked.names or _ALL:
        run = importlib.import_module(f"tests.benchmarks.{name}").run
        known = inspect.signature(run).parameters
        for result in run(**{k: v for k, v in sizes.items() if v and k in known}):
            print(result.row(), flush=True)  # noqa: T201
            reached = reached and result.holds
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
