"""Build the virtual environment that the Makefile's words stand on.

    bootstrap.py VENV LOCK        for example: bootstrap.py .venv requirements/dev.txt

When VENV is ready nothing happens. It is ready when its stamp, written last, names
this place, this lock and this project file. An interrupted set-up leaves no stamp,
so the next run starts afresh; a changed lock is installed over what is there.

Neither pip nor ensurepip is needed: the pip wheel beside this file runs as it is.
Where packages come from is the user's own pip configuration; what may come is the
lock's business: wheels only, each with a hash. Two runs at once take turns.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP_WHEEL = next((ROOT / "tools").glob("pip-*.whl"))
PACKAGES = ("etl", "schedules", "warehouse")

# A PYTHONPATH or a `pip --user` default of the caller would reach into the environment.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in FOREIGN} | {"PIP_USER": "0"}


@dataclass(frozen=True)
class Stamp:
    """What an environment was built for; the last thing that a set-up writes."""

    place: str
    python: str
    digest: str

    def __str__(self) -> str:
        return f"{self.place}\n{self.python}\n{self.digest}\n"

    @classmethod
    def read(cls, path: Path) -> "Stamp | None":
        lines = path.read_text().splitlines() if path.is_file() else []
        return cls(*lines) if len(lines) == 3 else None


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the lock file that it is built from."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp_file(self) -> Path:
        return self.folder / ".ready"

    @cached_property
    def _digest(self) -> str:
        sources = (self.lock, ROOT / "pyproject.toml", ROOT / "tools" / "bootstrap.py")
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()

    def is_ready(self) -> bool:
        """Tell whether this lock is installed here, for this project."""
        stamp = Stamp.read(self.stamp_file)
        return stamp is not None and stamp.digest == self._digest and self._is_sound(stamp)

    def build(self) -> None:
        """Install the locked packages and the project itself, then say so in the stamp."""
        stamp = Stamp.read(self.stamp_file)
        if stamp is None or not self._is_sound(stamp):
            _say(f"making {self.folder.name} with Python {_version()}")
            venv.EnvBuilder(clear=True, symlinks=True).create(self.folder)
            stamp = Stamp(str(self.folder), _version(), self._digest)
        self.stamp_file.unlink(missing_ok=True)
        self._install_locked()
        self._install_project()
        self.stamp_file.write_text(str(Stamp(stamp.place, stamp.python, self._digest)))
        _say("ready")

    def _is_sound(self, stamp: Stamp) -> bool:
        # Scripts carry absolute paths: an environment that was moved has to be made anew.
        return (
            stamp.place == str(self.folder)
            and (not os.environ.get("PYTHON") or stamp.python == _version())
            and self._finds_the_project()
        )

    def _finds_the_project(self) -> bool:
        # Fails too when a system upgrade took away the Python that this was made with.
        question = f"from importlib.util import find_spec; assert all(map(find_spec, {PACKAGES}))"
        return self.python.exists() and _run(self.python, "-c", question, quiet=True)

    def _install_locked(self) -> None:
        _say(f"installing {self.lock.relative_to(ROOT)}; the first time this takes a few minutes")
        only_what_is_locked = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
        if not self._pip("install", *only_what_is_locked, "--requirement", str(self.lock)):
            sys.exit(
                "error: the locked packages could not be installed\n"
                "hint: pip's own message is above. It asks the index of your pip configuration\n"
                "      (PIP_INDEX_URL, PIP_CONFIG_FILE, pip.conf); then type the same again."
            )

    def _install_project(self) -> None:
        without_network = ("--no-index", "--no-deps", "--no-build-isolation")
        if not self._pip("install", *without_network, "--editable", str(ROOT)):
            sys.exit("error: the project itself could not be installed; pip's message is above")
        # pip compiles what it copies; an editable project it only points to.
        _run(self.python, "-m", "compileall", "-qq", *(str(ROOT / name) for name in PACKAGES))

    def _pip(self, *words: str) -> bool:
        manners = ("--quiet", "--no-input", "--disable-pip-version-check")
        root_is_welcome = ("--root-user-action", "ignore", "--no-warn-script-location")
        return _run(self.python, str(PIP_WHEEL / "pip"), *words, *manners, *root_is_welcome)


def _version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _run(python: Path, *words: str, quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else None
    command = [str(python), "-I", *words]
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own words
        command,
        env=ENVIRONMENT,
        cwd=ROOT,
        stdout=output,
        stderr=output,
        close_fds=False,
        check=False,
    )
    return done.returncode == 0


def _say(line: str) -> None:
    sys.stderr.write(f"set-up: {line}\n")


@contextmanager
def _turn() -> Iterator[None]:
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    with (folder / "set-up.lock").open("a") as file:
        # pip holds the lock with us: should we be killed, the next one waits until pip is done too.
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another one is at work here; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Make sure that the environment named on the command line is ready."""
    folder, lock = sys.argv[1:]
    environment = Environment(ROOT / folder, ROOT / lock)
    if environment.is_ready():
        return
    with _turn():
        if not environment.is_ready():
            environment.build()


if __name__ == "__main__":
    main()
