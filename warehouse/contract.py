"""The SQL contract: the views people query, made from the files in `views/`.

A view's SQL file is also its documentation: the first comment line describes the
view, the comment behind each column that column. Both end up as comments in the
catalogue. What depends on the history (a column per statistic) is filled in here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Final

from warehouse.definitions import Definition, Definitions, definition_of
from warehouse.record import sha256_hex
from warehouse.relations import Files, quoted, record_rows, snapshot_rows, text, value_rows

# In an order in which each view finds those it is made of.
VIEWS: Final = (
    "ledger",
    "snapshots",
    "statistic_values",
    "latest",
    "gaps",
    "instances",
    "statistics",
    "definitions",
    "daily",
    "monthly",
    "dates",
    "apps",
    "apps_monthly",
    "apps_windows",
    "environment_changes",
)
# What several views are made of, and none by itself.
_PARTS: Final = ("app_lists",)
# What Unleash's checksum is computed over, in this order, nothing between.
CHECKSUMMED: Final = (
    "users",
    "featureToggles",
    "projects",
    "roles",
    "groups",
    "environments",
    "segments",
)
_TYPES: Final = {"count": "BIGINT", "bytes": "BIGINT", "ratio": "DOUBLE", "switch": "BOOLEAN"}
_COLUMN_COMMENT: Final = re.compile(r"^ {4}.*?(\w+),?\s+-- (.+)$", re.MULTILINE)
_HEAD_COMMENT: Final = re.compile(r"-- (.+)")
_GAP: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class ViewInputs:
    """What the views of one warehouse depend on.

    `files` hold the records; `statistics` are the names seen in the history, labels
    included; `definitions` are in the order they came. With `as_of` (UTC, without a zone)
    the views show what had been recorded until then, and nothing else.
    """

    files: Files
    statistics: tuple[str, ...]
    definitions: dict[str, Definitions]
    as_of: datetime | None = None


@dataclass(frozen=True)
class Column:
    """A statistic's column in `snapshots`."""

    statistic: str
    name: str
    definition: Definition

    @property
    def sql(self) -> str:
        # try_cast: a value that does not fit its kind must not cost the whole view.
        kind = _TYPES.get(self.definition.kind, "DOUBLE")
        return f"try_cast({quoted(self.name)} AS {kind}) AS {quoted(self.name)}"


def statements(inputs: ViewInputs) -> Iterator[str]:
    """Every statement that makes the contract, comments included, in order."""
    columns = statistic_columns(inputs)
    filled = _fillings(inputs, columns)
    for view in VIEWS:
        sql = _file(view)
        yield f"CREATE VIEW {view} AS {_fill(sql, filled)}"
        yield from _comments(view, sql)
    for view in ("snapshots", "latest"):
        for column in columns:
            about = f"{column.definition.meaning} Unit: {column.definition.unit}."
            yield f"COMMENT ON COLUMN {view}.{quoted(column.name)} IS {text(about)}"


def statistic_columns(inputs: ViewInputs) -> tuple[Column, ...]:
    """The columns of `snapshots`, in the order of the newest definitions, then by label."""
    known = newest_definitions(inputs.definitions)
    names = [d.name for d in known.values() if not d.labelled]
    names += [name for name in inputs.statistics if name not in names]
    places = {name: place for place, name in enumerate(known)}
    found = [(definition_of(name, known), name) for name in names]
    found.sort(key=lambda pair: (places.get(pair[0].name, 10**6) if pair[0] else 10**6, pair[1]))
    taken = {column.lower() for column, _ in _COLUMN_COMMENT.findall(_file("snapshots"))}
    return tuple(
        Column(name, _free_name(name, taken), definition or _unknown(name))
        for definition, name in found
    )


def newest_definitions(sets: dict[str, Definitions]) -> dict[str, Definition]:
    """Every statistic that ever was, by name, as its newest definition has it."""
    known: dict[str, Definition] = {}
    for definitions in reversed(sets.values()):
        for definition in definitions.statistics:
            known.setdefault(definition.name, definition)
    return known


def _file(view: str) -> str:
    return files("warehouse").joinpath("views", f"{view}.sql").read_text(encoding="utf-8")


def fingerprint() -> str:
    """Name what this release's views are made of: another name means other views."""
    views = [f"views/{name}.sql" for name in (*VIEWS, *_PARTS)]
    made_of = ["contract.py", "relations.py", *views]
    return sha256_hex(b"".join(files("warehouse").joinpath(name).read_bytes() for name in made_of))


def _fill(sql: str, filled: dict[str, str]) -> str:
    # In one go: a folder or a label may itself look like something to be filled in.
    return _GAP.sub(lambda gap: filled[gap[1]], sql)


def _fillings(inputs: ViewInputs, columns: tuple[Column, ...]) -> dict[str, str]:
    return {
        "record_rows": known_on(inputs.as_of, record_rows(inputs.files)),
        "snapshot_rows": known_on(
            inputs.as_of, snapshot_rows(inputs.files, [(c.statistic, c.name) for c in columns])
        ),
        "value_rows": known_on(inputs.as_of, value_rows(inputs.files)),
        "checksum": _checksum(columns),
        "statistic_columns": ",\n    ".join(column.sql for column in columns) or "NULL AS nothing",
        "statistic_rows": _values([_statistic_row(column) for column in columns], width=9),
        "definition_rows": _values(list(_definition_rows(inputs)), width=9),
        "definition_hashes": _values(list(_definition_hashes(inputs)), width=3),
        **{part: f"(\n{_file(part)})" for part in _PARTS},
    }


def known_on(as_of: datetime | None, rows: str) -> str:
    """Leave out of `rows`, which have a column recorded_at, what was not recorded by then."""
    if as_of is None:
        return rows
    return f"(SELECT * FROM {rows} WHERE recorded_at <= TIMESTAMP {text(as_of.isoformat(' '))})"


def _checksum(columns: Iterable[Column]) -> str:
    of = {column.statistic: quoted(column.name) for column in columns}
    counts = " || ".join(f"{of.get(name, 'NULL')}::BIGINT" for name in CHECKSUMMED)
    return f"sha256(instance_id || {counts})"


def _comments(view: str, sql: str) -> Iterator[str]:
    if head := _HEAD_COMMENT.match(sql):
        yield f"COMMENT ON VIEW {view} IS {text(head[1])}"
    if view == "latest":
        sql = _file("snapshots")
    for column, comment in _COLUMN_COMMENT.findall(sql):
        yield f"COMMENT ON COLUMN {view}.{quoted(column)} IS {text(comment)}"


def _statistic_row(column: Column) -> tuple[str, ...]:
    d = column.definition
    about = (d.subject, d.meaning, d.unit, d.kind, d.window, d.since, d.hash)
    return (column.statistic, column.name, *about)


def _definition_rows(inputs: ViewInputs) -> Iterator[tuple[str | bool, ...]]:
    for name, definitions in inputs.definitions.items():
        for d in definitions.statistics:
            reads = ", ".join(d.reads)
            yield name, d.name, d.hash, d.meaning, d.unit, d.window, d.labelled, reads, d.sql


def _definition_hashes(inputs: ViewInputs) -> Iterator[tuple[str, ...]]:
    for name, definitions in inputs.definitions.items():
        known = {definition.name: definition for definition in definitions.statistics}
        for statistic in inputs.statistics:
            if definition := definition_of(statistic, known):
                yield name, statistic, definition.hash


def _values(rows: list[tuple[str, ...]] | list[tuple[str | bool, ...]], *, width: int) -> str:
    if not rows:
        # A VALUES list may not be empty; the views leave this row out.
        return f"({', '.join(['NULL::VARCHAR'] * width)})"
    return ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)


def _literal(value: str | bool) -> str:
    return text(value) if isinstance(value, str) else str(value).lower()


def _free_name(statistic: str, taken: set[str]) -> str:
    # DuckDB's names know no case: apiTokens.Admin and apiTokens.admin would collide.
    plain = statistic.replace(".", "_")
    name, attempt = plain, 1
    while name.lower() in taken:
        attempt += 1
        name = f"{plain}_{attempt}"
    taken.add(name.lower())
    return name


def _unknown(name: str) -> Definition:
    return Definition(
        name=name, subject="", meaning="No definition of it is kept here.", unit="", kind="ratio",
        window="", labelled=False, since="", reads=[], sql="", hash="",
    )  # fmt: skip
