"""Where one statement ends and the next begins: at a semicolon that is no part of a text. Pure."""

import re
from typing import Final, NamedTuple

# What a semicolon means nothing in, from its beginning to its end, or to the end of all.
_SKIPPED: Final = re.compile(
    r"""
      '(?:[^']|'')*(?:'|\Z)
    | "(?:[^"]|"")*(?:"|\Z)
    | --[^\n]*
    | /\*.*?(?:\*/|\Z)
    | (?P<dollar>\$\w*\$).*?(?:(?P=dollar)|\Z)
    | (?P<end>;)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


class Split(NamedTuple):
    """The statements that are ended, without their semicolons, and what begins another one."""

    ended: list[str]
    rest: str


def split(text: str) -> Split:
    """Take a text of statements apart; empty ones are none."""
    ended, begun = [], 0
    for found in _SKIPPED.finditer(text):
        if found["end"]:
            ended.append(text[begun : found.start()].strip())
            begun = found.end()
    return Split([each for each in ended if each], text[begun:].strip())


def is_farewell(text: str) -> bool:
    """Whether that is a word to leave the prompt with."""
    return text.strip().rstrip(";").strip().lower() in {"\\q", "quit", "exit"}


def is_ended(text: str) -> bool:
    """Whether there is nothing more to type: a command, nothing at all, or the last semicolon."""
    if text.lstrip().startswith("\\") or is_farewell(text):
        return True
    return not _COMMENT.sub("", split(text).rest).strip()
