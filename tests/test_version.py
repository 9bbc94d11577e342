"""Which release a database is of: only as exact as its migrations can tell."""

import hashlib
import re

import pytest

from etl.version import KnownRelease, in_common, known_releases, release_of, schema_of
from warehouse.payload import Schema

RELEASES = known_releases()


def schema_made_by(known: KnownRelease) -> Schema:
    return Schema(known.newest_migration, known.migrations, known.set_hash)


def minor(release: str) -> str:
    return release.rpartition(".")[0]


def test_the_list_begins_at_4_17_and_is_in_order() -> None:
    numbers = [tuple(map(int, known.release.split("."))) for known in RELEASES]

    assert RELEASES[0].release == "4.17.0"
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch("[0-9a-f]{16}", known.set_hash) for known in RELEASES)


@pytest.mark.parametrize("known", RELEASES, ids=lambda known: known.release)
def test_every_release_is_found_again_from_its_migrations(known: KnownRelease) -> None:
    sharing = [other.release for other in RELEASES if other.set_hash == known.set_hash]

    found = release_of(schema_made_by(known))

    assert found.oss == in_common(sharing)
    if sharing == [known.release]:
        assert found.oss == known.release
    else:
        assert minor(known.release) in found.oss.split("/")
    assert found.enterprise == ""
    assert found.evidence == (
        f"migrations: {known.migrations} migrations, newest {known.newest_migration}, "
        f"set {known.set_hash}"
    )


@pytest.mark.parametrize(
    ("releases", "certain"),
    [
        (["7.6.3"], "7.6.3"),
        (["7.6.1", "7.6.2", "7.6.3"], "7.6"),
        (["6.2.0", "6.2.1", "6.3.0"], "6.2/6.3"),
    ],
)
def test_what_several_releases_share_is_what_is_certain(releases: list[str], certain: str) -> None:
    assert in_common(releases) == certain


def test_a_schema_is_summed_up_whatever_order_its_rows_come_in() -> None:
    names = ["/20200101000000-b.js", "20190101000000-a", "/20190101000000-a"]

    digest = hashlib.sha256(b"20190101000000-a\n20200101000000-b.js").hexdigest()
    assert schema_of(names) == Schema("20200101000000-b.js", 2, digest[:16])


def test_a_database_without_migrations_is_of_no_release() -> None:
    found = release_of(schema_of([]))

    assert (found.oss, found.enterprise) == ("", "")


def test_a_migration_added_by_hand_leaves_the_minor_releases_that_end_alike() -> None:
    known = RELEASES[-1]
    sharing = [r.release for r in RELEASES if r.newest_migration == known.newest_migration]
    odd = Schema(known.newest_migration, known.migrations + 1, "0" * 16)

    found = release_of(odd)

    assert found.oss == "/".join(dict.fromkeys(map(minor, sharing)))
    assert found.evidence == (
        f"migrations, a set of no known release: {known.migrations + 1} migrations, "
        f"newest {known.newest_migration}, set {'0' * 16}"
    )


def test_a_newer_release_is_at_least_the_newest_one_known() -> None:
    found = release_of(Schema("29990101000000-from-the-future", 999, "0" * 16))

    assert found.oss == f"{minor(RELEASES[-1].release)}+"


def test_a_migration_between_two_known_ones_is_at_least_the_older() -> None:
    known = next(r for r in RELEASES if r.release == "6.0.0")
    between = f"{known.newest_migration}-and-one-more"
    older = [r for r in RELEASES if r.newest_migration < between]

    assert release_of(Schema(between, 1, "0" * 16)).oss == f"{minor(older[-1].release)}+"


def test_a_release_before_4_17_is_not_guessed() -> None:
    assert release_of(Schema("20150101000000-first", 1, "0" * 16)).oss == ""
