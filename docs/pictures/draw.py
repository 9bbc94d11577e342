"""Draws terminal.svg: what two commands print, run for real in the folder that the demo left.

.venv/bin/tallybook demo && .venv/bin/python docs/pictures/draw.py demo
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 108
PICTURE = Path(__file__).with_name("terminal.svg")
TALLYBOOK = Path(sys.executable).with_name("tallybook")
# Each command, and how many lines of its answer are shown; None means all.
SESSION: tuple[tuple[str, int | None], ...] = (
    ("show", 20),
    ("trend activeUsers.last30", None),
    ("verify", None),
)
THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [
        (24, 26, 31), (224, 108, 117), (152, 195, 121), (229, 192, 123),
        (97, 175, 239), (198, 120, 221), (86, 182, 194), (214, 218, 224),
    ],
)  # fmt: skip
# Rich's own frame fetches a font from elsewhere: a picture fetches nothing.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas,
    "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
<path d="DOTS" stroke="#61afef" stroke-width="2.6" stroke-linecap="round" />
</g></svg>
"""
# Rich's measures, which it does not tell: of a character, of a line, of the first line's middle.
CHARACTER, LINE, FIRST = 12.2, 24.4, 12.0
BRAILLE = range(0x2800, 0x2900)
# Which of the eight dots of a braille character each bit is: column and row.
BITS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def answer(words: str, folder: Path) -> list[str]:
    """Run a command as on a colourful terminal and return its lines."""
    terminal = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    done = subprocess.run(  # noqa: S603  # our own command
        [TALLYBOOK, *words.split()],
        cwd=folder, env=terminal, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.rstrip().splitlines()


def session(folder: Path) -> Iterator[Text]:
    """Yield the lines of the picture: each command, and what it answers."""
    for words, most in SESSION:
        lines = answer(words, folder)
        yield Text.assemble(("$ ", "green"), (f"tallybook {words}", "bold"))
        for line in lines[:most]:
            yield Text.from_ansi(line.rstrip())
        yield Text("  …" if len(lines[:most]) < len(lines) else "", "dim")


def dots(lines: Sequence[Text]) -> str:
    """Return the braille characters as a path: in few fonts are they as wide as the others."""
    return "".join(
        f"M{(x + 0.25 + 0.5 * column) * CHARACTER:.1f} {FIRST + (y + 0.25 * row) * LINE - 9:.1f}h0"
        for y, line in enumerate(lines)
        for x, character in enumerate(line.plain)
        for bit, (column, row) in enumerate(BITS)
        if ord(character) in BRAILLE and ord(character) - BRAILLE.start >> bit & 1
    )


def without_dots(line: Text) -> Text:
    """Return the line with spaces where `dots` draws."""
    plain = "".join(" " if ord(c) in BRAILLE else c for c in line.plain)
    return Text(plain, spans=line.spans, style=line.style)


def draw(lines: Sequence[Text]) -> str:
    """Return the picture of these lines."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        paper = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for line in lines:
            paper.print(without_dots(line), no_wrap=True, crop=True)
        picture = paper.export_svg(
            title="tallybook", theme=THEME, code_format=FRAME, unique_id="tallybook"
        )
    return picture.replace("DOTS", dots(lines))


if __name__ == "__main__":
    PICTURE.write_text(draw([*session(Path(sys.argv[1]))]), encoding="utf-8")
