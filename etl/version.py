"""Which Unleash release this is, judged by the migrations that have run. Pure.

No open-source release writes its own version into the database. The set of
migration names tells most releases apart; where several share one set, only
what they have in common is certain. A downgrade leaves rows behind, so all this
is an upper bound; the evidence is kept beside the answer.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

from warehouse.payload import Release, Schema


@dataclass(frozen=True)
class KnownRelease:
    """A release and the migrations that a database has after it started once."""

    release: str
    newest_migration: str
    migrations: int
    set_hash: str


@cache
def known_releases() -> tuple[KnownRelease, ...]:
    """Every release since 4.17, oldest first."""
    lines = files("etl").joinpath("releases.csv").read_text().splitlines()
    return tuple(
        KnownRelease(
            row["release"], row["newest_migration"], int(row["migrations"]), row["set_hash"]
        )
        for row in csv.DictReader(lines)
    )


def schema_of(migrations: Iterable[str]) -> Schema:
    """Sum up the names in the `migrations` table.

    Never by the last id: migrations with older names were inserted late.
    """
    names = sorted({name.removeprefix("/") for name in migrations})
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return Schema(names[-1] if names else "", len(names), digest[:16])


def release_of(schema: Schema) -> Release:
    """Say which release made this schema, only as exactly as it is certain."""
    evidence = f"{schema.migrations} migrations, newest {schema.newest}, set {schema.set_hash}"
    known = known_releases()
    same_set = [r.release for r in known if r.set_hash == schema.set_hash]
    if same_set:
        return Release(oss=in_common(same_set), enterprise="", evidence=f"migrations: {evidence}")
    oss = _by_newest(schema, known)
    return Release(
        oss=oss, enterprise="", evidence=f"migrations, a set of no known release: {evidence}"
    )


def in_common(releases: Sequence[str]) -> str:
    """What is certain when it is one of these: `7.6.3`, or `7.6`, or `6.2/6.3`."""
    if len(releases) == 1:
        return releases[0]
    return _minors(releases)


def _minors(releases: Sequence[str]) -> str:
    return "/".join(minor for minor, _ in groupby(r.rpartition(".")[0] for r in releases))


def _by_newest(schema: Schema, known: tuple[KnownRelease, ...]) -> str:
    if not schema.newest or schema.newest < known[0].newest_migration:
        return ""
    same = [r.release for r in known if r.newest_migration == schema.newest]
    if same:
        return _minors(same)
    older = [r.release for r in known if r.newest_migration < schema.newest]
    # A plus sign: at least this, with migrations of a release we do not know.
    return f"{older[-1].rpartition('.')[0]}+"
