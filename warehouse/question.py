"""Whether SQL asks or does: one question is let through, and nothing else.

DuckDB lets COPY write where it may read, although the catalogue is open for reading only, and
a temporary table lives where nothing is locked. So the statement itself is looked at first.
"""

import re
from typing import Final

import duckdb

from warehouse.errors import QueryFailure

_HINT: Final = 'To write a file: tallybook sql --format csv "SELECT …" > FILE'
# A word, or one byte of anything else.
_WORD: Final = re.compile(rb"[A-Za-z]+|.", re.DOTALL)
_OPTIONS: Final = ([b"(", b"FORMAT"], [b"(", b"ANALYZE"])


def require_question(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise QueryFailure unless `sql` is one question. Raises duckdb.Error where it is no SQL."""
    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements if not _of_a_pivot(statement)]
    if kinds == [duckdb.StatementType.EXPLAIN]:
        return require_question(connection, _explained(sql))
    if len(kinds) > 1 and set(kinds) == {duckdb.StatementType.SELECT}:
        raise QueryFailure(
            f"one question at a time: found {len(kinds)}",
            hint="UNION ALL puts the rows of several together; or ask one after the other.",
        )
    if kinds != [duckdb.StatementType.SELECT]:
        found = ", ".join(kind.name for kind in kinds) or "nothing"
        raise QueryFailure(
            f"the history answers questions only: expected SELECT, found {found}", hint=_HINT
        )
    return None


def _of_a_pivot(statement: duckdb.Statement) -> bool:
    # PIVOT makes itself a type for what it finds. Nobody has written that, so it has no text.
    return statement.type == duckdb.StatementType.CREATE and not statement.query.strip()


def _explained(sql: str) -> str:
    """What an EXPLAIN is about: the rest behind it, its options and ANALYZE."""
    text = sql.encode()
    # DuckDB's own tokens: comments are none, and offsets count bytes.
    starts = [offset for offset, _ in duckdb.tokenize(sql)]
    words = [found[0].upper() for start in starts if (found := _WORD.match(text, start))]
    place = words.index(b"EXPLAIN") + 1
    if words[place : place + 2] in _OPTIONS:
        place = words.index(b")", place) + 1
    elif words[place : place + 1] == [b"ANALYZE"]:
        place += 1
    return text[starts[place] :].decode() if place < len(starts) else ""
