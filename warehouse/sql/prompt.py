"""The prompt: questions one after the other, and commands that begin with a backslash.

A question that fails, takes too long or is cancelled costs its answer; the prompt stays.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import click
import msgspec
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Offer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer

from warehouse.cli import Moment
from warehouse.contract import VIEWS
from warehouse.errors import BadInput, Failure
from warehouse.sql.asking import Asking, Cancelled, Terms
from warehouse.sql.completion import Words, completions
from warehouse.sql.describe import WORDS, description
from warehouse.sql.memory import history_file
from warehouse.sql.printing import print_answer
from warehouse.sql.statements import is_ended, is_farewell, split
from warehouse.sql.wire import Question

_WELCOME: Final = "Questions in SQL end with a semicolon. \\? lists the commands, \\q ends."
_FORMATS: Final = ("table", "csv", "json", "markdown")


class _Command(NamedTuple):
    """What a backslash does: how it is written, what it means, what may follow it."""

    usage: str
    meaning: str
    arguments: tuple[str, ...] = ()


COMMANDS: Final = {
    "\\d": _Command("\\d [VIEW]", "lists the views, or the columns of one", VIEWS),
    "\\format": _Command("\\format NAME", "prints rows as table, csv, json or markdown", _FORMATS),
    "\\as-of": _Command("\\as-of [TIME]", "asks as the history was known then; alone: now"),
    "\\timeout": _Command("\\timeout SECONDS", "ends a question that takes longer; 0: never"),
    "\\?": _Command("\\?", "lists these commands"),
    "\\q": _Command("\\q", "ends, as Ctrl-D does; Ctrl-C cancels a question"),
}


class Prompt:
    """Reads what is typed and answers it, until nothing more comes."""

    def __init__(self, terms: Terms, form: str) -> None:
        self._asking = Asking(terms)
        self._form = form

    def run(self) -> None:
        """Ask and answer. Raises the failure of a warehouse that cannot be opened."""
        with self._asking:
            session = _session(self._words())
            click.echo(_WELCOME, err=True)
            while True:
                try:
                    typed = session.prompt(self._sign)
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return
                if not self._heed(typed):
                    return

    def _sign(self) -> str:
        as_of = self._asking.terms.as_of
        return f"tallybook {as_of:%Y-%m-%d %H:%M}> " if as_of else "tallybook> "

    def _words(self) -> Words:
        found = bytearray()
        self._asking.ask(Question(sql=WORDS, form="json"), found.extend)
        words: dict[str, list[str]] = {}
        for row in msgspec.json.decode(found, type=list[dict[str, str]]):
            words.setdefault(row["kind"], []).append(row["word"])
        return {kind: sorted(each) for kind, each in words.items()}

    def _heed(self, typed: str) -> bool:
        """Do what was typed; False where it was the end."""
        typed = typed.strip()
        if is_farewell(typed):
            return False
        try:
            if typed.startswith("\\"):
                self._command(*typed.rstrip(";").split(maxsplit=1))
            else:
                for statement in split(typed).ended:
                    self._answer(statement)
        except Failure as failure:
            click.echo(f"error: {failure}", err=True)
            if failure.hint:
                click.echo(f"hint: {failure.hint}", err=True)
        except Cancelled:
            click.echo("cancelled", err=True)
        return True

    def _answer(self, sql: str) -> None:
        began = time.monotonic()
        ending = print_answer(self._asking, sql, self._form)
        rows = "1 row" if ending.rows == 1 else f"{ending.rows:,} rows"
        click.echo(f"{rows}, {time.monotonic() - began:.2f} s", err=True)

    def _command(self, name: str, argument: str = "") -> None:
        known: dict[str, Callable[[str], None]] = {
            "\\d": self._describe,
            "\\format": self._set_format,
            "\\as-of": self._set_as_of,
            "\\timeout": self._set_timeout,
            "\\?": lambda _: click.echo(_help()),
        }
        if name not in known:
            raise BadInput(f"no command {name}", hint="\\? lists those that there are")
        known[name](argument.strip())

    def _describe(self, view: str) -> None:
        print_answer(self._asking, description(view), "table")

    def _set_format(self, form: str) -> None:
        if form not in _FORMATS:
            raise BadInput(f"no format {form!r}", hint=f"There are {', '.join(_FORMATS)}")
        self._form = form

    def _set_as_of(self, time_: str) -> None:
        try:
            as_of = Moment(end_of_day=True).convert(time_, None, None) if time_ else None
        except click.UsageError as error:
            raise BadInput(error.message) from None
        self._asking.close()
        self._asking.terms = self._asking.terms._replace(as_of=as_of)

    def _set_timeout(self, seconds: str) -> None:
        if not seconds.isdecimal():
            raise BadInput(f"{seconds!r} is no number of seconds")
        self._asking.terms = self._asking.terms._replace(seconds=int(seconds) or None)


def _help() -> str:
    width = max(len(command.usage) for command in COMMANDS.values())
    return "\n".join(f"{each.usage:<{width}}  {each.meaning}" for each in COMMANDS.values())


class _Offers(Completer):
    """What prompt_toolkit asks for completions."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._commands = {name: command.arguments for name, command in COMMANDS.items()}

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Offer]:
        """Offer what may stand before the cursor."""
        for each in completions(self._words, self._commands, document.text_before_cursor):
            yield Offer(each.word, start_position=-each.begun, display_meta=each.kind)


def _session(words: Words) -> PromptSession[str]:
    keys = KeyBindings()

    @keys.add("enter", filter=~completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        if is_ended(event.current_buffer.text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return PromptSession(
        history=_history(),
        lexer=PygmentsLexer.from_filename("question.sql"),
        completer=_Offers(words),
        complete_while_typing=True,
        key_bindings=keys,
        multiline=True,
        prompt_continuation=lambda width, _, __: "> ".rjust(width),
    )


def _history() -> History:
    file = history_file(os.environ)
    return FileHistory(file) if file else InMemoryHistory()
