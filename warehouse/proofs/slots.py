"""The slots of a bundle: within its period, none is without a snapshot or a reason."""

from collections.abc import Sequence

from warehouse.checks.findings import Place, Report
from warehouse.checks.slots import SlotBook
from warehouse.errors import BadInput
from warehouse.payload import AnyPayload, Genesis, Missed, Scheduled, Snapshot
from warehouse.proofs.contents import Period
from warehouse.schedule import Schedule

Told = tuple[AnyPayload, Place]


def check_slots(told: Sequence[Told], period: Period, report: Report) -> None:
    """Check the slots of a bundle's instance, its records in the order of the log.

    A bundle begins with a record before its period: what was due before that one is the
    business of another bundle.
    """
    first = _first(told, period)
    book = SlotBook(_schedule_at(first, told, report))
    for payload, place in told:
        complaints = []
        if isinstance(payload, Scheduled) and payload.index > first:
            complaints = list(book.declare(payload))
        elif isinstance(payload, Snapshot | Missed) and payload.due_at and payload.index >= first:
            complaints = list(book.decide(payload.instance.name, payload.due_at))
        for complaint in complaints:
            report.find(*complaint, place)


def _first(told: Sequence[Told], period: Period) -> int:
    """The newest record of a slot before the period, or the first one in it."""
    before, inside = -1, -1
    for payload, _ in told:
        if isinstance(payload, Snapshot | Missed) and payload.due_at:
            if period.place(payload.due_at) < 0:
                before = payload.index
            elif inside < 0:
                inside = payload.index
    return inside if before < 0 else before


def _schedule_at(index: int, told: Sequence[Told], report: Report) -> Schedule | None:
    schedule = None
    for payload, place in told:
        if payload.index > max(index, 0):
            break
        try:
            if isinstance(payload, Genesis) and payload.schedule:
                schedule = Schedule(payload.schedule)
            elif isinstance(payload, Scheduled):
                schedule = Schedule(payload.cron, payload.zone) if payload.cron else None
        except BadInput as error:
            name = "GENESIS_MISMATCH" if isinstance(payload, Genesis) else "GAP"
            report.find(name, "a schedule of five fields", str(error), place)
    return schedule
