"""The documents say what the product does: commands, settings, exit codes, fields, views, links.

What can be compared is compared; the sessions are run in journeys/test_readme.py.
"""

import importlib
import pkgutil
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import duckdb
import msgspec
import pytest

import etl
import schedules
import warehouse
from etl.alert_tables import AlertsTable, AlertTable
from etl.anchors.tables import ANCHOR_KINDS
from etl.daemon_table import DaemonTable
from etl.export_table import ExportTable
from etl.init import init, new_source
from etl.settings import SourceTable, Tables
from schedules.cli import tallybook
from warehouse import errors
from warehouse.checks.findings import EXIT_CODES, NAMES
from warehouse.errors import Failure
from warehouse.payload import Genesis, Heads, Key, Missed, Payload, Snapshot

ROOT = Path(__file__).resolve().parent.parent
FOLDERS_OF_OTHERS = {".venv", ".cache", ".git", "demo", "dist", ".pytest_cache"}
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not FOLDERS_OF_OTHERS & set(path.relative_to(ROOT).parts)
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^ {4}.*$|`[^`\n]+`", re.MULTILINE)
ROW = re.compile(r"^\| (?:`([^`]+)`|(\d+)) \| (.*) \|$", re.MULTILINE)
# A parse error of click, and a keyboard's Ctrl-C: codes of the front door itself.
INTERRUPTED = 130


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of its kind or a higher one.

    Fenced code is left out: its comments look like headings.
    """
    level = title.split(" ", maxsplit=1)[0]
    end = rf"\n#{{1,{len(level)}}} "
    return re.split(end, FENCED.sub("", text).split(f"\n{title}\n")[1])[0]


def rows(text: str) -> dict[str, str]:
    """Return the rows of all tables: the first cell, code or a number, and the rest."""
    return {code or number: rest for code, number, rest in ROW.findall(text)}


def commands(group: click.Group, before: str = "tallybook") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


COMMANDS = dict(commands(tallybook)) | {"tallybook": tallybook}


def described(command: str) -> str:
    """Return the row of the README's table of commands."""
    table = rows(section(page("README.md"), "### Every command"))
    found = [rest for name, rest in table.items() if re.sub(r" (\[?[A-Z]+.*)", "", name) == command]
    assert len(found) == 1, f"{command!r} has {len(found)} rows in the README"
    return found[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_every_option_of_every_command(command: str) -> None:
    options = {
        name
        for parameter in COMMANDS[command].params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }

    named = set(re.findall(r"(?<![\w-])--[a-z-]+", described(command)))

    assert named == options - {"--help", "-h"}


def test_the_readme_names_no_command_that_is_not_there() -> None:
    typed = re.findall(r"(?:^|[`$|]) *tallybook ([a-z]+)\b", page("README.md"), re.MULTILINE)

    assert set(typed) <= tallybook.commands.keys()


def test_the_settings_table_is_complete() -> None:
    kinds: list[tuple[type[msgspec.Struct], str]] = [(Tables, ""), (SourceTable, "source.NAME.")]
    kinds += [(kind, "anchor.NAME.") for kind in ANCHOR_KINDS.values()]
    kinds += [(DaemonTable, "daemon."), (AlertsTable, "alerts."), (AlertTable, "alert.NAME.")]
    kinds += [(ExportTable, "export.NAME.")]
    tables = ("source", "anchor", "daemon", "alerts", "alert", "export")
    fields = {
        prefix + field.name: shown_default(field.default)
        for kind, prefix in kinds
        for field in msgspec.structs.fields(kind)
        if prefix or field.name not in tables
    }

    table = rows(section(page("README.md"), "## Settings"))

    shown = {key: rest.split(" | ")[0] for key, rest in table.items()}
    assert shown.pop("anchor.NAME.kind") == "none"
    assert shown == fields


def shown_default(default: object) -> str:
    if default is msgspec.NODEFAULT or default is None:
        return "none"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default:g}`"


def failures(kind: type[Failure] = Failure) -> Iterator[type[Failure]]:
    yield kind
    for child in kind.__subclasses__():
        yield from failures(child)


@pytest.fixture(scope="module")
def tree() -> list[type[Failure]]:
    """Every deliberate failure of the product, each below its parent."""
    for room in (warehouse, etl, schedules):
        import_all(room)
    return [kind for kind in failures() if kind.__module__.split(".")[0] != "tests"]


def import_all(room: types.ModuleType) -> None:
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        # The watchdog is a program of its own, and ends the process that loads it.
        if not module.name.endswith(".watchdog"):
            importlib.import_module(module.name)


def test_the_readme_explains_every_exit_code(tree: list[type[Failure]]) -> None:
    codes = {kind.exit_code for kind in tree} | set(EXIT_CODES.values()) | {INTERRUPTED}

    table = rows(section(page("README.md"), "## Run it"))

    assert sorted(int(code) for code in table if code.isdigit()) == sorted(codes)


def test_the_page_of_findings_has_every_name_with_its_status() -> None:
    found = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \|", page("docs/findings.md"), re.MULTILINE)

    assert found == list(NAMES.items())


def test_the_tree_of_failures_is_drawn_as_it_grows(tree: list[type[Failure]]) -> None:
    picture = re.findall(r"^ {4}( *)([A-Z]\w+) .*?(\d+)$", errors.__doc__ or "", re.MULTILINE)
    drawn = {(name, len(indent) // 2, int(code)) for indent, name, code in picture}

    grown = {(kind.__name__, depth(kind), kind.exit_code) for kind in tree}

    assert drawn == grown


def depth(kind: type[Failure]) -> int:
    return kind.__mro__.index(Failure)


def test_the_house_plan_has_every_module() -> None:
    plan = page("docs/architecture.md")
    modules = [
        path.relative_to(ROOT)
        for room in ("warehouse", "etl", "schedules")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py"
    ]

    in_rooms = {room: section(plan, title) for room, title in rooms(plan).items()}
    missing = [str(path) for path in modules if f"`{path.name}`" not in in_rooms[path.parts[0]]]

    assert missing == []


def rooms(plan: str) -> dict[str, str]:
    found = re.findall(r"^(## (warehouse|etl|schedules): .*)$", plan, re.MULTILINE)
    return {room: title for title, room in found}


KINDS = (Genesis, Snapshot, Missed, Heads, Key)


def fields_of(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Yield the fields of a record; those of an object in it after a dot."""
    for field in msgspec.structs.fields(kind):
        inner = [t for t in (field.type, *get_args(field.type)) if is_object(t)]
        if inner:
            yield from fields_of(inner[0], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def is_object(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def outline(kind: type[msgspec.Struct]) -> set[str]:
    # What stands in each list of names is explained in the list's own row.
    return {re.sub(r"^(names\.\w+|heads|anchors)\..*", r"\1", field) for field in fields_of(kind)}


def test_the_record_page_has_every_field() -> None:
    text = page("docs/record.md")
    common = outline(Payload)

    tables = {
        title: set(rows(section(text, title)))
        for title in re.findall(r"^## .*$", text, re.MULTILINE)
    }

    assert tables["## Every record"] == common | {"type"}
    assert {kind: tables[f"## {kind.__name__}"] for kind in KINDS} == {
        kind: outline(kind) - common for kind in KINDS
    }


def test_the_warehouse_page_is_the_catalogue_of_a_new_history(tmp_path: Path) -> None:
    init(tmp_path, [new_source("prod=postgresql://db.example.com/unleash", {})], "example.com/log")
    path = tmp_path / "history" / "catalog.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        views = connection.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns()"
            " WHERE NOT internal AND table_name <> 'latest' AND (table_name <> 'snapshots'"
            " OR column_name NOT IN (SELECT column_name FROM statistics)) ORDER BY column_index"
        ).fetchall()

    text = section(page("docs/warehouse.md"), "## The views")

    assert dict(re.findall(r"^### (\w+)\n\n(.*)$", text, re.MULTILINE)) == dict(views)
    assert {
        (view, name, *rest.split(" | "))
        for view, _ in views
        for name, rest in rows(section(text, f"### {view}")).items()
    } == set(columns)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(CODE.sub("", FENCED.sub("", document.read_text(encoding="utf-8"))))

    dead = [link for link in links if not leads_somewhere(link, document)]

    assert dead == []


def leads_somewhere(link: str, document: Path) -> bool:
    if link.startswith(("https://", "http://", "mailto:")):
        return True
    place, _, heading = link.partition("#")
    target = (document.parent / place).resolve() if place else document
    if not target.exists():
        return False
    return not heading or heading in headings(target.read_text(encoding="utf-8"))


def headings(text: str) -> set[str]:
    """Return the names that headings get as targets of links."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_of_decisions_lists_every_page() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("0*.md")}
    titles = {name: text.splitlines()[0].split(". ", 1)[1] for name, text in pages.items()}

    listed = re.findall(
        r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", page("docs/decisions/README.md"), re.MULTILINE
    )

    assert [(name, title) for _, title, name in listed] == sorted(titles.items())
    assert [f"{int(number):04d}" for number, _, _ in listed] == [n[:4] for n in sorted(pages)]


def test_every_decision_says_why_and_how_to_undo_it() -> None:
    expected = ["Context", "Decision", "Why", "How to undo it"]

    found = {
        path.name: re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in (ROOT / "docs" / "decisions").glob("0*.md")
    }

    assert {name: titles for name, titles in found.items() if titles != expected} == {}


def test_the_picture_fetches_nothing() -> None:
    picture = page("docs/pictures/terminal.svg")

    assert len(picture) < 150_000
    assert re.findall(r"https?://[^\"\s)]+", picture) == ["http://www.w3.org/2000/svg"]
