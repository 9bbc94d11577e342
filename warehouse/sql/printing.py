"""An answer on its way to stdout; what is said of it goes to stderr."""

import shutil
import sys

import click

from warehouse.errors import BadInput
from warehouse.sql.asking import Asking
from warehouse.sql.wire import Ending, Question


def print_answer(asking: Asking, sql: str, form: str) -> Ending:
    """Ask, and print the rows as they come. Raises what `Asking.ask` raises."""
    question = Question(sql=sql, form=form, width=_width())
    if form == "arrow":
        ending = asking.ask(question, sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
    else:
        ending = asking.ask(question, lambda part: click.echo(part.decode(), nl=False))
    if ending.note:
        click.echo(f"note: {ending.note}", err=True)
    return ending


def refuse_terminal(form: str) -> None:
    """Raise BadInput for what no terminal can show."""
    if form == "arrow" and sys.stdout.isatty():
        raise BadInput(
            "an Arrow stream is nothing for a terminal",
            hint='Send it on: tallybook sql --format arrow "FROM latest" > FILE',
        )


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
