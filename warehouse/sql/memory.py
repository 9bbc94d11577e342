"""What was asked before: a file of the user's, which nobody else can read."""

import os
from pathlib import Path


def history_file(environment: "os._Environ[str] | dict[str, str]") -> Path | None:
    """Where questions are remembered (XDG base directories); None where that cannot be."""
    state = environment.get("XDG_STATE_HOME") or ""
    # A relative path is to be ignored, says the specification.
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    folder = base / "tallybook"
    file = folder / "sql_history"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except (OSError, RuntimeError):
        # No home, or none that can be written: the questions of today have to do.
        return None
    return file
