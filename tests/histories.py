"""A history in a folder, made as `tallybook init` makes one, driven by the installed command."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etl.init import init, new_sources
from tests.command import Ran, tallybook
from warehouse.ledger import Ledger
from warehouse.payload import AnyPayload, Snapshot
from warehouse.record import decode

ORIGIN = "example.com/test"


@dataclass(frozen=True)
class History:
    """A folder with settings, a signer's state and a warehouse."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "history"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> Path:
        return self.state / "signing-key.pem"

    @property
    def drafts(self) -> list[Path]:
        """Return what lies about half-written."""
        return [*(self.warehouse / "_tmp").iterdir(), *self.state.glob(".*")]

    def run(self, *words: str, env: Mapping[str, str] | None = None, **more: Any) -> Ran:
        """Run the installed command in the folder."""
        return tallybook(*words, cwd=self.folder, env=env, **more)

    def payloads(self) -> list[AnyPayload]:
        """Return what every record says, in order."""
        return [decode(record.payload) for record in Ledger(self.warehouse).records()]

    def snapshots(self) -> list[Snapshot]:
        """Return every snapshot, in order."""
        return [payload for payload in self.payloads() if isinstance(payload, Snapshot)]

    def verdict(self) -> tuple[int, str]:
        """Return exit code and status of `tallybook verify`."""
        ran = self.run("verify", "--json")
        return ran.code, msgspec.json.decode(ran.out)["status"] if ran.out else ran.err

    def set(self, source: str | None = None, **values: object) -> None:
        """Write keys into the settings: those of a source, or the general ones."""
        file = self.folder / "tallybook.toml"
        lines = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
        above = f"[source.{source}]\n" if source else "# Settings of Tallybook."
        content = file.read_text()
        assert above in content
        together = f"{above}{lines}" if source else f"{lines}{above}"
        file.write_text(content.replace(above, together, 1))


def a_history(folder: Path, **sources: str) -> History:
    """Make a history of the named sources."""
    named = [f"{name}={url}" for name, url in sources.items()]
    init(folder, new_sources(named, []), ORIGIN)
    return History(folder)


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()
