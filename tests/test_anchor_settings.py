"""The tables `[anchor.NAME]`: every mistake is named with its key."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from etl.anchors.tables import (
    ANCHOR_KINDS,
    FileTable,
    GitTable,
    HttpTable,
    PrometheusTable,
    Rfc3161Table,
)
from etl.settings import load_settings
from warehouse.errors import BadSettings, Failure

ORIGIN = 'origin = "example.com/tallybook"\n'
SECRET = "s3cr3t-and-long"  # looked for in messages
SMALLEST: dict[str, dict[str, str]] = {
    "file": {"folder": "elsewhere"},
    "git": {"repository": "https://example.com/heads.git"},
    "http": {"url": "https://example.com/heads"},
    "rfc3161": {"url": "https://example.com/tsa", "ca": "tsa.pem"},
    "prometheus": {"file": "metrics/tallybook.prom"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallybook.toml"


def written(kind: str, **keys: object) -> str:
    """A file of settings with one anchor, `a`."""
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in keys.items()]
    return "\n".join([ORIGIN, "[anchor.a]", f'kind = "{kind}"', *lines])


def refusal_of(file: Path, content: str) -> Failure:
    file.write_text(content)
    with pytest.raises(BadSettings) as refusal:
        load_settings(file)
    return refusal.value


def test_without_tables_there_are_no_anchors(file: Path) -> None:
    file.write_text(ORIGIN)

    assert load_settings(file).anchors == {}


def test_every_kind_has_defaults_and_absolute_paths(file: Path) -> None:
    base = file.parent
    expected = {
        "file": FileTable(folder=f"{base}/elsewhere"),
        "git": GitTable(repository="https://example.com/heads.git", branch="main", remote="origin"),
        "http": HttpTable(url="https://example.com/heads", header_file=None),
        "rfc3161": Rfc3161Table(
            url="https://example.com/tsa", ca=f"{base}/tsa.pem", hash="sha256", header_file=None
        ),
        "prometheus": PrometheusTable(file=f"{base}/metrics/tallybook.prom"),
    }
    for kind, keys in SMALLEST.items():
        file.write_text(written(kind, **keys))

        assert load_settings(file).anchors == {"a": expected[kind]}
        assert load_settings(file).anchors["a"].timeout == 10

    assert expected.keys() == ANCHOR_KINDS.keys()


def test_many_anchors_keep_their_order(file: Path) -> None:
    tables = [f'[anchor.{name}]\nkind = "file"\nfolder = "/mnt/{name}"\n' for name in "cab"]
    file.write_text(ORIGIN + "".join(tables))

    assert {name: found.where for name, found in load_settings(file).anchors.items()} == {
        "c": "/mnt/c",
        "a": "/mnt/a",
        "b": "/mnt/b",
    }


@pytest.mark.parametrize(
    ("repository", "found"),
    [
        ("heads", "{base}/heads"),
        ("./a:b", "{base}/./a:b"),
        ("/srv/heads.git", "/srv/heads.git"),
        ("git@example.com:heads.git", "git@example.com:heads.git"),
        ("ssh://git@example.com/heads.git", "ssh://git@example.com/heads.git"),
        ("file:///srv/heads.git", "file:///srv/heads.git"),
    ],
)
def test_a_repository_is_an_address_or_a_path(file: Path, repository: str, found: str) -> None:
    file.write_text(written("git", repository=repository))

    anchor = load_settings(file).anchors["a"]

    assert isinstance(anchor, GitTable)
    assert Path(anchor.repository) == Path(found.format(base=file.parent))


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (written("file", foldre="x"), "unknown key 'anchor.a.foldre'", "Did you mean 'folder'?"),
        (
            written("http", url="https://example.com", secret=SECRET),
            "unknown key 'anchor.a.secret'",
            "There is: timeout, url, header_file",
        ),
        (
            written("fiel", folder="x"),
            "anchor.a has the unknown kind 'fiel'",
            "Did you mean 'file'?",
        ),
        (
            f'{ORIGIN}[anchor.a]\nfolder = "x"',
            "anchor.a has no kind",
            "There is: file, git, http, rfc3161, prometheus",
        ),
        (
            f"{ORIGIN}[anchor.a]\nkind = [1]",
            "anchor.a has the unknown kind [1]",
            "There is: file, git, http, rfc3161, prometheus",
        ),
        (written("file"), "anchor.a: object missing required field `folder`", None),
        (written("file", folder=1), "anchor.a.folder: expected `str`, got `int`", None),
        (written("file", folder=""), "anchor.a.folder is empty", None),
        (
            written("file", folder="x", timeout=0),
            "anchor.a.timeout must be from 0.1 to 86400, found 0",
            None,
        ),
        (
            written("rfc3161", url="https://example.com", ca="x", hash="md5"),
            "anchor.a.hash: invalid enum value 'md5'",
            None,
        ),
        (written("prometheus", file="x.txt"), "anchor.a.file must end in .prom", None),
        (
            written("git", repository="--upload-pack=x"),
            "anchor.a.repository must not begin with '-'",
            None,
        ),
        (
            written("git", repository="x", branch="-f"),
            "anchor.a.branch must not begin with '-'",
            None,
        ),
        (
            written("http", url="file:///etc/passwd"),
            "anchor.a.url must begin with http:// or https://",
            None,
        ),
        (written("http", url="https://"), "anchor.a.url is no address", None),
        (written("http", url="https://example.com:x/"), "anchor.a.url is no address", None),
        (
            f'{ORIGIN}[anchor."../a"]\nkind = "file"\nfolder = "x"',
            "'../a' cannot name an anchor",
            "Expected letters, digits, '-' and '_', for example: [anchor.offsite]",
        ),
    ],
)
def test_a_mistake_is_named(file: Path, content: str, message: str, hint: str | None) -> None:
    refusal = refusal_of(file, content)

    assert str(refusal) == f"'{file}': {message}"
    assert refusal.hint == hint


def test_a_login_in_an_address_is_refused_and_not_repeated(file: Path) -> None:
    refusal = refusal_of(file, written("http", url=f"https://me:{SECRET}@example.com/"))

    assert "anchor.a.url must not have a login in it" in str(refusal)
    assert SECRET not in str(refusal)


@pytest.mark.parametrize(
    ("kind", "keys", "where"),
    [
        ("git", {"repository": f"https://me:{SECRET}@example.com/a.git"},
         "https://***@example.com/a.git"),
        ("http", {"url": f"https://example.com:8443/a?token={SECRET}#x"},
         "https://example.com:8443/a"),
        ("rfc3161", {"url": f"http://example.com/tsa?key={SECRET}", "ca": "x"},
         "http://example.com/tsa"),
    ],
)  # fmt: skip
def test_where_an_anchor_is_says_no_secret(
    file: Path, kind: str, keys: dict[str, Any], where: str
) -> None:
    file.write_text(written(kind, **keys))

    assert load_settings(file).anchors["a"].where == where
