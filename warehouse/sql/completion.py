"""What may come next at the prompt: views, columns, statistics, SQL's words. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from warehouse.relations import quoted

Words = Mapping[str, Sequence[str]]

_VIEW_FOLLOWS: Final = re.compile(
    r"\b(?:FROM|JOIN|DESCRIBE|SUMMARIZE)\s+(?:\w+\s*,\s*)*(\w*)$", re.IGNORECASE
)
_BEGUN: Final = re.compile(r"\w*$")
_PLAIN: Final = re.compile(r"[A-Za-z_]\w*")
_KINDS: Final = ("column", "view", "function", "word")


class Completion(NamedTuple):
    """A word that may stand in the place of the last `begun` characters, and what it is."""

    word: str
    begun: int
    kind: str


def completions(
    words: Words, commands: Mapping[str, Sequence[str]], before: str
) -> list[Completion]:
    """What may stand at the end of `before`: `words` by kind, `commands` with what may follow."""
    if before.startswith("\\"):
        return _command(commands, before)
    if before.count("'") % 2:
        begun = before.rpartition("'")[2]
        return _beginning(words.get("statistic", ()), begun, "statistic")
    if found := _VIEW_FOLLOWS.search(before):
        return _beginning(words.get("view", ()), found[1], "view")
    begun = (_BEGUN.search(before) or [""])[0]
    if not begun:
        return []
    return [each for kind in _KINDS for each in _beginning(words.get(kind, ()), begun, kind)]


def _command(commands: Mapping[str, Sequence[str]], before: str) -> list[Completion]:
    name, space, argument = before.partition(" ")
    if space:
        return _beginning(commands.get(name, ()), argument, "argument")
    return _beginning(commands, name, "command")


def _beginning(words: Iterable[str], begun: str, kind: str) -> list[Completion]:
    found = [word for word in words if word.lower().startswith(begun.lower())]
    if kind == "word" and begun.islower():
        found = [word.lower() for word in found]
    if kind == "column":
        found = [word if _PLAIN.fullmatch(word) else quoted(word) for word in found]
    return [Completion(word, len(begun), kind) for word in found]
