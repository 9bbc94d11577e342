"""Sources that somebody paused: a file in the state folder, so that it outlasts a restart."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from warehouse import files
from warehouse.errors import LedgerFailure
from warehouse.files import exclusive_lock
from warehouse.record import moment, timestamp

PAUSES_FILE: Final = "paused.json"
_LOCK: Final = "paused.lock"


def read_pauses(state: Path) -> Mapping[str, datetime]:
    """Since when each paused source is paused. Raises LedgerFailure for a damaged file."""
    path = state / PAUSES_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        return {source: moment(since) for source, since in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise LedgerFailure(
            f"cannot read {str(path)!r}: {error}",
            hint="Remove it, and pause again what is to be paused.",
        ) from error


def pause(state: Path, source: str, since: datetime) -> bool:
    """Pause a source; whether it was not paused before."""
    with exclusive_lock(state / _LOCK, wait_seconds=10):
        known = dict(read_pauses(state))
        if source in known:
            return False
        _write(state, {**known, source: since})
        return True


def resume(state: Path, source: str) -> bool:
    """Let a source go on; whether it was paused."""
    with exclusive_lock(state / _LOCK, wait_seconds=10):
        known = dict(read_pauses(state))
        if source not in known:
            return False
        _write(state, {name: since for name, since in known.items() if name != source})
        return True


def _write(state: Path, pauses: Mapping[str, datetime]) -> None:
    path = state / PAUSES_FILE
    content = msgspec.json.encode({name: timestamp(since) for name, since in pauses.items()})
    files.replace(path, path.with_name(f".{PAUSES_FILE}.draft"), content + b"\n")
