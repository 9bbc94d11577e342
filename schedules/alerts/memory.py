"""The memory of alerts on disk: what was told is never told again, over restarts too."""

from pathlib import Path
from typing import Final

import msgspec

from schedules.alerts.incidents import AlertMemory
from warehouse import files

ALERTS_FILE: Final = "alerts.json"


def read_memory(state: Path) -> AlertMemory:
    """Read it; anew where it is missing or damaged: then everything is told once more."""
    try:
        return msgspec.json.decode((state / ALERTS_FILE).read_bytes(), type=AlertMemory)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return AlertMemory()


def write_memory(state: Path, memory: AlertMemory) -> None:
    """Remember, durably. Raises CannotStore."""
    path = state / ALERTS_FILE
    content = msgspec.json.format(msgspec.json.encode(memory), indent=2) + b"\n"
    files.replace(path, path.with_name(f".{ALERTS_FILE}.draft"), content, mode=0o600)
