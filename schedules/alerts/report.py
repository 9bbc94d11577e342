"""What `tallybook alerts list` prints, for people and as JSON."""

from typing import Any

import msgspec
from rich.text import Text

from etl.settings import Settings
from schedules.alerts.incidents import AlertMemory
from schedules.alerts.sending import read_urls
from warehouse.terminal import console, table


def alerts_json(settings: Settings, memory: AlertMemory) -> dict[str, Any]:
    """Rules, open incidents and unsent notices; how many addresses there are, but not which."""
    return {
        "addresses": len(read_urls(settings.alert_urls)),
        "alerts": [
            {"name": alert.name, "when": alert.when, "source": alert.source}
            for alert in settings.alerts
        ],
        "open": msgspec.to_builtins(memory.open),
        "unsent": msgspec.to_builtins(memory.unsent),
    }


def print_alerts(settings: Settings, memory: AlertMemory) -> None:
    """Print a line per rule, and one per incident."""
    out = console()
    made = table(("alert", "when", "source", "now"))
    for alert in settings.alerts:
        found = [one for one in memory.open if one.alert == alert.name]
        said = "; ".join(f"{one.source}: {one.what}" if one.source else one.what for one in found)
        now = Text(f"since {found[0].since[:16]}Z: {said}", style="red") if found else "quiet"
        made.add_row(alert.name, alert.when, alert.source or "every", now)
    if settings.alerts:
        out.print(made)
    else:
        out.print("No rule yet: add a table [alert.NAME] to tallybook.toml.")
    addresses = len(read_urls(settings.alert_urls))
    out.print(f"{addresses} address(es), {len(memory.unsent)} notice(s) not sent yet.")
