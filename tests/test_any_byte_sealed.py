"""Any byte of any sealed file: changing it is detected, or no answer changes.

As tests/test_any_byte.py does it for commits, on a warehouse whose commits are gone.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack_world import World, copy_of
from tests.sealed import Answers, answers, answers_as_it_stands, commit_files, sealed_now
from tests.test_any_byte import MASKS, flipped
from warehouse.sealed.parts import KINDS

pytestmark = pytest.mark.slow

FLIPS = {"ledger": 50, "wide": 50, "values": 50, "catalog": 15}


@pytest.fixture(scope="module")
def sealed(pristine_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = copy_of(pristine_world, tmp_path_factory.mktemp("sealed") / "world")
    sealed_now(made.root)
    assert commit_files(made.root) == []
    return made


@pytest.fixture(scope="module")
def answered(sealed: World) -> tuple[Answers, Answers]:
    return answers(sealed.root), answers_as_it_stands(sealed.root)


@pytest.fixture
def kept(sealed: World) -> Iterator[World]:
    """The warehouse, put back as it was after the test."""
    before = sealed.root.with_name("kept")
    shutil.copytree(sealed.root, before)
    yield sealed
    shutil.rmtree(sealed.root)
    before.rename(sealed.root)


def outcome(
    world: World, answered: tuple[Answers, Answers], file: Path, case: tuple[int, int]
) -> str:
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(flipped(before, *case))
    try:
        if world.verify().status != "intact":
            return "detected"
        same = (answers(world.root), answers_as_it_stands(world.root)) == answered
        return "harmless" if same else "MISSED"
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(before)


def file_of(world: World, kind: str) -> Path:
    *_, part = world.layout.standing().parts
    return world.layout.part(part, kind) if kind in KINDS else world.layout.catalog


@pytest.mark.parametrize("kind", FLIPS)
def test_a_changed_byte_is_detected_or_changes_no_answer(
    kept: World, answered: tuple[Answers, Answers], kind: str
) -> None:
    file = file_of(kept, kind)
    size = file.stat().st_size
    chosen = random.Random(kind)  # noqa: S311  # no secret
    cases = [(chosen.randrange(size), chosen.choice(MASKS)) for _ in range(FLIPS[kind])]

    found = {case: outcome(kept, answered, file, case) for case in cases}

    assert {case for case, one in found.items() if one == "MISSED"} == set()
    assert "detected" in found.values()


@pytest.mark.parametrize("kind", ["ledger", "wide", "values"])
def test_a_changed_byte_of_the_footer_is_detected_or_changes_no_answer(
    kept: World, answered: tuple[Answers, Answers], kind: str
) -> None:
    """No checksum covers it, and readers differ in what they believe of it."""
    file = file_of(kept, kind)
    size = file.stat().st_size
    footer = int.from_bytes(file.read_bytes()[-8:-4], "little") + 8
    chosen = random.Random(f"the footer of {kind}")  # noqa: S311  # no secret
    cases = [(size - 1 - chosen.randrange(footer), chosen.choice(MASKS)) for _ in range(60)]

    found = {case: outcome(kept, answered, file, case) for case in cases}

    assert {case for case, one in found.items() if one == "MISSED"} == set()
    assert "detected" in found.values()
