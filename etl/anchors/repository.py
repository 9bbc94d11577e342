"""Checkpoints in a git repository: committed on top of its branch, and pushed.

`<log>/checkpoint` is the newest note and `<log>/checkpoints.log` has all of them, as the
warehouse's own file of that name. Commits are made of objects alone: no working tree, no
index and no branch of a clone is touched. Where the settings give an address, a bare
repository in the state folder stands between.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from etl.anchors.handover import Handover, NotKept
from etl.anchors.memory import MEMORY_FOLDER
from etl.anchors.tables import GitTable, without_login

_TRIES: Final = 5
_REJECTED: Final = ("[rejected]", "cannot lock ref", "failed to update ref")
# Set where a hook of another repository runs us: they would lead astray.
_OTHERS: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
    *("GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH"),
)
_AUTHOR: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Tallybook"), ("EMAIL", "tallybook@localhost"))
}


class GitFailed(Exception):
    """A git command ended with an error: everything that it said."""


@dataclass(frozen=True)
class Git:
    """git, in one repository, as long as there is time."""

    folder: Path
    handover: Handover
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, stdin: bytes = b"") -> bytes:
        """Run one command; return what it prints. Raises GitFailed and NotKept."""
        program = shutil.which("git")
        if program is None:
            raise NotKept("there is no command git")
        with subprocess.Popen(  # noqa: S603  # no shell, and no word begins with a dash
            [program, "-C", str(self.folder), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**_environment(self.folder), **self.environment},
            # A session of its own: nobody can be asked for a password, and all ends at once.
            start_new_session=True,
        ) as git:
            try:
                out, err = git.communicate(stdin, timeout=self.handover.time_left())
            except (subprocess.TimeoutExpired, NotKept):
                raise NotKept(self.handover.too_late) from None
            finally:
                if git.poll() is None:
                    with suppress(ProcessLookupError):
                        os.killpg(git.pid, signal.SIGKILL)
        if git.returncode:
            raise GitFailed(err.decode(errors="replace"))
        return out

    def text(self, *words: str, stdin: bytes = b"") -> str:
        """Run one command whose answer is one line or a few."""
        return self(*words, stdin=stdin).decode(errors="replace").strip()


def push_note(table: GitTable, handover: Handover) -> None:
    """See to it that the repository has the note. Raises NotKept."""
    try:
        git, remote = _begin(table, handover)
        for _ in range(_TRIES):
            tip = _fetch(git, remote, table.branch)
            commit = _commit(git, tip, handover)
            if commit is None or _push(git, remote, commit, table.branch):
                return
    except GitFailed as error:
        raise NotKept(_essence(str(error))) from None
    except OSError as error:
        raise NotKept(f"git: {(error.strerror or str(error)).lower()}") from None
    raise NotKept(f"others pushed to {table.branch!r} at the same time, {_TRIES} times in a row")


def _begin(table: GitTable, handover: Handover) -> tuple[Git, str]:
    if not table.is_address:
        git = Git(Path(table.repository), handover)
        with suppress(GitFailed):
            git("remote", "get-url", table.remote)
            return git, table.remote
    folder = handover.state / MEMORY_FOLDER / f"{handover.name}.git"
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder, handover)
    git("init", "--bare", "--quiet")
    return git, table.repository


def _fetch(git: Git, remote: str, branch: str) -> str | None:
    """The commit that the branch is at; None where there is no such branch yet."""
    ref, ours = f"refs/heads/{branch}", f"refs/tallybook/{git.handover.name}"
    listed = git.text("ls-remote", "--heads", remote, ref).splitlines()
    if not any(line.endswith(f"\t{ref}") for line in listed):
        return None
    git("fetch", "--quiet", "--no-tags", remote, f"+{ref}:{ours}")
    return git.text("rev-parse", ours)


def _commit(git: Git, tip: str | None, handover: Handover) -> str | None:
    """Make a commit with the note on top of `tip`; None where it has the note already."""
    folder, note = handover.log_key, handover.note.encode()
    newest, all_of_them = f"{folder}/checkpoint", f"{folder}/checkpoints.log"
    before = _file(git, tip, newest), _file(git, tip, all_of_them)
    if before[0] == note and before[1].endswith(note + b"\n"):
        return None
    contents = {newest: note, all_of_them: before[1] + note + b"\n"}
    with TemporaryDirectory() as index:
        apart = Git(git.folder, handover, {"GIT_INDEX_FILE": f"{index}/index"})
        apart("read-tree", *([tip] if tip else ["--empty"]))
        for path, content in contents.items():
            blob = apart.text("hash-object", "-w", "--stdin", stdin=content)
            apart("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = apart.text("write-tree")
    parent = ["-p", tip] if tip else []
    said = f"{handover.checkpoint.origin}: {handover.checkpoint.size} records"
    return git.text("commit-tree", tree, *parent, "-m", said)


def _file(git: Git, tip: str | None, path: str) -> bytes:
    if tip and git("ls-tree", tip, "--", path):
        return git("cat-file", "blob", f"{tip}:{path}")
    return b""


def _push(git: Git, remote: str, commit: str, branch: str) -> bool:
    """Move the branch to the commit; False where somebody else was quicker."""
    try:
        git("push", "--quiet", remote, f"{commit}:refs/heads/{branch}")
    except GitFailed as error:
        if any(sign in str(error) for sign in _REJECTED):
            return False
        raise
    return True


def _environment(folder: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    return {
        **_AUTHOR,
        **ours,
        # A plain folder inside a repository is not that repository.
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _essence(said: str) -> str:
    """The line of git's words that says why, without anybody's login."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for sign in ("! ", "fatal: ", "error: "):
        for line in lines:
            if line.startswith(sign):
                return f"git: {without_login(line.removeprefix(sign))}"
    return f"git: {without_login(lines[-1]) if lines else 'failed without a word'}"
