"""The command that asks in SQL: one question, or a prompt for many."""

import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from warehouse.cli import as_of_option, pass_door, warehouse_option
from warehouse.door import Door
from warehouse.errors import BadInput

if TYPE_CHECKING:
    from warehouse.sql.asking import Terms

_FORMATS = ("table", "csv", "json", "markdown", "arrow")
_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([MG])(i?)B", re.IGNORECASE)


class Memory(click.ParamType[int]):
    """An amount of memory as people write it, such as 500MB or 4GB; bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return it in bytes."""
        from warehouse.sql.limits import LEAST_MEMORY

        if isinstance(value, int):
            return value
        if not (found := _BYTES.fullmatch(value)):
            self.fail(f"{value!r} is no amount of memory; expected one like 4GB", param, ctx)
        power = {"M": 2, "G": 3}[found[2].upper()]
        size = int(float(found[1]) * float(1024 if found[3] else 1000) ** power)
        if size < LEAST_MEMORY:
            self.fail(f"{value!r} is less than a question needs, 100MB", param, ctx)
        return size


def _views(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from warehouse.contract import VIEWS

    return [view for view in VIEWS if view.startswith(incomplete)]


@click.command(epilog='Example: tallybook sql "SELECT taken_at, users FROM snapshots ORDER BY 1"')
@click.argument("query", required=False, metavar="[QUERY]")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True,
    help="How to print the rows.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--describe", metavar="[VIEW]", is_flag=False, flag_value="", shell_complete=_views,
    help="List the views, or the columns of one, instead.",
)  # fmt: skip
@as_of_option
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0), default=60, show_default=True,
    help="End a question that takes longer; 0: never.",
)  # fmt: skip
@click.option(
    "--memory", type=Memory(), help="Memory that a question may take; default: half of all, or 4GB."
)
@warehouse_option
@pass_door
def sql(
    door: Door,
    query: str | None,
    form: str,
    as_json: bool,
    describe: str | None,
    as_of: datetime | None,
    timeout: float,
    memory: int | None,
    warehouse: str | None,
) -> None:
    """Ask the history questions in SQL.

    One statement in DuckDB's dialect, read-only; from stdin where there is no QUERY, and at a
    prompt where that is a terminal.

    --describe tells which views there are, and what their columns mean.
    """
    from warehouse.sql.asking import Asking, Cancelled, Terms
    from warehouse.sql.describe import description
    from warehouse.sql.limits import default_memory
    from warehouse.sql.printing import print_answer, refuse_terminal

    form = "json" if as_json else form
    if describe is not None:
        if query:
            raise click.UsageError("--describe goes without a QUERY")
        query = description(describe)
    refuse_terminal(form)
    terms = Terms(door.warehouse(warehouse), as_of, memory or default_memory(), timeout or None)
    if query is None and sys.stdin.isatty():
        _prompt(terms, form)
        return
    with Asking(terms) as asking:
        try:
            print_answer(asking, _stdin() if query is None else query, form)
        except Cancelled:
            raise click.Abort from None


def _prompt(terms: "Terms", form: str) -> None:
    from warehouse.sql.prompt import Prompt

    if not sys.stdout.isatty():
        raise BadInput(
            "no question, and no terminal to ask for one",
            hint='Ask like this: tallybook sql "SELECT * FROM latest" > FILE',
        )
    Prompt(terms, form).run()


def _stdin() -> str:
    query = sys.stdin.read()
    if not query.strip():
        raise BadInput(
            "no question on stdin", hint='Ask like this: tallybook sql "SELECT * FROM latest"'
        )
    return query


COMMANDS: tuple[click.Command, ...] = (sql,)
