"""A small history with settings that name anchors: what tests of anchors hand over."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.anchors.handing import hand_over
from etl.anchors.memory import AnchorState
from etl.settings import Settings, load_settings
from tests.builders import ORIGIN, History, a_history
from warehouse.layout import log_key

KEY = log_key(ORIGIN)


@dataclass(frozen=True)
class Anchored:
    """A history of one log, its folder, and a file of settings in it."""

    folder: Path
    history: History

    @property
    def note(self) -> str:
        """The newest checkpoint."""
        return self.notes[-1]

    @property
    def notes(self) -> list[str]:
        """Every checkpoint, in order."""
        return list(self.history.ledger.checkpoints(ORIGIN, 0))

    def settings(self, *tables: str) -> Settings:
        """Settings with these tables; each begins with its `[anchor.NAME]`."""
        file = self.folder / "tallybook.toml"
        state = self.history.log.state.name
        file.write_text(f'origin = "{ORIGIN}"\nstate = "{state}"\n' + "\n".join(tables))
        return load_settings(file)

    def hand_over(self, *tables: str) -> list[AnchorState]:
        """Hand the newest checkpoint to the anchors of these tables."""
        return hand_over(self.settings(*tables), self.note)


def an_anchored(folder: Path) -> Anchored:
    """Make a history of two records: its beginning, and one snapshot."""
    made = Anchored(folder, a_history(folder))
    made.history.take()
    return made


def table(name: str, kind: str, **keys: object) -> str:
    """One table of the settings."""
    lines = [f"[anchor.{name}]", f'kind = "{kind}"']
    for key, value in keys.items():
        shown = value if isinstance(value, int | float) else f'"{value}"'
        lines.append(f"{key} = {shown}")
    return "\n".join(lines)


def failures(states: Sequence[AnchorState]) -> dict[str, str | None]:
    """Why each anchor failed, None where it did not."""
    return {state.name: state.failure for state in states}
