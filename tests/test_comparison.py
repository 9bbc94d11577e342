"""Two snapshots side by side: what differs, and what keeps them from being compared."""

import io

import pytest
from rich.console import Console

from tests.builders import SOME_STATS, a_snapshot
from warehouse.analysis import diff_report
from warehouse.analysis.comparison import Comparison, Difference, Side, compare
from warehouse.analysis.snapshots import Compared
from warehouse.payload import Instance, Release

ORDER = {"users": 0, "roles": 1, "apiTokens.admin": 2}


def only(before: object, after: object, **more: object) -> Difference:
    found = compare(
        a_snapshot(stats={"users": before} if before is not None else {}),
        a_snapshot(stats={"users": after} if after is not None else {}, **more),
        {},
        ORDER,
    )
    return found.differences[0]


def printed(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, *, everything: bool = False
) -> list[str]:
    out = Console(file=io.StringIO(), width=200, markup=False, emoji=False, highlight=False)
    monkeypatch.setattr(diff_report, "console", lambda **_: out)
    diff_report.print_diff(Compared([comparison], {"users": "people"}, []), everything=everything)
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def test_numbers_change_and_grow() -> None:
    found = only(100, 125)

    assert (found.differs, found.change, found.growth) == (True, 25, 25.0)


def test_decimals_are_compared_as_numbers() -> None:
    found = only("48.5", "48")

    assert found.change == -0.5


def test_a_switch_has_no_size() -> None:
    found = only(False, True)

    assert (found.differs, found.change, found.growth) == (True, None, None)


def test_the_same_value_does_not_differ() -> None:
    assert not only(100, 100).differs


def test_a_statistic_that_only_one_side_knows_differs() -> None:
    found = only(100, None)

    assert found == Difference("users", Side(100, None), Side(None, None), redefined=False)
    assert (found.differs, found.change) == (True, None)


def test_what_is_unavailable_comes_with_its_reason() -> None:
    found = only(100, None, unavailable={"users": "the role may not read users"})

    assert found.after == Side(None, "the role may not read users")


def test_labels_are_unavailable_with_their_family() -> None:
    found = compare(
        a_snapshot(stats={"apiTokens.admin": 2}),
        a_snapshot(stats={}, unavailable={"apiTokens": "no grant"}),
        {},
        ORDER,
    )

    assert found.differences == (
        Difference("apiTokens.admin", Side(2, None), Side(None, "no grant"), redefined=False),
    )


def test_another_definition_differs_even_where_the_value_does_not() -> None:
    hashes = {("old", "users"): "a", ("new", "users"): "b", ("old", "apiTokens"): "c"}
    stats = {"users": 1, "apiTokens.admin": 2}

    found = compare(
        a_snapshot(stats=stats, definitions="old"),
        a_snapshot(stats=stats, definitions="new"),
        {**hashes, ("new", "apiTokens"): "c"},
        ORDER,
    )

    assert [(d.statistic, d.redefined) for d in found.differences] == [
        ("users", True),
        ("apiTokens.admin", False),
    ]


def test_statistics_come_in_the_order_of_the_dictionary() -> None:
    stats = {"apiTokens.admin": 2, "zzz": 1, "roles": 3, "users": 4}

    found = compare(a_snapshot(stats=stats), a_snapshot(stats=stats), {}, ORDER)

    assert [d.statistic for d in found.differences] == ["users", "roles", "apiTokens.admin", "zzz"]


def test_only_what_differs_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    later = {**SOME_STATS, "users": 132, "SAMLenabled": False, "averageFlags": "50"}
    after = a_snapshot(
        index=7,
        taken_at="2027-02-01T02:00:00.000Z",
        stats=later,
        unleash=Release(oss="8.3.0", enterprise="", evidence="server"),
    )
    comparison = compare(a_snapshot(), after, {}, {"users": 0, "averageFlags": 1})

    lines = printed(comparison, monkeypatch)

    assert lines == [
        "prod  2026-11-23 02:00 UTC, Unleash 8.2.0, record 1"
        "  →  2027-02-01 02:00 UTC, Unleash 8.3.0, record 7",
        "Unleash 8.2.0 → 8.3.0",
        "statistic     2026-11-23  2027-02-01   change   growth  remarks",
        "users                120         132      +12  +10.0 %  people",
        "averageFlags        48.5          50     +1.5   +3.1 %",
        "SAMLenabled           on         off  changed",
        "8 of 11 do not differ",
    ]
    assert len(printed(comparison, monkeypatch, everything=True)) == 3 + 11


def test_the_same_snapshot_twice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(compare(a_snapshot(), a_snapshot(), {}, {}), monkeypatch)

    assert lines[1:] == [
        "Both times have the same snapshot: none was taken in between.",
        "11 of 11 do not differ",
    ]


def test_a_rebuilt_database_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt = a_snapshot(index=2, instance=Instance("other", "prod"))

    lines = printed(compare(a_snapshot(), rebuilt, {}, {}), monkeypatch)

    assert "another database: instance 4c1b6b6e-0000-4000-8000-000000000001 → other" in lines


def test_two_sources_stand_under_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    staging = a_snapshot(
        index=2, instance=Instance("other", "staging"), stats={"users": 7}, unavailable={}
    )
    comparison = compare(a_snapshot(stats={"users": 120, "roles": 2}), staging, {}, ORDER)

    lines = printed(comparison, monkeypatch)

    assert lines[0].startswith("prod  2026-11-23 02:00 UTC, Unleash 8.2.0, record 1  →  staging  ")
    assert lines[1:] == [
        "statistic  prod  staging  change   growth  remarks",
        "users       120        7    −113  −94.2 %  people",
        "roles         2        –                   not known after",
        "0 of 2 do not differ",
    ]
