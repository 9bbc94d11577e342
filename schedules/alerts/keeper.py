"""The daemon's alerts: after every commit and every verification, look, remember, tell.

What is to be told is remembered before it is sent: a daemon that is killed in between has told
nobody, and one that starts anew tells nobody twice.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from etl.settings import Settings
from etl.slots import Told, plain
from etl.snapshot import Reading
from schedules.alerts.facts import Facts, facts_of
from schedules.alerts.incidents import AlertMemory, Notice, compare
from schedules.alerts.memory import read_memory, write_memory
from schedules.alerts.sending import Send, read_urls, send
from schedules.alerts.watching import Look, News, look_at_history, look_at_source, trends_of
from schedules.daemon.failures import PAUSED
from schedules.daemon.logs import say
from warehouse.errors import Failure
from warehouse.record import timestamp


class AlertKeeper:
    """Keeps the alerts of a daemon. `look` belongs to one thread, `hear` to any."""

    def __init__(self, settings: Callable[[], Settings], sender: Send | None = None) -> None:
        self._settings = settings
        self._send = sender or self._send_by_apprise
        self._heard: deque[Told] = deque()

    def hear(self, told: Sequence[Told]) -> None:
        """Take down what became of slots."""
        self._heard.extend(told)

    def look(self, verified: str | None) -> None:
        """Look at all that is new, and tell what follows. Raises CannotStore."""
        settings = self._settings()
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        memory = self._compared(settings, read_memory(settings.state), heard, verified)
        write_memory(settings.state, memory)
        self._tell(settings, memory)

    def _compared(
        self, settings: Settings, memory: AlertMemory, heard: Sequence[Told], verified: str | None
    ) -> AlertMemory:
        at = timestamp(datetime.now(UTC))
        for told in heard:
            news = _news(told, memory.facts)
            if news.now:
                facts = {**memory.facts, told.source: news.now}
                memory = msgspec.structs.replace(memory, facts=facts)
            memory = _after(memory, list(_looks(settings, news, memory.facts)), at)
        looks = [look for alert in settings.alerts for look in look_at_history(alert, verified)]
        return _without_gone(_after(memory, looks, at), settings)

    def _tell(self, settings: Settings, memory: AlertMemory) -> None:
        unsent = list(memory.unsent)
        while unsent:
            notice = unsent.pop(0)
            # Before it is sent: who is told twice no longer listens.
            write_memory(settings.state, msgspec.structs.replace(memory, unsent=unsent))
            try:
                self._send(notice)
            except Exception as error:
                say(logging.ERROR, notice.source or None, "alert not sent: %s", plain(str(error)))
                memory = msgspec.structs.replace(memory, unsent=[notice, *unsent])
                write_memory(settings.state, memory)
                return
            say(logging.WARNING, None, "alert %s: %s", notice.alert, notice.title)

    def _send_by_apprise(self, notice: Notice) -> None:
        settings = self._settings()
        if urls := read_urls(settings.alert_urls):
            send(urls, notice, origin=settings.origin)


def _news(told: Told, known: Mapping[str, Facts]) -> News:
    if told.became == PAUSED:
        return News(told.source)
    if not isinstance(told.became, Reading):
        what = f"slot {timestamp(told.due_at)} was missed: {told.became}"
        return News(told.source, missed=what)
    reading = told.became
    now = facts_of(reading, timestamp(reading.taken_at))
    return News(told.source, None, reading.stats, now, known.get(told.source))


def _looks(settings: Settings, news: News, facts: Mapping[str, Facts]) -> Iterator[Look]:
    others = {source: one for source, one in facts.items() if source in settings.tables}
    trends = trends_of(settings.warehouse)
    for alert in settings.alerts:
        try:
            yield from look_at_source(alert, news, others, trends)
        except Failure as failure:
            say(logging.ERROR, news.source, "alert %s: %s", alert.name, failure)


def _after(memory: AlertMemory, looks: Sequence[Look], at: str) -> AlertMemory:
    found = [look.incident(at) for look in looks if look.what is not None]
    looked_at = {look.incident(at).key for look in looks if look.lasts}
    return compare(memory, found, looked_at, at)


def _without_gone(memory: AlertMemory, settings: Settings) -> AlertMemory:
    """What belongs to an alert or a source that is no more ends in silence."""
    names, sources = {alert.name for alert in settings.alerts}, {*settings.tables, ""}
    kept = [one for one in memory.open if one.alert in names and one.source in sources]
    return msgspec.structs.replace(memory, open=kept)
