"""What the doctor says of the anchors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from etl.anchors.handover import FORK
from etl.anchors.memory import AnchorState, read_states
from etl.anchors.report import age_of, age_text, standing_text
from etl.settings import Settings

_STALE: Final = timedelta(days=2)
_FORKED: Final = (
    "Stop, and keep everything as it is: history and state were restored from an older copy, or "
    "somebody else signs with this key. No later snapshot can mend it."
)


class Checked(NamedTuple):
    """One line about anchors: what was looked at, how it stands, what was found, what to do."""

    check: str
    level: Literal["ok", "warning", "failure"]
    found: str
    advice: str | None = None


def check_anchors(settings: Settings) -> Iterator[Checked]:
    """Look at every anchor; say how to begin where there is none."""
    states = read_states(settings.state, settings.anchors)
    if not states:
        # No warning: a history begins without, and says so.
        found = "none: nobody else keeps the head of the log; begin with a table [anchor.NAME]"
        yield Checked("anchors", "ok", found)
    for state in states:
        yield _check(state, datetime.now(UTC))


def _check(state: AnchorState, now: datetime) -> Checked:
    check = f"anchor {state.name}"
    age = age_of(state, now)
    kept = "none kept yet" if age is None else f"{state.size} records, {age_text(age)} ago"
    if state.failure and state.failure.startswith(FORK):
        return Checked(check, "failure", f"{kept}; {standing_text(state)}", _FORKED)
    if state.standing == "failing":
        found = f"{kept}; {standing_text(state)}"
        return Checked(check, "warning", found, "The next snapshot tries again; see to its keeper.")
    if age is None:
        return Checked(check, "warning", kept, "The next snapshot hands over: tallybook snapshot")
    if age > _STALE:
        return Checked(check, "warning", kept, "Take snapshots daily: tallybook snapshot")
    return Checked(check, "ok", f"{state.kind}, {kept}")
