"""How the anchors stand, for people and as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from rich.text import Text

from etl.anchors.memory import AnchorState, Standing
from warehouse.record import moment
from warehouse.terminal import console, table

_STYLES: Final[dict[Standing, str]] = {"ok": "green", "failing": "red", "never": "yellow"}
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def age_of(state: AnchorState, now: datetime) -> timedelta | None:
    """How long ago the newest checkpoint was taken; None where none was."""
    try:
        return None if state.at is None else max(timedelta(0), now - moment(state.at))
    except ValueError:
        # The memory was edited by hand.
        return None


def age_text(age: timedelta) -> str:
    """An age as people say it: the largest unit that fits, no more exact than that."""
    seconds = int(age.total_seconds())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def standing_text(state: AnchorState) -> str:
    """The state in words, and since when."""
    if state.standing != "failing":
        return state.standing
    return f"failing since {state.failing_since}, {state.attempts} time(s): {state.failure}"


def anchors_json(states: Sequence[AnchorState]) -> list[dict[str, Any]]:
    """Every anchor as JSON; the age in whole seconds."""
    now = datetime.now(UTC)
    return [_as_json(state, age_of(state, now)) for state in states]


def print_anchors(states: Sequence[AnchorState]) -> None:
    """Print a line per anchor."""
    now = datetime.now(UTC)
    made = table(("anchor", "kind", "where", "records", "age", "state"), right=("records", "age"))
    for state in states:
        age = age_of(state, now)
        made.add_row(
            state.name,
            state.kind,
            state.where,
            "" if state.size is None else str(state.size),
            "" if age is None else age_text(age),
            Text(standing_text(state), style=_STYLES[state.standing]),
        )
    console().print(made)


def _as_json(state: AnchorState, age: timedelta | None) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(state),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "state": state.standing,
    }
