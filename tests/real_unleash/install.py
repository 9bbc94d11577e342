"""Unleash servers and Nodes from npm, each installed once into a folder of its own.

A folder in the cache is either absent or complete: npm works in a draft beside it, which is
renamed when npm is done. Test workers that want the same package take turns. Nothing is ever
updated in place; removing the cache folder installs everything again.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_unleash.releases import Release

ROOT = Path(__file__).resolve().parents[2]
QUIETLY = ("--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
INSTALL_DEADLINE_SECONDS = 600


class NotInstallable(Exception):
    """A real Unleash server cannot be had on this machine; the message says what is missing."""


def cache_folder() -> Path:
    """Where installed packages stay between test runs: `.cache/unleash` of the repository."""
    return Path(os.environ.get("TALLYBOOK_TEST_CACHE") or ROOT / ".cache" / "unleash")


def server_script(release: Release) -> Path:
    """Return the start script of `release`, installing the release first where needed."""
    # Its scripts only prepare the development of Unleash itself.
    modules = _installed(f"unleash-server@{release.version}", "--ignore-scripts", "--omit=dev")
    return modules / "unleash-server" / "dist" / "server.js"


def node_for(release: Release) -> Path:
    """Return a Node that `release` runs on: the machine's own, or one from npm."""
    own = shutil.which("node")
    if own is None:
        raise NotInstallable("real Unleash servers need Node, and there is no 'node' on the PATH")
    if _major(Path(own)) in release.node_majors:
        return Path(own)
    return _installed(f"node@{release.node_to_install}") / "node" / "bin" / "node"


def _major(node: Path) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return int(version.stdout.strip().removeprefix("v").split(".")[0])


def _installed(package: str, *options: str) -> Path:
    """Return the `node_modules` folder of `package`."""
    home = cache_folder() / package
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with _turn(home.with_name(f"{package}.lock")):
            # Another worker may have installed it while this one waited.
            if not home.exists():
                _install(package, options, home)
    return home / "node_modules"


def _install(package: str, options: tuple[str, ...], home: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="draft-", dir=home.parent) as scratch:
        draft = Path(scratch) / "package"
        draft.mkdir()
        # Without a package.json of its own npm would install into a folder further up.
        (draft / "package.json").write_text('{"private": true}\n')
        _npm("install", *options, *QUIETLY, package, folder=draft)
        draft.rename(home)


def _npm(*arguments: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallable("real Unleash servers need npm, and there is no 'npm' on the PATH")
    try:
        subprocess.run(
            [npm, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_DEADLINE_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = f"exit code {error.returncode}: {error.stderr}"
        raise NotInstallable(f"npm install {arguments[-1]}: {said}") from error
    except subprocess.TimeoutExpired as error:
        late = f"not done within {error.timeout:g} s"
        raise NotInstallable(f"npm install {arguments[-1]}: {late}") from error


@contextmanager
def _turn(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
