"""`[anchor.NAME]`: where checkpoints are kept, one table per keeper. Times in seconds.

What is secret stands in a file of its own: what a table says may be printed, and
`where` is how it is.
"""

import re
from pathlib import Path
from typing import ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

import msgspec

# As git tells an address of SSH, host:path, from a path: no slash before the colon.
_SSH_ADDRESS: Final = re.compile(r"[^/]+:")
_LOGIN: Final = re.compile(r"(://)[^/@\s]+@")


class AnchorTable(msgspec.Struct, frozen=True, kw_only=True):
    """What every anchor has: a kind, and how long its keeper may take."""

    kind: ClassVar[str]
    timeout: float = 10

    @property
    def where(self) -> str:
        """The place, as it may be shown to everybody."""
        raise NotImplementedError

    def complaint(self) -> str | None:
        """Say which key says what it cannot mean, and why."""
        return None

    def placed(self, base: Path) -> Self:
        """The same with absolute paths: those in the file are relative to its folder."""
        raise NotImplementedError


class FileTable(AnchorTable, frozen=True, kw_only=True):
    """A folder elsewhere: another machine's, a disk that can be taken away."""

    kind: ClassVar[str] = "file"
    folder: str

    @property
    def where(self) -> str:
        return self.folder

    def placed(self, base: Path) -> Self:
        return msgspec.structs.replace(self, folder=str(base / self.folder))


class GitTable(AnchorTable, frozen=True, kw_only=True):
    """A repository that is pushed to: its address, or a clone here with a remote of that name."""

    kind: ClassVar[str] = "git"
    repository: str
    branch: str = "main"
    remote: str = "origin"

    @property
    def where(self) -> str:
        return without_login(self.repository)

    @property
    def is_address(self) -> bool:
        """Whether the repository is an address and not a path."""
        return "://" in self.repository or bool(_SSH_ADDRESS.match(self.repository))

    def complaint(self) -> str | None:
        for key in ("repository", "branch", "remote"):
            if getattr(self, key).startswith("-"):
                return f"{key} must not begin with '-'"
        return None

    def placed(self, base: Path) -> Self:
        if self.is_address:
            return self
        return msgspec.structs.replace(self, repository=str(base / self.repository))


class HttpTable(AnchorTable, frozen=True, kw_only=True):
    """An address that notes are sent to by POST; secrets as lines of `header_file`."""

    kind: ClassVar[str] = "http"
    url: str
    header_file: str | None = None

    @property
    def where(self) -> str:
        return without_query(self.url)

    def complaint(self) -> str | None:
        return _url_complaint(self.url)

    def placed(self, base: Path) -> Self:
        return msgspec.structs.replace(self, header_file=_under(base, self.header_file))


class Rfc3161Table(AnchorTable, frozen=True, kw_only=True):
    """A time-stamping authority, and the certificates (PEM) that its answers are checked with."""

    kind: ClassVar[str] = "rfc3161"
    url: str
    ca: str
    hash: Literal["sha256", "sha512"] = "sha256"
    header_file: str | None = None

    @property
    def where(self) -> str:
        return without_query(self.url)

    def complaint(self) -> str | None:
        return _url_complaint(self.url)

    def placed(self, base: Path) -> Self:
        return msgspec.structs.replace(
            self, ca=str(base / self.ca), header_file=_under(base, self.header_file)
        )


class PrometheusTable(AnchorTable, frozen=True, kw_only=True):
    """A file for node_exporter's textfile collector: whoever scrapes it keeps what it said."""

    kind: ClassVar[str] = "prometheus"
    file: str

    @property
    def where(self) -> str:
        return self.file

    def complaint(self) -> str | None:
        return None if self.file.endswith(".prom") else "file must end in .prom"

    def placed(self, base: Path) -> Self:
        return msgspec.structs.replace(self, file=str(base / self.file))


ANCHOR_KINDS: Final[dict[str, type[AnchorTable]]] = {
    table.kind: table for table in (FileTable, GitTable, HttpTable, Rfc3161Table, PrometheusTable)
}


def is_anchor_name(name: str) -> bool:
    """Whether this can name an anchor, and a folder: letters, digits, `-` and `_`."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name))


def without_login(text: str) -> str:
    """Hide user and password wherever an address has them."""
    return _LOGIN.sub(r"\1***@", text)


def without_query(url: str) -> str:
    """An address without what often holds a secret."""
    return without_login(urlsplit(url)._replace(query="", fragment="").geturl())


def _url_complaint(url: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "url must begin with http:// or https://"
    if _LOGIN.search(url):
        return "url must not have a login in it: it goes into header_file, as 'Authorization: …'"
    try:
        complete = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        complete = False
    return None if complete else "url is no address"


def _under(base: Path, path: str | None) -> str | None:
    return None if path is None else str(base / path)
