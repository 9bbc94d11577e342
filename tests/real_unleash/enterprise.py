"""The part of a life that no open-source server writes: by SQL, while the server is stopped."""

from datetime import datetime

import psycopg

from tests.real_unleash import crowd, expected, history
from tests.real_unleash.life import BUSIEST_FLAG, SMALL_FLAG
from tests.real_unleash.releases import Release
from tests.real_unleash.rows import Connection, fill, now

PLANS = "release_plan_definitions"
PLAN_COLUMNS = "id, discriminator, name, created_by_user_id"


def complete(database_url: str, release: Release) -> datetime:
    """Write what is missing of a life; return the one instant that "now" was for all rows."""
    with psycopg.connect(database_url, options="-c TimeZone=UTC") as connection:
        crowd.gather(connection, release)
        _organise(connection)
        _give_roles(connection)
        _issue_tokens(connection)
        _plan_releases(connection)
        _leave_old_habits(connection)
        _switch_sign_in(connection, release)
        history.write(connection, release)
        return now(connection)


def _organise(connection: Connection) -> None:
    live = "(id, name) SELECT 'live-' || i, 'Live'"
    fill(connection, expected.PROJECTS, "projects", live)
    connection.execute(
        "INSERT INTO projects (id, name, archived_at) VALUES"
        " ('gone-1', 'Gone', now()), ('gone-2', 'Gone', now() - interval '1 year')"
    )
    connection.execute(
        "INSERT INTO environments (name, type) VALUES ('production-eu', 'production')"
    )
    lab = "(name, type, enabled) SELECT 'lab-' || i, 'test', false"
    fill(connection, expected.ENVIRONMENTS, "environments", lab)


def _give_roles(connection: Connection) -> None:
    """One custom root role is in use by two people, one by two groups, and one by both."""
    root = "(name, type) SELECT 'root-' || i, 'root-custom'"
    fill(connection, expected.CUSTOM_ROOT_ROLES, "roles WHERE type = 'root-custom'", root)
    fill(connection, expected.ROLES, "roles", "(name, type) SELECT 'project-' || i, 'custom'")
    for person, role in (
        ("this-week-1", "root-1"),
        ("this-week-2", "root-1"),
        ("this-month-1", "root-2"),
        ("this-month-2", "project-1"),
    ):
        connection.execute(
            "INSERT INTO role_user (role_id, user_id, project) SELECT roles.id, users.id, 'default'"
            " FROM roles, users WHERE roles.name = %s AND users.username = %s",
            [role, person],
        )
    for role in ("root-2", "root-3", "root-3", "Viewer"):
        connection.execute(
            "INSERT INTO groups (name, root_role_id) SELECT name, id FROM roles WHERE name = %s",
            [role],
        )
    fill(connection, expected.GROUPS, "groups", "(name) SELECT 'group-' || i")


def _issue_tokens(connection: Connection) -> None:
    """Tokens of the types that this release's API refuses; many tokens have expired."""
    for kind, goal in {**expected.TOKENS_BY_TYPE, "odd": 1}.items():
        insert = f"(secret, username, type) SELECT '{kind}-' || i, '{kind}', '{kind}'"
        fill(connection, goal, f"api_tokens WHERE type = '{kind}'", insert)
    connection.execute(
        "UPDATE api_tokens SET expires_at = now() - interval '1 day' WHERE type = 'frontend'"
    )


def _plan_releases(connection: Connection) -> None:
    """Templates and plans, archived ones of both; a milestone of a plan holds a strategy."""
    fill(
        connection,
        expected.TEMPLATES,
        f"{PLANS} WHERE discriminator = 'template' AND archived_at IS NULL",
        f"({PLAN_COLUMNS}) SELECT 'template-' || i, 'template', 'Template ' || i, 1",
    )
    fill(
        connection,
        3,
        f"{PLANS} WHERE discriminator = 'template' AND archived_at IS NOT NULL",
        f"({PLAN_COLUMNS}, archived_at) SELECT 'old-' || i, 'template', 'Old ' || i, 1, now()",
    )
    fill(
        connection,
        expected.PLANS,
        f"{PLANS} WHERE discriminator = 'plan'",
        f"({PLAN_COLUMNS}, archived_at)"
        " SELECT 'plan-' || i, 'plan', 'Plan', 1, CASE WHEN i <= 2 THEN now() END",
    )
    connection.execute(
        "INSERT INTO milestones (id, name, sort_order, release_plan_definition_id)"
        " VALUES ('milestone-1', 'Everyone', 1, 'plan-3')"
    )


def _leave_old_habits(connection: Connection) -> None:
    """A strategy of a milestone, a constraint without `values`, the boolean `archived`."""
    connection.execute(
        "INSERT INTO feature_strategies (id, feature_name, project_name, environment,"
        " strategy_name, constraints, milestone_id)"
        " VALUES ('in-milestone', %s, 'default', 'production', 'default', %s, 'milestone-1')",
        [BUSIEST_FLAG, '[{"contextName": "age", "operator": "NUM_GT", "value": "17"}]'],
    )
    connection.execute("UPDATE features SET archived = true WHERE name = %s", [SMALL_FLAG])


def _switch_sign_in(connection: Connection, release: Release) -> None:
    switches = release.switches
    for name, key, value in (
        ("unleash.enterprise.auth.saml", "enabled", switches.saml),
        ("unleash.enterprise.auth.oidc", "enabled", switches.oidc),
        ("scim", "enabled", switches.scim),
        ("unleash.auth.simple", "disabled", not switches.password),
    ):
        connection.execute(
            "INSERT INTO settings (name, content)"
            " VALUES (%s, json_build_object(%s::text, %s::boolean))",
            [name, key, value],
        )
