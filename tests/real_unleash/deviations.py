"""Where Tallybook's answer rightly differs from the endpoint's: the one table of it.

The tests show every row on real servers, and docs/deviations.md is written from it:

    python -m tests.real_unleash.deviations
"""

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.real_unleash import expected

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deviations.md"


class Special(Enum):
    """An answer that is no JSON value; its text is how the page says it."""

    ABSENT = "no such field"
    FAILS = "status 500 and no field at all"
    COUNTED = "the number counted"


@dataclass(frozen=True)
class Deviation:
    """A field that differs: on which releases, in which situation, and why that is right.

    `change` is the SQL that leads to the situation. The words are for the page, where the value
    alone would not be understood.
    """

    field: str
    releases: tuple[str, ...]
    situation: str
    endpoint: object
    ours: object
    reason: str
    change: str = ""
    endpoint_in_words: str | None = None
    ours_in_words: str | None = None


ALL = ("8.2.0", "7.4.1", "6.10.1")
IN_SCHEMA_ALREADY = "the schema of this release has it; only its endpoint does not read it yet"
ON_IS_TRUE = "a switch is on or off, and on is JSON `true` alone"
ONE_BAD_ROW = "one malformed row costs itself, and is named in the record; never the other numbers"


def _setting(name: str, content: object) -> str:
    return f"UPDATE settings SET content = '{json.dumps(content)}' WHERE name = '{name}'"


def _constraints(constraints: str) -> str:
    return f"UPDATE feature_strategies SET constraints = {constraints} WHERE id = 'in-milestone'"


def _one_more_app() -> list[dict[str, object]]:
    seen = {"7d": expected.APPS_7D, "30d": expected.APPS_30D, "allTime": expected.APPS_EVER}
    return [{"range": window, "count": count + 1} for window, count in seen.items()]


WITHOUT_SERVER = Deviation(
    field="versionOSS",
    releases=("6.10.1",),
    situation="the server's address is not known, only its database",
    endpoint="6.10.1",
    ours="6.10",
    reason="no database holds its release; 6.10.0 and 6.10.1 have the same migrations",
)

ALWAYS = (
    Deviation(
        field="readOnlyUsers",
        releases=("7.4.1",),
        situation="always",
        endpoint=Special.ABSENT,
        ours=Special.COUNTED,
        reason=IN_SCHEMA_ALREADY,
    ),
    Deviation(
        field="releaseTemplates",
        releases=("6.10.1",),
        situation="always",
        endpoint=Special.ABSENT,
        ours=Special.COUNTED,
        reason=IN_SCHEMA_ALREADY,
    ),
    Deviation(
        field="releasePlans",
        releases=("6.10.1",),
        situation="always",
        endpoint=Special.ABSENT,
        ours=Special.COUNTED,
        reason=IN_SCHEMA_ALREADY,
    ),
)

AFTER_A_CHANGE = (
    Deviation(
        field="SAMLenabled",
        releases=ALL,
        situation="`enabled` in the settings of SAML is the text `false`",
        endpoint="false",
        ours=False,
        reason=ON_IS_TRUE,
        change=_setting("unleash.enterprise.auth.saml", {"enabled": "false"}),
    ),
    Deviation(
        field="OIDCenabled",
        releases=ALL,
        situation="`enabled` in the settings of OpenID Connect is a number",
        endpoint=1,
        ours=False,
        reason=ON_IS_TRUE,
        change=_setting("unleash.enterprise.auth.oidc", {"enabled": 1}),
    ),
    Deviation(
        field="SCIMenabled",
        releases=ALL,
        situation="`enabled` in the settings of SCIM is an object",
        endpoint={},
        ours=False,
        reason=ON_IS_TRUE,
        change=_setting("scim", {"enabled": {}}),
    ),
    Deviation(
        field="maxConstraints",
        releases=ALL,
        situation="the constraints of a strategy are no array",
        endpoint=Special.FAILS,
        ours=expected.MOST_CONSTRAINTS,
        reason=ONE_BAD_ROW,
        change=_constraints("'{}'"),
        ours_in_words="the greatest number of the other strategies",
    ),
    Deviation(
        field="maxConstraintValues",
        releases=ALL,
        situation="the values of a constraint are no array",
        endpoint=Special.FAILS,
        ours=expected.MOST_CONSTRAINT_VALUES,
        reason=ONE_BAD_ROW,
        change=_constraints("""'[{"values": "x"}]'"""),
        ours_in_words="the greatest number of the other constraints",
    ),
    Deviation(
        field="maxConstraints",
        releases=("6.10.1",),
        situation="the constraints of a strategy are NULL, which the schema allows before 7.2.3",
        endpoint=0,
        ours=expected.MOST_CONSTRAINTS,
        reason="a strategy without constraints does not undo those of the others",
        change=_constraints("NULL"),
        ours_in_words="the greatest number of the other strategies",
    ),
    Deviation(
        field="clientApps",
        releases=ALL,
        situation="an application came since the server last looked",
        endpoint=Special.COUNTED,
        ours=_one_more_app(),
        reason="the endpoint repeats its answer for five minutes; a snapshot is of its instant",
        change=(
            "UPDATE client_instances SET app_name = 'just-arrived'"
            " WHERE app_name = 'app-4' AND environment = 'production'"
        ),
        endpoint_in_words="without the new one",
        ours_in_words="with the new one",
    ),
)

DEVIATIONS = (*ALWAYS, WITHOUT_SERVER, *AFTER_A_CHANGE)

INTRODUCTION = """\
# Where Tallybook answers otherwise than Unleash

`tallybook show --json` answers the fields of Unleash 8.2.0's
`GET /api/admin/instance-admin/statistics`, whatever release the database belongs to. On the real
servers {releases} every field is the same, but for these rows. Each of them is shown by a test.

`timestamp` is Tallybook's clock at the one instant that all numbers are of; the endpoint reads its
server's clock after its last query.

| field | releases | situation | Unleash answers | Tallybook answers | because |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the text of docs/deviations.md."""
    rows = (_row(deviation) for deviation in DEVIATIONS)
    return INTRODUCTION.format(releases=", ".join(ALL)) + "".join(rows)


def _row(deviation: Deviation) -> str:
    cells = (
        f"`{deviation.field}`",
        ", ".join(deviation.releases),
        deviation.situation,
        deviation.endpoint_in_words or _shown(deviation.endpoint),
        deviation.ours_in_words or _shown(deviation.ours),
        deviation.reason,
    )
    return f"| {' | '.join(cells)} |\n"


def _shown(answer: object) -> str:
    return answer.value if isinstance(answer, Special) else f"`{json.dumps(answer)}`"


if __name__ == "__main__":
    PAGE.write_text(page())
