"""What `tallybook seats` prints: where a contract stands, in tables and words, or as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from warehouse.analysis.forecast import CONFIDENCE, FEWEST_VALUES, HORIZON_DAYS, Forecast
from warehouse.analysis.seats import LICENSED, Contract, Seats, Tally, Usage
from warehouse.analysis.series import OBSERVED
from warehouse.terminal import cell, console, table

SUM = "sum"
TWICE = "People with accounts on two instances are counted twice in the sum."


def seats_json(found: Sequence[Usage], contract: Contract) -> dict[str, Any]:
    """The usages as JSON; `source` is null for the sum."""
    return {
        "granted": contract.granted,
        "contract_start": contract.start.isoformat(),
        "period_months": contract.months,
        "statistic": LICENSED,
        "usages": [_usage_json(each, contract) for each in found],
        "note": TWICE if len(found) > 1 else None,
    }


def print_seats(found: Sequence[Usage], contract: Contract) -> None:
    """Print where each instance stands, its contract months and periods, and what is ahead."""
    out = console()
    if not found:
        console(stderr=True).print(
            f"no snapshot has {LICENSED} yet: tallybook show says why it is unavailable"
        )
        return
    out.print(_now_table(found, contract))
    if len(found) > 1:
        out.print(Text(f"{TWICE} It is told for the days on which all have a value.", style="dim"))
    for each in found:
        if not each.months:
            continue
        out.print(Text(f"\n{each.source or SUM}", style="bold"))
        out.print(_tallies_table(each, contract))
    for line in _outlook(found, contract):
        out.print(line)


def _now_table(found: Sequence[Usage], contract: Contract) -> Table:
    columns = ("instance", "licensed users", "granted", "used", "free", "as of")
    made = table(columns, right=("licensed users", "granted", "used", "free"))
    for each in found:
        if each.newest is None:
            made.add_row(each.source or SUM, "–", str(contract.granted), "", "", "no day with all")
            continue
        users = each.newest.newest
        free = contract.granted - users
        made.add_row(
            each.source or SUM,
            cell(users),
            str(contract.granted),
            f"{users / contract.granted:.0%}".replace("%", " %"),
            Text(cell(free).replace("-", "−"), style="red" if free < 0 else ""),
            f"{each.newest.day}",
        )
    return made


def _tallies_table(each: Usage, contract: Contract) -> Table:
    columns = ("from", "to", "peak", "on", "days over", "days with a value", "")
    made = table(columns, right=("peak", "days over", "days with a value"))
    for tally in each.months:
        made.add_row(*_tally_row(tally, contract), "")
    made.add_row("")
    for tally in each.periods:
        made.add_row(*_tally_row(tally, contract), Text("contract period", style="dim"))
    return made


def _tally_row(tally: Tally, contract: Contract) -> tuple[str | Text, ...]:
    peak = tally.peak
    over = peak is not None and peak.highest > contract.granted
    marked = f" ({peak.provenance})" if peak and peak.provenance != OBSERVED else ""
    return (
        str(tally.span.first),
        str(tally.span.last),
        Text(cell(peak.highest) if peak else "–", style="red" if over else ""),
        f"{peak.day}{marked}" if peak else "",
        Text(str(tally.days_over) if tally.days_known else "", "red" if tally.days_over else ""),
        f"{tally.days_known} of {tally.span.days}",
    )


def _outlook(found: Sequence[Usage], contract: Contract) -> Iterator[Text]:
    if all(not each.months for each in found):
        yield Text(f"\nThe contract begins on {contract.start}: no snapshot is of it yet.")
    yield Text("\nWhen the limit will be reached", style="bold")
    for each in found:
        yield Text(f"{each.source or SUM}: {words(each.forecast, contract.granted)}")


def words(forecast: Forecast, granted: int) -> str:
    """What the forecast says, in words."""
    rate = f"{forecast.per_day:+.2f} a day" if forecast.per_day is not None else ""
    rate = rate.replace("-", "−")
    match forecast.verdict:
        case "reached":
            return f"reached: {granted} or more since {forecast.on}"
        case "expected":
            return (
                f"about {forecast.on}, between {forecast.earliest} and {forecast.latest} "
                f"({CONFIDENCE:.0%}), if it goes on by {rate} as in {forecast.values} days"
            ).replace("%", " %")
        case "too few values":
            return (
                f"cannot be said: {forecast.values} days with a value of the {FEWEST_VALUES} "
                "that it takes"
            )
        case "not growing":
            return f"not as it goes: {rate} in {forecast.values} days, flat or falling"
        case "not within the horizon":
            years = HORIZON_DAYS // 365
            early = f", {forecast.earliest} at the earliest" if forecast.earliest else ""
            return f"not within {years} years, if it goes on by {rate}{early}"
        case "too uncertain":
            early = f"; not before {forecast.earliest}" if forecast.earliest else ""
            return (
                f"cannot be said: {rate} is too little against how much the days differ, "
                f"the interval is too wide{early}"
            )


def _usage_json(each: Usage, contract: Contract) -> dict[str, Any]:
    return {
        "source": each.source,
        "licensed_users": each.newest.newest if each.newest else None,
        "as_of": each.newest.day.isoformat() if each.newest else None,
        "months": [_tally_json(tally) for tally in each.months],
        "periods": [_tally_json(tally) for tally in each.periods],
        "forecast": _forecast_json(each.forecast, contract),
    }


def _tally_json(tally: Tally) -> dict[str, Any]:
    return {
        "first": tally.span.first.isoformat(),
        "last": tally.span.last.isoformat(),
        "peak": _peak_json(tally.peak) if tally.peak else None,
        "days_over": tally.days_over,
        "days_known": tally.days_known,
        "days": tally.span.days,
    }


def _peak_json(peak: Seats) -> dict[str, Any]:
    return {"value": peak.highest, "on": peak.day.isoformat(), "provenance": peak.provenance}


def _forecast_json(forecast: Forecast, contract: Contract) -> dict[str, Any]:
    return {
        "verdict": forecast.verdict,
        "words": words(forecast, contract.granted),
        "on": forecast.on.isoformat() if forecast.on else None,
        "earliest": forecast.earliest.isoformat() if forecast.earliest else None,
        "latest": forecast.latest.isoformat() if forecast.latest else None,
        "confidence": CONFIDENCE,
        "change_per_day": forecast.per_day,
        "days": forecast.values,
    }
