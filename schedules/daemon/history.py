"""What the history already knows of its sources, for a daemon that has only just begun."""

from datetime import UTC
from typing import Final

from etl.settings import Settings
from schedules.daemon.board import SharedBoard, SourceBoard
from warehouse.query import ask
from warehouse.record import timestamp

_NEWEST: Final = "SELECT instance, max(taken_at) FROM snapshots GROUP BY 1"
_VALUES: Final = """
    SELECT v.instance, v.statistic, v.value FROM statistic_values AS v
    JOIN (SELECT instance, max(taken_at) AS taken_at FROM latest GROUP BY 1) AS n
        ON n.instance = v.instance AND n.taken_at = v.taken_at
"""


def last_successes(settings: Settings, board: SharedBoard) -> None:
    """Put the newest snapshot of every source on the board. Raises Failure."""
    rows = ask(settings.warehouse, _NEWEST).rows
    with board as found:
        for source, taken_at in rows:
            if source in settings.tables:
                one = found.sources.setdefault(source, SourceBoard(source=source))
                one.last_success = timestamp(taken_at.replace(tzinfo=UTC))
    if settings.daemon.metrics:
        values: dict[str, dict[str, int | bool | str]] = {}
        for source, statistic, value in ask(settings.warehouse, _VALUES).rows:
            if source in settings.tables:
                values.setdefault(source, {})[statistic] = str(value)
        board.statistics.update(values)
