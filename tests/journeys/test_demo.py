"""The demo as a stranger sees it: `tallybook demo` in an empty folder, and what it leaves there."""

import re
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import Ran, tallybook

pytestmark = pytest.mark.slow

STORY = [
    "tallybook grants --for 8.2 | psql unleash",
    "tallybook init demo --source acme=postgresql://tallybook:…@{server}/unleash"
    " --origin acme.example/demo",
    "tallybook doctor",
    *["tallybook snapshot"] * 7,
    "tallybook show",
    "tallybook trend activeUsers.last7 activeUsers.last30",
    "tallybook trend productionChanges.last30",
    'tallybook sql "SELECT taken_at, users, activeUsers_last30, featureToggles, '
    'productionChanges_last30 FROM snapshots ORDER BY taken_at"',
    "tallybook verify",
]


@dataclass(frozen=True)
class Told:
    """The demo as it was told, and the folder it was told in."""

    folder: Path
    ran: Ran

    @property
    def server(self) -> tuple[str, int]:
        """Where its server said it was."""
        (found,) = re.findall(r"^PostgreSQL on ([\d.]+):(\d+),", self.ran.out, re.MULTILINE)
        return found[0], int(found[1])


def tell(folder: Path) -> Told:
    return Told(folder, tallybook("demo", cwd=folder, seconds=240))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The demo, told twice in one folder: the second time it makes room for itself."""
    folder = tmp_path_factory.mktemp("stage")
    first = tell(folder)
    assert first.ran.code == 0, first.ran.err
    return tell(folder)


@pytest.mark.xdist_group("demo")
def test_the_demo_types_what_a_user_would(told: Told) -> None:
    typed = re.findall(r"^\$ (.*)$", told.ran.out, re.MULTILINE)

    host, port = told.server
    assert told.ran.code == 0, told.ran.err
    assert typed == [command.format(server=f"{host}:{port}") for command in STORY]


@pytest.mark.xdist_group("demo")
def test_the_demo_leaves_no_server_behind(told: Told) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(told.server, timeout=5)


@pytest.mark.xdist_group("demo")
def test_the_demo_leaves_a_history_that_verifies(told: Told) -> None:
    verdict = tallybook("verify", cwd=told.folder / "demo")

    assert verdict == Ran(
        0,
        "The history is intact.\n"
        "8 records of 1 log(s), 1 instance(s): 8 of 8 signatures are good.\n"
        "8 of 8 checkpoints are signed, and the tree has the root of each.\n"
        "Its end agrees with the signer's memory; no anchor was looked at.\n",
        "",
    )


@pytest.mark.xdist_group("demo")
def test_what_the_demo_says_to_try_works(told: Told) -> None:
    ending = told.ran.out.partition("── Done")[2]
    tries = re.findall(r"^(?:Try:)?  .*?tallybook (.*)$", ending, re.MULTILINE)

    codes = [tallybook(*shlex.split(line), cwd=told.folder / "demo").code for line in tries]

    assert tries == ["show --json", 'sql "SELECT * FROM statistics"']
    assert codes == [0, 0]


def test_the_demo_leaves_a_strangers_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "diary.txt").write_text("mine")

    ran = tallybook("demo", cwd=tmp_path)

    assert ran == Ran(
        2,
        "",
        "error: 'demo' exists and was not made by this demo\n"
        "hint: Name another folder: tallybook demo --to DIR\n",
    )
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["diary.txt"]
