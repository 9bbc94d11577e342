"""The releases of Unleash that the tests run for real, and how they differ from each other.

A difference is a fact about the release, never about Tallybook: a field its endpoint does not
answer, a column its schema does not have yet, a type of token it does not know.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Switches:
    """The four yes-or-no fields; different in each release, so that a mix-up cannot pass."""

    saml: bool
    oidc: bool
    scim: bool
    password: bool


@dataclass(frozen=True)
class Release:
    """One release of Unleash: what it runs on, and what its endpoint and schema lack."""

    version: str
    node_majors: range
    node_to_install: str
    postgres_major: int
    switches: Switches
    token_types: tuple[str, ...] = ("client", "frontend", "backend")
    not_answered: frozenset[str] = frozenset()
    not_in_schema: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.version


UNLEASH_8_2_0 = Release(
    version="8.2.0",
    node_majors=range(22, 25),
    node_to_install="22",
    postgres_major=18,
    switches=Switches(saml=True, oidc=False, scim=True, password=False),
)

UNLEASH_7_4_1 = Release(
    version="7.4.1",
    node_majors=range(20, 25),
    node_to_install="20",
    postgres_major=16,
    switches=Switches(saml=False, oidc=True, scim=True, password=False),
    not_answered=frozenset({"readOnlyUsers"}),
)

UNLEASH_6_10_1 = Release(
    version="6.10.1",
    node_majors=range(20, 21),
    node_to_install="20",
    postgres_major=16,
    switches=Switches(saml=True, oidc=False, scim=False, password=True),
    token_types=("client", "frontend"),
    not_answered=frozenset(
        {"releaseTemplates", "releasePlans", "edgeInstanceUsage", "readOnlyUsers"}
    ),
    not_in_schema=frozenset({"edgeInstanceUsage", "readOnlyUsers"}),
)

RELEASES = (UNLEASH_8_2_0, UNLEASH_7_4_1, UNLEASH_6_10_1)
