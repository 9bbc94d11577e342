"""Incidents: what is wrong now, compared with what was told already. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from schedules.alerts.facts import Facts


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, of one alert and one source; `source` is empty for the history.

    `lasts` is False for what happens once, and is over as soon as it was told.
    """

    alert: str
    source: str
    what: str
    since: str
    lasts: bool = True

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return f"{self.alert}\n{self.source}"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told: that an incident began, or is over."""

    kind: Literal["problem", "recovery"]
    alert: str
    source: str
    what: str
    at: str

    @property
    def title(self) -> str:
        """A line that says it all."""
        over = "over: " if self.kind == "recovery" else ""
        return f"{self.source or 'history'}: {over}{self.what}"


class AlertMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What outlasts a restart: open incidents, notices that nobody took yet, and facts."""

    open: list[Incident] = []
    unsent: list[Notice] = []
    facts: dict[str, Facts] = {}


def compare(
    memory: AlertMemory, found: Sequence[Incident], looked_at: set[str], at: str
) -> AlertMemory:
    """The memory once `found` is known, with the notices that follow from it unsent.

    `looked_at` are the keys of all that could have been found: what was not looked at stays as
    it is, and what belongs to an alert that is no more ends in silence.
    """
    known = {incident.key: incident for incident in memory.open}
    now = {incident.key: incident for incident in found}
    begun = [incident for key, incident in now.items() if key not in known or not incident.lasts]
    over = [i for key, i in known.items() if key in looked_at and key not in now]
    kept = [now.get(key, i) for key, i in known.items() if key in now or key not in looked_at]
    lasting = [incident for incident in begun if incident.lasts and incident.key not in known]
    return msgspec.structs.replace(
        memory,
        open=[_since(incident, known) for incident in (*kept, *lasting)],
        unsent=[
            *memory.unsent,
            *(_notice("problem", incident, at) for incident in begun),
            *(_notice("recovery", incident, at) for incident in over),
        ],
    )


def _since(incident: Incident, known: Mapping[str, Incident]) -> Incident:
    first = known.get(incident.key, incident)
    return msgspec.structs.replace(incident, since=first.since)


def _notice(kind: Literal["problem", "recovery"], incident: Incident, at: str) -> Notice:
    return Notice(
        kind=kind, alert=incident.alert, source=incident.source, what=incident.what, at=at
    )
