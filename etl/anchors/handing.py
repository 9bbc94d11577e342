"""The newest checkpoint, handed to every anchor after a commit.

An anchor that fails costs nobody anything: not the snapshot, not the other anchors, and
no more than its timeout. The reason is remembered and told; the next run tries again, with
the checkpoint that is the newest then.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Thread
from typing import Final

from etl.anchors.handover import Handover, NotKept
from etl.anchors.kinds import keep
from etl.anchors.memory import MEMORY_LOCK, AnchorState, read_states, write_states
from etl.journal import STATE_FILE, read_journal
from etl.settings import Settings
from warehouse.errors import CannotStore, Failure, Locked
from warehouse.files import exclusive_lock
from warehouse.layout import Layout
from warehouse.ledger import Ledger
from warehouse.note import SignedCheckpoint, parse_checkpoint
from warehouse.payload import Anchored
from warehouse.record import timestamp

# A keeper ends by itself when its time is over; this is for one that cannot.
_GRACE_SECONDS: Final = 0.5
_LONGEST_REASON: Final = 300


def hand_over_newest(settings: Settings, ledger: Ledger) -> list[AnchorState]:
    """Hand the log's newest checkpoint to every anchor; never raises. See `hand_over`."""
    if not settings.anchors:
        return []
    try:
        newest = read_journal(settings.state / STATE_FILE).before.size
        *_, note = ledger.checkpoints(settings.origin, newest)
        return hand_over(settings, note)
    except (Failure, ValueError) as error:
        return _all_failed(settings, f"the newest checkpoint cannot be read: {error}")


def hand_over(settings: Settings, note: str) -> list[AnchorState]:
    """Hand a signed checkpoint to every anchor that lacks it; return how each stands then.

    All at once, each in its own time, one run after the other. What goes wrong is in the
    states. Raises MalformedNote, and nothing else.
    """
    checkpoint = parse_checkpoint(note)
    try:
        with exclusive_lock(settings.state / MEMORY_LOCK, wait_seconds=settings.lock_timeout):
            states = read_states(settings.state, settings.anchors)
            due = [state.name for state in states if not state.has(checkpoint)]
            reasons = _hand_to(due, settings, checkpoint)
            after = [_after(state, checkpoint, reasons) for state in states]
            if due:
                write_states(settings.state, after)
            return after
    except (CannotStore, Locked) as error:
        return _all_failed(settings, str(error))


def anchored(settings: Settings) -> list[Anchored]:
    """What every anchor of these settings is known to have taken, for the record."""
    return [
        Anchored(name=state.name, kind=state.kind, size=state.size, at=state.at)
        for state in read_states(settings.state, settings.anchors)
        if state.size is not None and state.at is not None
    ]


def warnings_of(states: Sequence[AnchorState]) -> list[str]:
    """What to tell of the anchors that did not take the newest checkpoint, a line each."""
    return [
        f"anchor {state.name!r} ({state.kind}) did not take the newest checkpoint: {state.failure}"
        for state in states
        if state.failure is not None
    ]


def _hand_to(
    names: Sequence[str], settings: Settings, checkpoint: SignedCheckpoint
) -> Mapping[str, str | None]:
    """The reason of each anchor that failed, None of one that did not."""
    reasons: dict[str, str | None] = {}
    waiting = []
    for name in names:
        seconds = settings.anchors[name].timeout
        handover = Handover(name, checkpoint, Layout(settings.warehouse), settings.state, seconds)
        # A thread that the end of the process does not wait for: a folder on a dead server
        # cannot be given a timeout.
        thread = Thread(target=_hand_one, args=(settings, handover, reasons), daemon=True)
        thread.start()
        waiting.append((handover, thread, time.monotonic() + seconds + _GRACE_SECONDS))
    for handover, thread, until in waiting:
        thread.join(max(0, until - time.monotonic()))
        reasons.setdefault(handover.name, handover.too_late)
    return dict(reasons)


def _hand_one(settings: Settings, handover: Handover, reasons: dict[str, str | None]) -> None:
    try:
        keep(settings.anchors[handover.name], handover)
    except (NotKept, Failure, OSError) as error:
        reasons.setdefault(handover.name, _plain(str(error)))
    else:
        reasons.setdefault(handover.name, None)


def _after(
    state: AnchorState, checkpoint: SignedCheckpoint, reasons: Mapping[str, str | None]
) -> AnchorState:
    if state.name not in reasons:
        return state
    reason = reasons[state.name]
    if reason is None:
        return state.kept(checkpoint, _now())
    return state.failed(reason, _now())


def _all_failed(settings: Settings, reason: str) -> list[AnchorState]:
    states = read_states(settings.state, settings.anchors)
    return [state.failed(_plain(reason), _now()) for state in states]


def _now() -> str:
    return timestamp(datetime.now(UTC))


def _plain(reason: str) -> str:
    """One line of what can be printed: a keeper may answer anything."""
    shown = "".join(sign if sign.isprintable() else " " for sign in reason)
    return shown[:_LONGEST_REASON]
