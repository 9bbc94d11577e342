"""The slots of a schedule: when snapshots were due, by the five fields of cron, in UTC."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

from warehouse.errors import BadInput
from warehouse.record import moment, timestamp

# Nobody needs to know more exactly how many nights were skipped.
_MOST: Final = 10_000
_MOST_OF_ALL: Final = 100_000


class Schedule:
    """When snapshots are due. Raises BadInput for what is no schedule."""

    def __init__(self, cron: str) -> None:
        self._cron = cron
        self._left = _MOST_OF_ALL
        try:
            # It also knows a sixth field, of seconds.
            CronSim(cron if len(cron.split()) == 5 else "", datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise BadInput(
                f"{cron!r} is no schedule: {error}",
                hint='Expected five fields of cron, such as "0 2 * * *" for 02:00 UTC each day.',
            ) from None

    def between(self, first: str, last: str) -> tuple[int, str]:
        """How many slots there are between two, and the first of them; all as records write."""
        end = moment(last)
        lost: list[str] = []
        # Somebody may have recorded the last night of the calendar, after which there is none.
        with suppress(OverflowError):
            for slot in CronSim(self._cron, moment(first)):
                if slot >= end or len(lost) >= min(_MOST, self._left):
                    break
                lost.append(timestamp(slot))
        self._left -= len(lost)
        return len(lost), lost[0] if lost else ""
