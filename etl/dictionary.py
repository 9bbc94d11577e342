"""The dictionary of statistics, for people and programs. Pure."""

from itertools import groupby

import msgspec

from etl.catalogue import UNLEASH
from etl.catalogue.listings import LISTINGS
from warehouse.definitions import Definition


def as_json() -> list[dict[str, object]]:
    """Every statistic with all that is known about it."""
    return [msgspec.to_builtins(definition) for definition in UNLEASH.definitions()]


def as_markdown() -> str:
    """The page docs/statistics.md."""
    lines = [
        "# Statistics",
        "",
        "What every number means. This page is printed by `tallybook statistics --markdown`.",
        "Names are those of Unleash's endpoint where it has the statistic. *Since* is the first",
        "Unleash release whose database can tell it; on an older one the statistic is",
        "unavailable, with that reason, and never 0. A name with a label, such as",
        "`apiTokens.{label}`, has one value per label. *Definition* begins the hash of what",
        "decides the value; the SQL itself is in the view `definitions` of every history.",
    ]
    for subject, group in groupby(UNLEASH.definitions(), key=lambda definition: definition.subject):
        lines += ["", f"## {subject[0].upper()}{subject[1:]}", ""]
        lines += ["| statistic | meaning | unit | window | since | reads | definition |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [_row(definition) for definition in group]
    lines += ["", "## Kept beside the numbers", ""]
    lines += [
        "Names of applications, environments and projects, never of people: at most 5,000",
        "",
    ]
    lines[-2] += " of each and 200 kB, the rest counted."
    lines += ["| list | content | since |", "|---|---|---|"]
    lines += [f"| `{item.name}` | {item.meaning} | {item.since} |" for item in LISTINGS]
    lines += ["", *_IDENTITY]
    return "\n".join(lines) + "\n"


_IDENTITY = (
    "## About the instance",
    "",
    "| field of the endpoint | where it is kept |",
    "|---|---|",
    "| `instanceId` | `instance_id` in every view: the id in Unleash's setting `instanceInfo`, or "
    "`unresolved-instance-id` on a database that no server has started on |",
    "| `timestamp` | `taken_at`, by Tallybook's own clock; `db_time`, by the database's |",
    "| `versionOSS` | `version_oss`: as the server says where `server_url` is set, else as the "
    "migrations tell, and only as exact as that is certain |",
    "| `versionEnterprise` | `version_enterprise`: empty on open source |",
    "| `sum` | `sum` in `snapshots`: SHA-256 of instanceId, users, featureToggles, projects, "
    "roles, groups, environments and segments with nothing between: a checksum, no signature |",
)


def _row(definition: Definition) -> str:
    label = ".{label}" if definition.labelled else ""
    reads = ", ".join(f"`{column}`" for column in definition.reads)
    cells = (
        f"`{definition.name}{label}`",
        definition.meaning,
        definition.unit,
        definition.window,
        definition.since,
        reads,
        f"`{definition.hash[:12]}`",
    )
    return f"| {' | '.join(cells)} |"
