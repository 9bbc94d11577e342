"""The servers of these tests: one life per release, shared by all tests of that release.

Where Node or npm is missing the tests are skipped and say so; with
TALLYBOOK_REQUIRE_REAL_UNLEASH=1 in the environment they fail instead. Run in parallel with
`--dist loadgroup`, so that every release is lived once and not once per worker.
"""

import os
from collections.abc import Iterator

import pytest

from tests.real_unleash.install import NotInstallable, node_for, server_script
from tests.real_unleash.ours import Tallybook
from tests.real_unleash.releases import RELEASES, Release
from tests.real_unleash.story import LivedIn, lived_in

REQUIRED = "TALLYBOOK_REQUIRE_REAL_UNLEASH"


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(release, id=str(release), marks=pytest.mark.xdist_group(str(release)))
        for release in RELEASES
    ],
)
def instance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LivedIn]:
    """A running server with a life behind it, and its database."""
    release: Release = request.param
    _install_or_skip(release)
    with lived_in(release, tmp_path_factory.mktemp(f"unleash-{release}")) as living:
        yield living


@pytest.fixture(scope="session")
def tallybook(instance: LivedIn, tmp_path_factory: pytest.TempPathFactory) -> Tallybook:
    """Tallybook for this instance, with its own role in the database."""
    folder = tmp_path_factory.mktemp(f"tallybook-{instance.release}")
    return Tallybook(instance.database_url, instance.server.url, folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of one release side by side: each server is started and lived in once."""
    places = [place for place, item in enumerate(items) if _release_of(item)]
    together = sorted((items[place] for place in places), key=_release_of)
    for place, item in zip(places, together, strict=True):
        items[place] = item


def _release_of(item: pytest.Item) -> str:
    of_instance = getattr(item, "callspec", None)
    release = of_instance.params.get("instance") if of_instance else None
    return str(release) if isinstance(release, Release) else ""


def _install_or_skip(release: Release) -> None:
    try:
        server_script(release)
        node_for(release)
    except NotInstallable as missing:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
