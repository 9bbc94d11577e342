"""Attacks on sealed files: on the rows of each kind, on what describes them, on which there are.

Each is done to a world that is sealed, its commits gone: 24 records in two parts. How:
tests/attack_sealed_tools.py, tests/attack_parts.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.attack_parts import (
    a_catalogue_of,
    a_commit_brought_back_beside_its_part,
    a_part_beside,
    a_wider_part_of_nothing,
    dangling,
    empty,
    foreign,
    of_another_kind,
    of_the_other_log,
    only_of_the_kinds,
    renamed,
    torn,
    with_an_epoch_of_files_that_are_no_commits,
    with_files_that_are_no_part,
    with_the_part_twice,
    without_our_part,
)
from tests.attack_sealed_tools import (
    Change,
    Does,
    a_bloom_filter,
    a_column_more,
    a_column_more_in_its_place,
    a_column_of_another_name,
    a_column_twice,
    a_limit_in_no_calendar,
    a_row_that_nobody_signed,
    a_row_twice,
    another,
    as_type,
    columns_in_another_order,
    in_all_files,
    in_order,
    limits_of_other_rows,
    more_rows_than_there_are,
    none_is_less_than_none,
    nothing,
    put,
    statistics_of_any_column,
    the_file,
    the_rows,
    two_names_swapped,
    two_rows_swapped,
    two_statistics_swapped,
    without_a_column,
    without_a_row,
    without_the_last,
)
from tests.attack_tools import Attack
from tests.attack_world import OTHER
from tests.builders import ORIGIN, SOME_STATS
from warehouse.checks.findings import Place
from warehouse.rows import HOT_SCHEMA
from warehouse.sealed.names import FIXED, column_of
from warehouse.sealed.parts import KINDS
from warehouse.sealed.schemas import VALUES_SCHEMA
from warehouse.sealed.writing import FORMS

SOMEWHERE = Place()
WHOLE = Place(ORIGIN)
# The rows of `wide` are in the order of instance and time, those of `values` of statistic first.
FIRST_ROW = Place(ORIGIN, 1, "prod")
FIRST_VALUE = Place(None, None, "prod")
LAST_ROW = Place(ORIGIN, 18, "staging")
LAST_VALUE = Place(None, None, "staging")
LAST_RECORD = Place(ORIGIN, 19)
# The last row of `wide`, of a night that staging's slot was kept in.
LAST = -1
OF_OTHERS = "CHECKPOINT_MALFORMED CHECKPOINT_SIG_INVALID INDEX_GAP ROLLBACK ANCHOR_INVALID"


def attack(
    story: str, does: Does, finds: str, at: Place = SOMEWHERE, *, fast: str = "", **more: Any
) -> Attack:
    return Attack(story, does, finds, at, fast=fast, **more)


# fmt: off
IN_WIDE = (*FIXED, *(column_of(name) for name in sorted(SOME_STATS)))
IN_VALUES = tuple(VALUES_SCHEMA.names)
# A file of records that cannot be read is a log without these records.
UNREAD = "FILE_UNREADABLE CHECKPOINT_SIG_INVALID ROLLBACK ANCHOR_INVALID UNANCHORED"
MISSING = "FILE_UNREADABLE LOG_MISSING"
IN_LEDGER = dict.fromkeys(HOT_SCHEMA.names, ("ROW_MISMATCH", "")) | {
    "log": ("PAYLOAD_FIELD_MISMATCH ROW_MISMATCH", ""),
    "index": ("PAYLOAD_FIELD_MISMATCH ROW_MISMATCH", ""),
    "payload": ("PAYLOAD_NOT_CANONICAL PAYLOAD_SIG_INVALID ROOT_MISMATCH HEADS_MISMATCH SEQ_GAP "
                "PREV_MISMATCH FORK", "ROOT_MISMATCH FORK"),
    "signature": ("PAYLOAD_SIG_INVALID", ""),
    "checkpoint": ("CHECKPOINT_MALFORMED", "CHECKPOINT_MALFORMED"),
}
del IN_LEDGER["key_id"]
IN_ORDER = "PAYLOAD_FIELD_MISMATCH ROOT_MISMATCH CHECKPOINT_MALFORMED FORK"
ROWS: dict[str, Change] = {
    "a row is gone": in_order(without_a_row),
    "the last row is gone": in_order(without_the_last),
    "all rows are gone": in_order(nothing),
    "a row is there twice": in_order(a_row_twice),
    "two rows have changed places": in_order(two_rows_swapped),
    "a row is there that nobody signed": a_row_that_nobody_signed,
}
WHERE_IN_WIDE = (Place(ORIGIN, 7, "prod"), LAST_ROW, FIRST_ROW, Place(ORIGIN, 11, "prod"),
                 FIRST_ROW, LAST_ROW)
WHERE_IN_VALUES = (FIRST_VALUE, LAST_VALUE, FIRST_VALUE, FIRST_VALUE, FIRST_VALUE, LAST_VALUE)
FILES: dict[str, Callable[[Path], object]] = {
    "is torn": torn, "is empty": empty, "is no Parquet": foreign, "is a link to nothing": dangling,
}
ON_ROWS = (
    *(attack(f"wide: another {name}", the_rows("wide", another(name)), "ROW_MISMATCH", FIRST_ROW)
      for name in IN_WIDE),
    *(attack(f"values: another {name}", the_rows("values", another(name)), "ROW_MISMATCH",
             FIRST_VALUE) for name in IN_VALUES),
    *(attack(f"ledger: another {name}", the_rows("ledger", another(name, 1)), finds, FIRST_ROW,
             fast=fast) for name, (finds, fast) in IN_LEDGER.items()
      if name not in {"stats", "type", "instance", "taken_at", "recorded_at"}),
    *(attack(f"ledger: another {name}", the_rows("ledger", another(name, 1)), "ROW_MISMATCH",
             FIRST_ROW) for name in ("stats", "type", "instance", "taken_at", "recorded_at")),
    attack("ledger: another key_id", the_rows("ledger", another("key_id", 1)), "KEY_UNTRUSTED",
           FIRST_ROW, status="untrusted"),
    *(attack(f"wide: {story}", the_rows("wide", change), "ROW_MISMATCH", at)
      for (story, change), at in zip(ROWS.items(), WHERE_IN_WIDE, strict=True)),
    *(attack(f"values: {story}", the_rows("values", change), "ROW_MISMATCH", at)
      for (story, change), at in zip(ROWS.items(), WHERE_IN_VALUES, strict=True)),
    attack("ledger: a row is gone", the_rows("ledger", in_order(without_a_row)),
           f"INDEX_GAP ROW_MISMATCH HEADS_MISMATCH SEQ_GAP PREV_MISMATCH {IN_ORDER}",
           Place(ORIGIN, 3), fast=f"INDEX_GAP {IN_ORDER} ROLLBACK"),
    attack("ledger: the last row is gone", the_rows("ledger", in_order(without_the_last)),
           "INDEX_GAP ROW_MISMATCH ROLLBACK", Place(ORIGIN, 18), fast="INDEX_GAP ROLLBACK"),
    attack("ledger: all rows are gone", the_rows("ledger", in_order(nothing)),
           f"{UNREAD} ROW_MISMATCH", fast=UNREAD),
    attack("ledger: a row is there twice", the_rows("ledger", in_order(a_row_twice)),
           f"INDEX_DUPLICATE ROW_MISMATCH HEADS_MISMATCH SEQ_DUPLICATE PREV_MISMATCH {IN_ORDER}",
           Place(ORIGIN, 2, "staging"), fast=f"INDEX_DUPLICATE {IN_ORDER}"),
    attack("ledger: two rows have changed places", the_rows("ledger", in_order(two_rows_swapped)),
           f"INDEX_GAP INDEX_DUPLICATE GENESIS_MISSING TIME_BACKWARDS HEADS_MISMATCH {IN_ORDER}",
           FIRST_ROW, fast="PAYLOAD_FIELD_MISMATCH INDEX_DUPLICATE ROOT_MISMATCH FORK"),
    attack("ledger: a row is there that nobody signed",
           the_rows("ledger", a_row_that_nobody_signed),
           "INDEX_DUPLICATE ROW_MISMATCH PAYLOAD_FIELD_MISMATCH SEQ_DUPLICATE PREV_MISMATCH "
           "ROOT_MISMATCH", Place(ORIGIN, 19, "prod"),
           fast="INDEX_DUPLICATE CHECKPOINT_MALFORMED"),
    attack("a number is another in all files", in_all_files, "ROW_MISMATCH", FIRST_ROW),
    attack("wide: a number is gone", the_rows("wide", put("users", 0, None)), "ROW_MISMATCH",
           FIRST_ROW),
    attack("wide: nothing is a time", the_rows("wide", put("due_at", LAST, 0)), "ROW_MISMATCH",
           LAST_ROW),
    attack("wide: 0 is -0", none_is_less_than_none, "ROW_MISMATCH", Place(ORIGIN, 20, "prod")),
    attack("values: a number is gone", the_rows("values", put("value", 0, None)), "ROW_MISMATCH",
           FIRST_VALUE),
    attack("values: a number is none", the_rows("values", put("value", 0, float("nan"))),
           "ROW_MISMATCH", FIRST_VALUE),
    attack("wide: two statistics are swapped", the_rows("wide", two_statistics_swapped),
           "ROW_MISMATCH", FIRST_ROW),
    attack("values: two statistics are swapped", the_rows("values", two_names_swapped),
           "ROW_MISMATCH", FIRST_VALUE),
)
ON_COLUMNS = (
    attack("wide: a column more", the_rows("wide", a_column_more), "FILE_UNREADABLE"),
    attack("wide: a column more, in its place", the_rows("wide", a_column_more_in_its_place),
           "ROW_MISMATCH"),
    attack("wide: a statistic is gone", the_rows("wide", without_a_column("users")),
           "ROW_MISMATCH"),
    attack("wide: a statistic has another name",
           the_rows("wide", a_column_of_another_name("users", "visitors")), "ROW_MISMATCH"),
    attack("wide: a column is gone", the_rows("wide", without_a_column("taken_at")),
           "FILE_UNREADABLE"),
    attack("wide: a column is there twice", the_rows("wide", a_column_twice), "ROW_MISMATCH"),
    *(attack(f"{kind}: columns have changed places", the_rows(kind, columns_in_another_order),
             "FILE_UNREADABLE") for kind in ("wide", "values")),
    attack("ledger: columns have changed places", the_rows("ledger", columns_in_another_order),
           UNREAD, fast=UNREAD),
    attack("values: a column has another name",
           the_rows("values", a_column_of_another_name("value", "number")), "FILE_UNREADABLE"),
    attack("values: a column more", the_rows("values", a_column_more), "FILE_UNREADABLE"),
    *(attack(f"{kind}: {name} is {type_}", the_rows(kind, as_type(name, type_)),
             "FILE_UNREADABLE")
      for kind, name, type_ in (
          ("wide", "users", pa.float32()), ("wide", "users", pa.int64()),
          ("wide", "taken_at", pa.timestamp("us")), ("wide", "taken_at", pa.timestamp("ms", "UTC")),
          ("wide", "instance", pa.binary()), ("wide", "index", pa.int32()),
          ("values", "value", pa.float32()), ("values", "value", pa.int64()),
          ("values", "taken_at", pa.timestamp("ns")), ("values", "statistic", pa.binary()),
      )),
    attack("ledger: index is int32", the_rows("ledger", as_type("index", pa.int32())), UNREAD,
           fast=UNREAD),
)
ON_SHORTCUTS = (
    attack("wide: a limit is of a year with five digits", the_file("wide", a_limit_in_no_calendar),
           "FILE_UNREADABLE"),
    *(attack(f"{kind}: the limits of {name} lie", limits_of_other_rows(kind, name),
             UNREAD if kind == "ledger" else "FILE_UNREADABLE")
      for kind in KINDS for name in FORMS[kind].looked_up),
    *(attack(f"{kind}: limits of what has none", statistics_of_any_column(kind),
             UNREAD if kind == "ledger" else "FILE_UNREADABLE") for kind in KINDS),
    *(attack(f"{kind}: a bloom filter", a_bloom_filter(kind, name),
             UNREAD if kind == "ledger" else "FILE_UNREADABLE")
      for kind, name in (("ledger", "log"), ("wide", "instance"), ("values", "statistic"))),
    *(attack(f"{kind}: it says it has a row more", the_file(kind, more_rows_than_there_are),
             UNREAD if kind == "ledger" else "FILE_UNREADABLE") for kind in KINDS),
)
ON_FILES = (
    *(attack(f"{kind} {story}", the_file(kind, change), "FILE_UNREADABLE",
             fast="FILE_UNREADABLE" if change is dangling else "")
      for kind in ("wide", "values") for story, change in FILES.items()),
    *(attack(f"ledger {story}", the_file("ledger", change), finds, fast=finds)
      for (story, change), finds in zip(FILES.items(), (UNREAD, MISSING) * 2, strict=True)),
    attack("wide is that of the other log", of_the_other_log("wide"), "ROW_MISMATCH", FIRST_ROW),
    attack("values is that of the other log", of_the_other_log("values"), "ROW_MISMATCH",
           FIRST_VALUE),
    attack("ledger is that of the other log", of_the_other_log("ledger"),
           f"PAYLOAD_FIELD_MISMATCH ROW_MISMATCH {OF_OTHERS}", Place(OTHER, 0),
           fast=f"PAYLOAD_FIELD_MISMATCH {OF_OTHERS}"),
    attack("wide is a file of values", of_another_kind("wide", "values"), "FILE_UNREADABLE"),
    attack("values is a file of wide", of_another_kind("values", "wide"), "FILE_UNREADABLE"),
    attack("ledger is a file of wide", of_another_kind("ledger", "wide"), UNREAD, fast=UNREAD),
    attack("a part says it has more", renamed(end=21), "INDEX_GAP", LAST_RECORD, fast="INDEX_GAP"),
    attack("a part says it has less", renamed(end=19), "INDEX_DUPLICATE", LAST_RECORD,
           fast="INDEX_DUPLICATE"),
    attack("a part says it begins later", renamed(first=1),
           "PAYLOAD_FIELD_MISMATCH INDEX_DUPLICATE", Place(ORIGIN, 0),
           fast="PAYLOAD_FIELD_MISMATCH INDEX_GAP INDEX_DUPLICATE CHECKPOINT_MALFORMED FORK"),
    attack("a part is of another place", renamed(first=20, end=40), "PAYLOAD_FIELD_MISMATCH",
           Place(ORIGIN, 0), fast="PAYLOAD_FIELD_MISMATCH INDEX_GAP INDEX_DUPLICATE "
           "CHECKPOINT_MALFORMED CHECKPOINT_SIG_INVALID"),
    attack("a part is of another log", renamed(log_key="0" * 16),
           "PAYLOAD_FIELD_MISMATCH CHECKPOINT_MALFORMED LOG_MISSING", Place(ORIGIN, 0),
           fast="PAYLOAD_FIELD_MISMATCH CHECKPOINT_MALFORMED LOG_MISSING"),
    attack("a wider part hides the true one", a_wider_part_of_nothing, f"{UNREAD} ROW_MISMATCH",
           fast=UNREAD),
    attack("a wider part has the same records", a_part_beside(end=99), "INDEX_GAP", LAST_RECORD,
           fast="INDEX_GAP"),
    attack("a part comes once more, behind itself", a_part_beside(first=20, end=40),
           "INDEX_DUPLICATE PAYLOAD_FIELD_MISMATCH TIME_BACKWARDS CHECKPOINT_MALFORMED "
           "SEQ_DUPLICATE PREV_MISMATCH HEADS_MISMATCH ROTATION_UNPROVEN ROOT_MISMATCH",
           Place(ORIGIN, 0), fast="INDEX_DUPLICATE PAYLOAD_FIELD_MISMATCH TIME_BACKWARDS "
           "CHECKPOINT_MALFORMED ROTATION_UNPROVEN"),
    attack("a part is gone", only_of_the_kinds(*KINDS), "LOG_MISSING", WHOLE, fast="LOG_MISSING"),
    attack("a part has no ledger", only_of_the_kinds("ledger"), "LOG_MISSING", WHOLE,
           fast="LOG_MISSING"),
    *(attack(f"a part has no {kind}", only_of_the_kinds(kind), MISSING, fast=MISSING)
      for kind in ("wide", "values")),
    attack("the catalogue leaves out a part", a_catalogue_of(without_our_part), "CATALOG_MISMATCH"),
    attack("the catalogue names files that are no part",
           a_catalogue_of(with_files_that_are_no_part), "CATALOG_MISMATCH"),
    attack("the catalogue names an epoch without commits",
           a_catalogue_of(with_an_epoch_of_files_that_are_no_commits), "FILE_UNKNOWN",
           fast="FILE_UNKNOWN"),
    attack("the catalogue names a part twice", a_catalogue_of(with_the_part_twice),
           "CATALOG_MISMATCH"),
    attack("a commit is brought back beside its part", a_commit_brought_back_beside_its_part,
           "CATALOG_MISMATCH"),
)
# fmt: on
ATTACKS = (*ON_ROWS, *ON_COLUMNS, *ON_SHORTCUTS, *ON_FILES)
