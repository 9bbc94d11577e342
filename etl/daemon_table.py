"""`[daemon]`: when snapshots are due, and how the daemon goes about it. Times in seconds."""

import re
from typing import Final, Literal

import msgspec

from warehouse.errors import BadInput, BadSettings
from warehouse.schedule import Schedule

OFF: Final = "off"
_AN_HOUR: Final = 3600
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):([0-9]{1,5})")
_RANGES: Final = {
    "concurrency": (1, 100),
    # Together less than a day: what is still open then, the verifier calls silence.
    "spread": (0, 6 * _AN_HOUR),
    "deadline": (1, 3 * _AN_HOUR),
    "retry_for": (0, 12 * _AN_HOUR),
}


class DaemonTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole table.

    `spread` is the window over which the runs of one slot are spread, `retry_for` how long a run
    that failed is tried again. `listen` and `verify` may be "off".
    """

    schedule: str = "0 2 * * *"
    timezone: str = "UTC"
    catch_up: Literal["latest", "skip"] = "latest"
    spread: float = 0
    concurrency: int = 4
    deadline: float = 300
    retry_for: float = 3600
    verify: str = "0 5 * * SUN"
    listen: str = "127.0.0.1:9465"
    metrics: list[str] = []
    ping_url_file: str | None = None
    log: Literal["text", "json"] = "text"

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port to listen on; None where it is off."""
        if self.listen == OFF:
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def verification(self) -> Schedule | None:
        """When the whole history is verified; None where it is off."""
        return None if self.verify == OFF else Schedule(self.verify, self.timezone)


def check_daemon(table: DaemonTable, where: str) -> None:
    """Raise BadSettings naming the key that says what it cannot mean."""
    for key, (least, most) in _RANGES.items():
        value = getattr(table, key)
        # Written so that nan, which TOML has, is refused as well.
        if not least <= value <= most:
            raise BadSettings(f"{where}.{key} must be from {least:g} to {most:g}, found {value:g}")
    check_schedule(table.schedule, table.timezone, where)
    if table.verify != OFF:
        check_schedule(table.verify, table.timezone, where, key="verify")
    found = _ADDRESS.fullmatch(table.listen)
    if table.listen != OFF and not (found and int(found[2]) < 65_536):
        raise BadSettings(f'{where}.listen must be "HOST:PORT" or "off", found {table.listen!r}')


def check_schedule(cron: str, zone: str, where: str, *, key: str = "schedule") -> None:
    """Raise BadSettings for what is no schedule, or no time zone."""
    for tried, named in ((("0 0 * * *", zone), "timezone"), ((cron, "UTC"), key)):
        try:
            Schedule(*tried)
        except BadInput as error:
            raise BadSettings(f"{where}.{named}: {error}", hint=error.hint) from None
