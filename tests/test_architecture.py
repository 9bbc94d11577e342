"""The plan of the house, kept by a machine: who imports whom, what stays pure, what grows too long.

Everything here reads the source as syntax trees; only the start-up test runs it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FRONT_DOOR = Path("schedules/cli.py")
MAY_IMPORT = {
    "warehouse": {"warehouse"},
    "etl": {"etl", "warehouse"},
    "schedules": {"schedules", "etl", "warehouse"},
}
# A module, or a folder of modules, whichever it has become.
PURE = (
    "etl/alert_tables",
    "etl/catalogue",
    "etl/journal_lines",
    "etl/memory",
    "etl/snapshot",
    "etl/timetable",
    "etl/statistic",
    "etl/version",
    *(
        f"warehouse/analysis/{name}"
        for name in ("comparison", "forecast", "gaps", "names", "periods", "seats", "series")
    ),
    *(f"warehouse/analysis/{name}" for name in ("strands", "words")),
    "schedules/alerts/facts",
    "schedules/alerts/incidents",
    "schedules/daemon/failures",
    "schedules/slots",
    "warehouse/errors",
    "warehouse/checks/findings",
    "warehouse/checks/keyring",
    "warehouse/checks/times",
    "warehouse/merkle",
    "warehouse/merkle_proofs",
    "warehouse/note",
    "warehouse/payload",
    "warehouse/relations",
    "warehouse/sealed/names",
    "warehouse/sealed/parts",
    "warehouse/sealed/plan",
    "warehouse/proofs/proof",
    "warehouse/record",
    "warehouse/schedule",
)
OUTSIDE_WORLD = {
    *("apscheduler", "duckdb", "psycopg", "pyarrow", "sqlalchemy"),
    *("os", "pathlib", "random", "socket", "subprocess", "time"),
}
HEAVY = {
    *(
        "apscheduler",
        "cryptography",
        "duckdb",
        "matplotlib",
        "plotext",
        "psycopg",
        "pyarrow",
        "rich",
        "sqlalchemy",
    ),
}
PRIVATE_KEYS = re.compile(
    r"PrivateKey$|^(load|generate)_.*private_key$|^generate_private|^private_bytes"
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path.relative_to(ROOT) for name in folders for path in (ROOT / name).rglob("*.py")
    )


PRODUCT = python_files(*MAY_IMPORT)
EVERYTHING = python_files(*MAY_IMPORT, "tests", "tools")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in PRODUCT}


def imported(node: ast.AST) -> Iterator[str]:
    """Yield every name that an import may mean: `a` and also `a.b` for `from a import b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def all_imports(root: ast.AST) -> set[str]:
    return {name for node in ast.walk(root) for name in imported(node)}


def rooms(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def imports_in_functions(path: Path) -> set[str]:
    return {name for function in functions(path) for name in all_imports(function)}


def imports_at_the_top(path: Path) -> set[str]:
    late = {id(node) for function in functions(path) for node in ast.walk(function)}
    early = (node for node in ast.walk(tree(path)) if id(node) not in late)
    return {name for node in early for name in imported(node)}


def needed_modules(path: Path) -> set[str]:
    """Name the product modules that `path` imports, the most exact name of each."""
    needed = all_imports(tree(path)) & MODULES.keys()
    return {name for name in needed if not any(other.startswith(f"{name}.") for other in needed)}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room: str) -> None:
    files = [path for path in python_files(room) if path != FRONT_DOOR]

    strangers = {
        str(path): up
        for path in files
        if (up := (rooms(all_imports(tree(path))) & MAY_IMPORT.keys()) - MAY_IMPORT[room])
    }

    assert strangers == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: needed_modules(path) - {name} for name, path in MODULES.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("stranger", ["apscheduler", "psycopg", "sqlalchemy"])
def test_the_warehouse_knows_no_source_and_no_clock(stranger: str) -> None:
    acquainted = [
        str(path)
        for path in python_files("warehouse")
        if stranger in rooms(all_imports(tree(path)))
    ]

    assert acquainted == []


def test_the_warehouse_knows_no_private_key() -> None:
    found = [
        f"{path}:{node.lineno} {name}"
        for path in python_files("warehouse")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name | ast.Attribute | ast.ImportFrom)
        for name in spoken_names(node)
        if PRIVATE_KEYS.search(name)
    ]

    assert found == []


def spoken_names(node: ast.Name | ast.Attribute | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    return [alias.name for alias in node.names]


@pytest.mark.parametrize("name", PURE)
def test_what_decides_does_no_io(name: str) -> None:
    files = [path for path in PRODUCT if path.with_suffix("").as_posix() == name]
    files += python_files(name)

    touched = {str(path): rooms(all_imports(tree(path))) & OUTSIDE_WORLD for path in files}

    assert files
    assert {path: outside for path, outside in touched.items() if outside} == {}


def test_imports_are_absolute() -> None:
    relative = [
        f"{path}:{node.lineno}"
        for path in PRODUCT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative == []


def test_only_commands_import_late() -> None:
    late = {str(path): names for path in PRODUCT if (names := imports_in_functions(path))}

    assert [path for path in late if not path.endswith("/cli.py")] == []


def test_commands_import_what_is_heavy_late() -> None:
    early = {
        str(path): heavy
        for path in PRODUCT
        if path.name == "cli.py" and (heavy := rooms(imports_at_the_top(path)) & HEAVY)
    }

    assert early == {}


def test_the_front_door_opens_without_anything_heavy() -> None:
    question = "import sys, schedules.cli; print(*sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert rooms(set(answer.stdout.split())) & HEAVY == set()


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path in EVERYTHING if not ast.get_docstring(tree(path))]

    assert silent == []


def test_no_file_is_too_long() -> None:
    lengths = {str(path): len((ROOT / path).read_bytes().splitlines()) for path in EVERYTHING}

    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{path}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in EVERYTHING
        for function in functions(path)
    }

    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}
