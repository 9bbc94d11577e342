"""The process that answers. It may be killed at any time, and nothing is lost but an answer.

Its own memory is bounded, so a question that eats all of it costs this process and nobody else.
It reads frames from stdin and writes frames to stdout; where stdin ends, so does it.
"""

import os
import resource
import shutil
import signal
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Final

import duckdb
import msgspec

from warehouse.errors import Failure
from warehouse.query import Limits, explained, reading, require_no_zone
from warehouse.question import require_question
from warehouse.sql.formats import Head, write
from warehouse.sql.wire import (
    CANCEL,
    END,
    QUESTION,
    READY,
    ROWS,
    Ending,
    Opening,
    Question,
    receive,
    send,
    too_much,
)

_IN, _OUT = 0, 1
# What threads reserve and never use counts as well.
_HEADROOM: Final = 1 << 30
_DEFECT: Final = "This is a defect of tallybook, or of DuckDB."


def main() -> None:
    """Answer until nobody asks any more."""
    # The terminal's Ctrl-C is the command's business: it says when to cancel.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    opening = msgspec.json.decode(sys.argv[1], type=Opening)
    folder = Path(opening.folder) if opening.folder else None
    as_of = datetime.fromisoformat(opening.as_of) if opening.as_of else None
    try:
        with reading(Path(opening.root), as_of, Limits(opening.memory, folder)) as connection:
            _bound_memory(opening.memory)
            send(_OUT, READY)
            _serve(connection, opening)
    except Exception as error:  # whatever it is, the command has to be told
        _end(_ending_of(error, opening))


def _serve(connection: duckdb.DuckDBPyConnection, opening: Opening) -> None:
    while frame := receive(_IN):
        if frame.kind == QUESTION:
            question = msgspec.json.decode(frame.content, type=Question)
            # In a thread of its own: this one has to hear that it shall be cancelled.
            Thread(target=_answer, args=(connection, question, opening), daemon=True).start()
        elif frame.kind == CANCEL:
            connection.interrupt()
    # The command has gone. If it could not clean up, nobody else will.
    if opening.folder:
        shutil.rmtree(opening.folder, ignore_errors=True)
    os._exit(0)


def _answer(connection: duckdb.DuckDBPyConnection, question: Question, opening: Opening) -> None:
    try:
        ending = _rows(connection, question)
    except Exception as error:  # whatever it is, the command has to be told
        ending = _ending_of(error, opening)
    _end(ending)


def _rows(connection: duckdb.DuckDBPyConnection, question: Question) -> Ending:
    require_question(connection, question.sql)
    result = connection.execute(question.sql)
    described = result.description or []
    head = Head(
        tuple(name for name, *_ in described), tuple(str(kind) for _, kind, *_ in described)
    )
    if question.form != "arrow":
        require_no_zone(head.types)
    written = write(result, head, question)
    for content in written.chunks:
        send(_OUT, ROWS, content)
    return Ending(rows=written.count, note=written.note)


def _end(ending: Ending) -> None:
    with suppress(BrokenPipeError):
        send(_OUT, END, msgspec.json.encode(ending))


def _ending_of(error: Exception, opening: Opening) -> Ending:
    match error:
        case duckdb.InterruptException():
            return Ending(cancelled=True)
        case duckdb.OutOfMemoryException() | MemoryError():
            return too_much(opening.memory)
        case duckdb.Error():
            if "bad_alloc" in str(error):
                return too_much(opening.memory)
            error = explained(str(error).strip())
    if isinstance(error, Failure):
        return Ending(failure=str(error), hint=error.hint, exit_code=error.exit_code)
    return Ending(failure=f"unexpected {type(error).__name__}: {error}", hint=_DEFECT)


def _bound_memory(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        # No Linux: DuckDB's own limit has to do.
        return
    bound = pages * resource.getpagesize() + memory + _HEADROOM
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (bound if hard < 0 else min(bound, hard), hard))


if __name__ == "__main__":
    main()
