"""What leaves this repository, and what it must not say.

The wheel holds the three packages, whole, and nothing else; it is built as a user of the
lock would build it, without network. Lock files name what to install, never where from.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("etl", "schedules", "warehouse")
LOCKS = ("requirements/bench.txt", "requirements/dev.txt")
REQUIREMENT = re.compile(r"^[a-z0-9][a-z0-9._-]*==\S+( ; .+)?$")
HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")

# One letter in brackets, so that this file does not speak of what it looks for.
REGISTRY_HOST = re.compile(
    r"pyp[i]\.(org|python\.org)|pythonhoste[d]\.|npmj[s]\.(org|com)|yarnpk[g]\.com"
    r"|(deb|archive|ports|security)\.(debia[n]|ubunt[u])\.(org|com)"
)
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(root|home|Users|work|farm)/\w|bash_job[s]")


def is_ignored(path: Path) -> bool:
    """Tell whether `.gitignore` names `path`: by its place if the line starts with a slash."""
    place = f"/{path.relative_to(ROOT).as_posix()}"
    lines = [".git", *(ROOT / ".gitignore").read_text().split()]
    patterns = (line.rstrip("/") for line in lines)
    return any(fnmatch(place if p.startswith("/") else path.name, p) for p in patterns)


def kept_files(folder: Path) -> Iterator[Path]:
    """Yield the files that the repository keeps, relative to its top."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not is_ignored(path):
            yield from kept_files(path)
        elif path.is_file() and not is_ignored(path):
            yield path.relative_to(ROOT)


KEPT = list(kept_files(ROOT))


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in KEPT
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def text_of(path: Path) -> str:
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*build, str(ROOT)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    top_level = {name.partition("/")[0] for name in wheel.namelist()}

    assert {name for name in top_level if not name.endswith(".dist-info")} == set(PACKAGES)
    assert len(top_level) == len(PACKAGES) + 1


def test_the_wheel_holds_the_packages_whole(wheel: zipfile.ZipFile) -> None:
    packed = {
        name for name in wheel.namelist() if name.startswith(tuple(f"{p}/" for p in PACKAGES))
    }

    assert packed == {path.as_posix() for path in KEPT if path.parts[0] in PACKAGES}


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(name).decode())

    assert {section: dict(entry_points[section]) for section in entry_points.sections()} == {
        "console_scripts": {"tallybook": "schedules.cli:main"}
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_made_of_pinned_and_hashed_requirements_only(lock: str) -> None:
    locked = requirements(lock)

    odd = [
        name
        for name, hashes in locked.items()
        if not (REQUIREMENT.match(name) and hashes and all(map(HASH.match, hashes)))
    ]

    assert locked
    assert odd == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_says_nothing_of_where_it_was_made(lock: str) -> None:
    places = re.findall(r"^.*(?:://|file:|@|\s~?/).*$", (ROOT / lock).read_text(), re.MULTILINE)

    assert places == []


def test_the_benchmarks_measure_what_the_tests_test() -> None:
    measured, tested = ({name.partition(" ;")[0] for name in requirements(lock)} for lock in LOCKS)

    assert tested - measured == set()


def test_the_lock_knows_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += [*project["project"]["optional-dependencies"]["demo"]]
    wanted += [*project["dependency-groups"]["dev"], *project["dependency-groups"]["bench"]]

    locked = {name.partition("==")[0] for name in requirements("requirements/bench.txt")}

    assert {re.split(r"[^\w.-]", name)[0] for name in wanted} - locked == set()


def requirements(lock: str) -> dict[str, list[str]]:
    """Read a lock: each requirement with its hashes."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        words = line.removesuffix("\\").strip()
        if words.startswith("--"):
            found[list(found)[-1]].append(words)
        elif words and not words.startswith("#"):
            found[words] = []
    return found


def test_the_pip_beside_the_set_up_is_the_one_that_is_described() -> None:
    (pip,) = (ROOT / "tools").glob("pip-*.whl")

    checksum = hashlib.sha256(pip.read_bytes()).hexdigest()

    assert f"{checksum}  {pip.name}" in (ROOT / "tools" / "README.md").read_text()


def test_no_registry_is_named() -> None:
    assert lines_matching(REGISTRY_HOST) == []


def test_no_path_of_a_machine_is_named() -> None:
    assert lines_matching(MACHINE_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (REGISTRY_HOST, "https://pyp" + "i.org/simple", True),
        (REGISTRY_HOST, "https://files.python" + "hosted.org/packages", True),
        (REGISTRY_HOST, '"resolved": "https://registry.npm' + 'js.org/x"', True),
        (REGISTRY_HOST, "https://www.example.org", False),
        (MACHINE_PATH, "cd /ro" + "ot/x", True),
        (MACHINE_PATH, "see (/wo" + "rk/main)", True),
        (MACHINE_PATH, "https://example.com/work/day", False),
    ],
)
def test_the_two_searches_find_what_they_look_for(
    pattern: re.Pattern[str], text: str, found: bool
) -> None:
    assert bool(pattern.search(text)) is found
