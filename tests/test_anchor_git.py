"""Anchors in git repositories: real ones, pushed to as everybody pushes."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.anchored import KEY, Anchored, an_anchored, failures, table
from tests.builders import ORIGIN
from warehouse.anchors import read_anchors

SECRET = "s3cr3t-and-long"  # looked for in messages
AS_SOMEBODY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


@pytest.fixture
def world(tmp_path: Path) -> Anchored:
    return an_anchored(tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository."""
    folder = tmp_path / "elsewhere.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git; return what it prints. Fails with its own words."""
    done = subprocess.run(
        ["git", "-C", folder, *AS_SOMEBODY, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(repository: Path, branch: str = "main") -> dict[str, str]:
    """Return what a branch holds."""
    paths = git(repository, "ls-tree", "-r", "--name-only", branch).splitlines()
    return {path: git(repository, "show", f"{branch}:{path}") for path in paths}


def subjects(repository: Path, branch: str = "main") -> list[str]:
    return git(repository, "log", "--format=%an %s", branch).splitlines()


def a_clone(bare: Path, folder: Path) -> Path:
    """A clone with one commit of its own, pushed."""
    git(bare.parent, "clone", "--quiet", str(bare), str(folder))
    (folder / "README").write_text("what others keep here\n")
    git(folder, "checkout", "--quiet", "-B", "main")
    git(folder, "add", "README")
    git(folder, "commit", "--quiet", "-m", "a beginning")
    git(folder, "push", "--quiet", "origin", "main")
    return folder


def test_the_first_note_makes_the_branch(world: Anchored, bare: Path) -> None:
    states = world.hand_over(table("a", "git", repository=bare))

    assert failures(states) == {"a": None}
    assert subjects(bare) == [f"Tallybook {ORIGIN}: 2 records"]
    assert files(bare) == {
        f"{KEY}/checkpoint": world.note,
        f"{KEY}/checkpoints.log": f"{world.note}\n",
    }


def test_every_further_note_is_added_to_what_is_there(
    world: Anchored, bare: Path, tmp_path: Path
) -> None:
    a_clone(bare, tmp_path / "clone")
    world.hand_over(table("a", "git", repository=bare))
    world.history.take()

    world.hand_over(table("a", "git", repository=bare))

    assert subjects(bare) == [
        f"Tallybook {ORIGIN}: 3 records",
        f"Tallybook {ORIGIN}: 2 records",
        "Somebody a beginning",
    ]
    assert files(bare) == {
        "README": "what others keep here\n",
        f"{KEY}/checkpoint": world.notes[2],
        f"{KEY}/checkpoints.log": f"{world.notes[1]}\n{world.notes[2]}\n",
    }


def test_an_auditor_reads_a_clone_as_it_is(world: Anchored, bare: Path, tmp_path: Path) -> None:
    world.hand_over(table("a", "git", repository=bare))
    world.history.take()
    world.hand_over(table("a", "git", repository=bare))

    git(tmp_path, "clone", "--quiet", str(bare), "audit")

    found = read_anchors(tmp_path / "audit")
    assert [anchor.problem for anchor in found] == [None, None, None]
    assert [str(anchor.checkpoint) for anchor in found] == [*world.notes[1:], world.notes[2]]


def test_a_note_that_arrived_although_nobody_heard_of_it_is_not_added_again(
    world: Anchored, bare: Path
) -> None:
    world.hand_over(table("a", "git", repository=bare))
    (world.history.log.state / "anchors.json").unlink()

    assert failures(world.hand_over(table("a", "git", repository=bare))) == {"a": None}
    assert subjects(bare) == [f"Tallybook {ORIGIN}: 2 records"]


def test_what_others_pushed_meanwhile_stays(world: Anchored, bare: Path, tmp_path: Path) -> None:
    clone = a_clone(bare, tmp_path / "clone")
    world.hand_over(table("a", "git", repository=bare))
    git(clone, "pull", "--quiet")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "another thing")
    git(clone, "push", "--quiet", "origin", "main")
    world.history.take()

    assert failures(world.hand_over(table("a", "git", repository=bare))) == {"a": None}
    assert subjects(bare)[:2] == [f"Tallybook {ORIGIN}: 3 records", "Somebody another thing"]


def test_who_pushes_at_the_same_moment_is_only_a_delay(
    world: Anchored, bare: Path, tmp_path: Path
) -> None:
    clone = a_clone(bare, tmp_path / "clone")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "quicker")
    # The first push to arrive lets the other one in before it.
    hook = bare / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\nrm {hook}\nunset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH\n"
        f"git -C {clone} push --quiet origin main\n"
    )
    hook.chmod(0o755)

    assert failures(world.hand_over(table("a", "git", repository=bare))) == {"a": None}
    assert subjects(bare) == [
        f"Tallybook {ORIGIN}: 2 records",
        "Somebody quicker",
        "Somebody a beginning",
    ]


def test_a_clone_is_pushed_from_and_otherwise_left_alone(
    world: Anchored, bare: Path, tmp_path: Path
) -> None:
    clone = a_clone(bare, tmp_path / "clone")
    (clone / "README").write_text("changed and not committed\n")
    before = git(clone, "rev-parse", "main"), git(clone, "status", "--short")

    states = world.hand_over(table("a", "git", repository="clone", branch="heads"))

    assert failures(states) == {"a": None}
    assert subjects(bare, "heads") == [f"Tallybook {ORIGIN}: 2 records"]
    assert (git(clone, "rev-parse", "main"), git(clone, "status", "--short")) == before
    assert not (world.history.log.state / "anchors").exists()


def test_a_clone_may_have_another_remote(world: Anchored, bare: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "clone")
    git(tmp_path / "clone", "remote", "add", "audit", str(bare))

    states = world.hand_over(table("a", "git", repository="clone", remote="audit"))

    assert failures(states) == {"a": None}
    assert subjects(bare) == [f"Tallybook {ORIGIN}: 2 records"]


def test_a_folder_in_a_clone_is_not_that_clone(world: Anchored, bare: Path, tmp_path: Path) -> None:
    clone = a_clone(bare, tmp_path / "clone")
    (clone / "folder").mkdir()

    states = world.hand_over(table("a", "git", repository="clone/folder"))

    assert failures(states) == {
        "a": f"git: '{clone}/folder' does not appear to be a git repository"
    }
    assert subjects(bare) == ["Somebody a beginning"]


def test_a_server_that_refuses_is_quoted(world: Anchored, bare: Path) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho only on weekdays >&2\nexit 1\n")
    hook.chmod(0o755)

    (state,) = world.hand_over(table("a", "git", repository=bare))

    assert str(state.failure).startswith("git: [remote rejected] ")
    assert str(state.failure).endswith(" -> main (pre-receive hook declined)")


def test_a_repository_that_is_gone_is_named_and_found_again(
    world: Anchored, bare: Path, tmp_path: Path
) -> None:
    anchor = table("a", "git", repository=bare)
    bare.rename(tmp_path / "away")
    gone = failures(world.hand_over(anchor))
    (tmp_path / "away").rename(bare)

    back = failures(world.hand_over(anchor))

    assert gone == {"a": f"git: '{bare}' does not appear to be a git repository"}
    assert back == {"a": None}


def test_a_server_that_hangs_is_ended_with_everything_that_it_started(
    world: Anchored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = tmp_path / "line"
    os.mkfifo(line)
    hanging = tmp_path / "ssh"
    hanging.write_text(f"#!/bin/sh\nexec 3> {line}\necho here >&3\nsleep 60 & wait\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(hanging))

    with line_opened(line) as listener:
        began = time.monotonic()
        states = world.hand_over(table("a", "git", repository="git@example.com:a.git", timeout=1))
        seconds = time.monotonic() - began

        assert failures(states) == {"a": "no answer within 1 s"}
        assert seconds < 5
        assert os.read(listener, 100) == b"here\n"
        assert everybody_hung_up(listener)


@contextmanager
def line_opened(path: Path) -> Iterator[int]:
    listener = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield listener
    finally:
        os.close(listener)


def everybody_hung_up(listener: int) -> bool:
    for _ in range(100):
        try:
            return os.read(listener, 1) == b""
        except BlockingIOError:
            time.sleep(0.02)
    return False


def test_no_login_of_an_address_is_shown(world: Anchored) -> None:
    address = f"http://somebody:{SECRET}@127.0.0.1:1/a.git"

    (state,) = world.hand_over(table("a", "git", repository=address))

    assert state.where == "http://***@127.0.0.1:1/a.git"
    assert str(state.failure).startswith("git: unable to access 'http://")
    assert SECRET not in (world.history.log.state / "anchors.json").read_text()


def test_a_machine_without_git(world: Anchored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    states = world.hand_over(table("a", "git", repository="https://example.com/a.git"))

    assert failures(states) == {"a": "there is no command git"}


def test_a_hooks_own_repository_does_not_lead_astray(
    world: Anchored, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = a_clone(bare, tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))

    states = world.hand_over(table("a", "git", repository=bare, branch="heads"))

    monkeypatch.undo()
    assert failures(states) == {"a": None}
    assert subjects(bare, "heads") == [f"Tallybook {ORIGIN}: 2 records"]
    assert git(other, "status", "--short") == ""
