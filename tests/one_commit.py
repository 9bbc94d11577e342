"""One append to the history in a folder, for a tracer to interrupt: `python -m tests.one_commit`.

Prints the SHA-256 of the record once it is told that the record is kept.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from etl.run import open_log
from etl.settings import load_settings
from tests.builders import a_reading


def main(folder: str) -> None:
    """Append one snapshot to the history in `folder`."""
    log = open_log(load_settings(Path(folder) / "tallybook.toml"))
    (record,) = log.append([a_reading(taken_at=datetime.now(UTC))])
    sys.stdout.write(f"kept {record.sha256}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
