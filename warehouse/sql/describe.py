"""What can be asked: the views and their columns, out of the comments in the catalogue."""

from difflib import get_close_matches
from typing import Final

from warehouse.contract import VIEWS
from warehouse.errors import BadInput
from warehouse.relations import text

# As the contract has them, but the bare records last: few ask for those.
_ORDER: Final = ", ".join(text(view) for view in (*VIEWS[1:], VIEWS[0]))
ALL_VIEWS: Final = f"""
    SELECT view_name AS view, comment AS meaning
    FROM duckdb_views()
    WHERE NOT internal
    ORDER BY list_position([{_ORDER}], view_name)
"""
# Everything that may be completed: a kind, and a name of it.
WORDS: Final = """
    SELECT 'view' AS kind, view_name AS word FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT DISTINCT 'column', column_name FROM duckdb_columns() WHERE NOT internal
    UNION ALL SELECT 'statistic', statistic FROM statistics
    UNION ALL SELECT 'word', upper(keyword_name) FROM duckdb_keywords()
        WHERE keyword_category IN ('reserved', 'column_name', 'type_function')
    UNION ALL SELECT DISTINCT 'function', function_name FROM duckdb_functions()
        WHERE function_type IN ('scalar', 'aggregate') AND function_name ~ '^[a-z]\\w+$'
"""


def description(view: str | None) -> str:
    """The question that lists the views, or the columns of one. Raises BadInput."""
    if not view:
        return ALL_VIEWS
    name = view.lower()
    if name not in VIEWS:
        close = get_close_matches(name, VIEWS, n=1)
        raise BadInput(
            f"no view {view!r}",
            hint=f"Did you mean {close[0]}?" if close else f"There are {', '.join(VIEWS)}",
        )
    return f"""
        SELECT column_name AS column, data_type AS type, comment AS meaning
        FROM duckdb_columns()
        WHERE NOT internal AND table_name = {text(name)}
        ORDER BY column_index
    """
