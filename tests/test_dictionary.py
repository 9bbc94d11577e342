"""The dictionary: one page, one JSON, both straight from the catalogue."""

from pathlib import Path

import msgspec

from etl.catalogue import UNLEASH
from etl.catalogue.listings import LISTINGS
from etl.dictionary import as_json, as_markdown
from warehouse.definitions import Definition

PAGE = Path(__file__).resolve().parent.parent / "docs" / "statistics.md"


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), (
        "run: tallybook statistics --markdown > docs/statistics.md"
    )


def test_the_page_has_every_statistic_and_every_list_once() -> None:
    lines = as_markdown().splitlines()

    for definition in UNLEASH.definitions():
        label = ".{label}" if definition.labelled else ""
        rows = [line for line in lines if line.startswith(f"| `{definition.name}{label}` | ")]
        assert len(rows) == 1
        assert definition.meaning in rows[0]
        assert f"`{definition.hash[:12]}`" in rows[0]
    for listing in LISTINGS:
        assert len([line for line in lines if line.startswith(f"| `{listing.name}` | ")]) == 1


def test_every_table_of_the_page_is_whole() -> None:
    for line in as_markdown().splitlines():
        if line.startswith("| `") and "endpoint" not in line:
            assert line.count(" | ") + line.count(" |  | ") >= 1
            assert line.endswith(" |")


def test_no_text_of_a_definition_breaks_a_table() -> None:
    broken = [
        definition.name
        for definition in UNLEASH.definitions()
        if any("|" in text or "\n" in text for text in (definition.meaning, definition.unit))
    ]

    assert broken == []


def test_the_json_is_every_definition_with_all_its_fields() -> None:
    found = msgspec.convert(as_json(), list[Definition])

    assert found == UNLEASH.definitions()
