"""Why a run failed, in a word, and whether it is worth while to try again. Pure."""

from typing import Final

from schedules.daemon.runs import Unexpected
from warehouse.errors import (
    BadInput,
    CredentialFailure,
    Failure,
    NotUnleash,
    SourceBusy,
    SourceFailure,
    SourceRefused,
    SourceUnreachable,
)

TIMEOUT: Final = "timeout"
# The one reason that somebody wanted: no alarm.
PAUSED: Final = "paused"
KINDS: Final = (
    (SourceUnreachable, "source unreachable"),
    (SourceBusy, "source busy"),
    (SourceRefused, "login refused"),
    (CredentialFailure, "no credentials"),
    (NotUnleash, "no Unleash database"),
    (SourceFailure, "source failed"),
    (BadInput, "settings"),
    (Unexpected, "defect"),
)
# A password may be about to be changed on the other side as well.
_TRANSIENT: Final = (SourceUnreachable, SourceBusy, SourceRefused, CredentialFailure)
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 300.0


def kind_of(failure: Failure) -> str:
    """The word that metrics and `missed` records have for it."""
    return next((word for kind, word in KINDS if isinstance(failure, kind)), "failed")


def reason_of(failure: Failure) -> str:
    """Why, in short: which source it is of is known."""
    return failure.reason if isinstance(failure, SourceFailure) else str(failure)


def is_transient(failure: Failure) -> bool:
    """Whether the same run may go well in a while."""
    return isinstance(failure, _TRANSIENT)


def pause_before(attempt: int) -> float:
    """Seconds to wait before another attempt, the first of which is 1."""
    return float(min(_FIRST_PAUSE * 2 ** min(attempt - 1, 20), _LONGEST_PAUSE))
