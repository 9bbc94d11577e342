"""Small worlds: rows added to a fresh Unleash 8.2.0 database, and what has to be counted then.

A fresh database has the user `admin`, two system users, two environments, one project, four
strategies, five context fields, six roles and one release template.
"""

from dataclasses import dataclass
from typing import Final

from warehouse.record import Value


@dataclass(frozen=True)
class World:
    """Some rows, and the values of the statistics that count them."""

    story: str
    sql: str
    values: dict[str, Value]


def _setting(name: str, content: str) -> str:
    return f"INSERT INTO settings VALUES ('{name}', {content});"


PEOPLE: Final = (
    World(
        "people have accounts that are neither deleted nor a machine's",
        """
        INSERT INTO users (username, is_service, is_system, deleted_at) VALUES
            ('ann', false, false, NULL),
            ('gone', false, false, now()),
            ('robot', true, false, NULL),
            ('old robot', true, false, now()),
            ('system robot', true, true, NULL),
            ('system', false, true, NULL),
            ('neither', NULL, false, NULL)
        """,
        {"users": 2, "serviceAccounts": 2},
    ),
    World(
        "a licence is needed for each address until 30 days after it was deleted",
        """
        INSERT INTO users (username, email_hash, deleted_at, is_service) VALUES
            ('ann', 'a', NULL, false),
            ('ann again', 'a', NULL, false),
            ('gone lately', 'b', now() - interval '30 days' + interval '1 minute', false),
            ('gone long ago', 'c', now() - interval '30 days 1 minute', false),
            ('robot', 'd', NULL, true),
            ('no address', NULL, NULL, false)
        """,
        {"licensedUsers": 3},
    ),
    World(
        "read-only seats count for deleted people too, and only if spelt like that",
        """
        INSERT INTO users (username, seat_type, deleted_at) VALUES
            ('ann', 'ReadOnly', NULL), ('gone', 'ReadOnly', now()),
            ('bob', 'readonly', NULL), ('eve', 'Regular', NULL)
        """,
        {"readOnlyUsers": 2},
    ),
    World(
        "activity is counted by the week and by calendar months, to the minute",
        """
        INSERT INTO users (username, seen_at)
        SELECT span || ' ' || edge, (now() AT TIME ZONE 'UTC') - span::interval + edge::interval
        FROM unnest('{1 week,1 month,2 months,3 months}'::text[]) AS span,
             unnest('{1 minute,-1 minute}'::text[]) AS edge
        """,
        {
            "activeUsers.last7": 1,
            "activeUsers.last30": 3,
            "activeUsers.last60": 5,
            "activeUsers.last90": 7,
        },
    ),
    World(
        "a personal token's use is its owner's, deleted, service and system users included",
        """
        INSERT INTO users (id, username, seen_at, deleted_at, is_service, is_system) VALUES
            (101, 'by token', now() - interval '80 days', NULL, false, false),
            (102, 'never but by token', NULL, NULL, false, false),
            (103, 'deleted', now() AT TIME ZONE 'UTC', now(), false, false),
            (104, 'robot', now() AT TIME ZONE 'UTC', NULL, true, false),
            (105, 'system', now() AT TIME ZONE 'UTC', NULL, false, true),
            (106, 'never', NULL, NULL, false, false);
        INSERT INTO personal_access_tokens (user_id, expires_at, seen_at) VALUES
            (101, now(), now() - interval '1 day'), (101, now(), now() - interval '50 days'),
            (102, now(), now() - interval '1 day'), (102, now(), NULL), (106, now(), NULL)
        """,
        {
            "activeUsers.last7": 5,
            "activeUsers.last90": 5,
            "personalAccessTokens": 5,
            "serviceTokens": 0,
        },
    ),
    World(
        "a database that lives in Tokyo changes nothing: users.seen_at is UTC",
        """
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET timezone TO ''Asia/Tokyo''', current_database());
        END $$;
        INSERT INTO users (username, seen_at) VALUES
            ('in', (now() AT TIME ZONE 'UTC') - interval '1 week' + interval '1 minute'),
            ('out', (now() AT TIME ZONE 'UTC') - interval '1 week 1 minute')
        """,
        {"activeUsers.last7": 1},
    ),
)

FLAGS: Final = (
    World(
        "a flag is archived by its date, whatever the old boolean says",
        """
        INSERT INTO features (name, archived_at, archived, stale, potentially_stale, type) VALUES
            ('plain', NULL, false, false, false, 'release'),
            ('stale', NULL, false, true, true, 'release'),
            ('old boolean', NULL, true, NULL, true, 'kill-switch'),
            ('no type', NULL, false, false, false, NULL),
            ('none', NULL, false, false, false, 'none'),
            ('archived', now(), false, true, true, 'release'),
            ('for ever', 'infinity', false, false, false, 'release')
        """,
        {
            "featureToggles": 5,
            "archivedFeatureToggles": 2,
            "staleFeatureToggles": 1,
            "potentiallyStaleFeatureToggles": 2,
            "featureTogglesByType.release": 2,
            "featureTogglesByType.kill-switch": 1,
            "featureTogglesByType.none": 2,
        },
    ),
    World(
        "a flag is in the stage that it entered last",
        """
        INSERT INTO feature_lifecycles (feature, stage, created_at) VALUES
            ('a', 'initial', now() - interval '3 days'), ('a', 'live', now()),
            ('b', 'initial', now()), ('c', 'live', now()), ('c', 'archived', NULL)
        """,
        {"featureLifecycles.live": 2, "featureLifecycles.initial": 1},
    ),
    World(
        "flags that nobody made are counted by report and by name",
        """
        INSERT INTO unknown_flags (name, app_name, environment) VALUES
            ('ghost', 'shop', 'production'), ('ghost', 'shop', 'development'),
            ('phantom', 'shop', 'production')
        """,
        {"unknownFlags": 3, "unknownFlagNames": 2},
    ),
)

CHANGES: Final = (
    World(
        "exports and imports are events of exactly these types",
        """
        INSERT INTO events (type, created_by) VALUES
            ('features-exported', 'ann'), ('features-exported', 'bob'), ('features-imported', ''),
            ('feature-exported', 'ann'), ('FEATURES-IMPORTED', 'ann')
        """,
        {"featureExports": 2, "featureImports": 1},
    ),
    World(
        "changes count where the environment is of type production now",
        """
        INSERT INTO environments (name, type) VALUES ('live', 'production'), ('was', 'test');
        INSERT INTO stat_environment_updates (day, environment, updates)
        SELECT (now() AT TIME ZONE 'UTC')::date - days, environment, updates
        FROM (VALUES (0, 'production', 1), (29, 'production', 10), (30, 'production', 100),
                     (59, 'live', 1000), (60, 'live', 10000), (89, 'production', 100000),
                     (90, 'production', 1000000), (1, 'development', 7), (1, 'was', 7),
                     (1, 'deleted', 7)) AS made(days, environment, updates)
        """,
        {
            "productionChanges.last30": 11,
            "productionChanges.last60": 1_111,
            "productionChanges.last90": 111_111,
        },
    ),
    World(
        "change requests are counted by state",
        """
        INSERT INTO change_requests (state, created_by, environment, project)
        VALUES ('Applied', 1, 'a', 'p'), ('Applied', 1, 'a', 'p'), ('In review', 1, 'a', 'p')
        """,
        {"changeRequests.Applied": 2, "changeRequests.In review": 1},
    ),
    World(
        "archived templates are none, archived plans still are",
        """
        INSERT INTO release_plan_definitions
            (id, discriminator, name, created_by_user_id, archived_at)
        VALUES ('1', 'template', 'a', 1, NULL), ('2', 'template', 'b', 1, now()),
               ('3', 'plan', 'c', 1, NULL), ('4', 'plan', 'd', 1, now()),
               ('5', 'something', 'e', 1, NULL)
        """,
        {"releaseTemplates": 2, "releasePlans": 2},
    ),
)

STRUCTURE: Final = (
    World(
        "projects count until they are archived, and are open unless their settings say more",
        """
        INSERT INTO projects (id, name, archived_at) VALUES
            ('a', 'A', NULL), ('b', 'B', NULL), ('c', 'C', now());
        INSERT INTO project_settings (project, project_mode) VALUES
            ('a', 'private'), ('c', 'protected'), ('nobody', 'private')
        """,
        {"projects": 3, "projectsByMode.open": 2, "projectsByMode.private": 1},
    ),
    World(
        "everything else is all rows, disabled, deprecated and built-in ones included",
        """
        INSERT INTO environments (name, type, enabled) VALUES ('off', 'test', false);
        INSERT INTO context_fields (name, project) VALUES ('region', NULL), ('plan', 'default');
        INSERT INTO segments (name) VALUES ('beta'), ('staff');
        INSERT INTO strategies (name, built_in, deprecated) VALUES
            ('ours', 0, false), ('theirs', 0, true), ('nobody knows', NULL, false);
        INSERT INTO feature_strategies (id, feature_name, project_name, strategy_name)
        VALUES ('1', 'x', 'default', 'ours'), ('2', 'x', 'default', 'ours'),
               ('3', 'x', 'default', 'default')
        """,
        {
            "environments": 3,
            "contextFields": 7,
            "projectContextFields": 1,
            "segments": 2,
            "strategies": 7,
            "customStrategies": 2,
            "customStrategiesInUse": 1,
        },
    ),
)

ACCESS: Final = (
    World(
        "a custom root role is in use by a user or by a group, and counts once",
        """
        INSERT INTO roles (id, name, type) VALUES
            (101, 'by user', 'root-custom'), (102, 'by group', 'root-custom'),
            (103, 'by both', 'root-custom'), (104, 'by nobody', 'root-custom'),
            (105, 'of a project', 'custom');
        INSERT INTO role_user (role_id, user_id, project) VALUES
            (101, 1, 'a'), (101, 2, 'a'), (101, 1, 'b'), (103, 1, 'a'), (105, 1, 'a');
        INSERT INTO groups (name, root_role_id) VALUES
            ('one', 102), ('two', 102), ('three', 103), ('four', NULL), ('five', 105)
        """,
        {"groups": 5, "roles": 11, "customRootRoles": 4, "customRootRolesInUse": 3},
    ),
    World(
        "tokens are counted by type, and any text is a type",
        """
        INSERT INTO api_tokens (secret, username, type, expires_at) VALUES
            ('1', 'a', 'client', NULL), ('2', 'b', 'client', now() - interval '1 year'),
            ('3', 'c', 'admin', NULL), ('4', 'd', 'backend', NULL), ('5', 'e', 'Jürgen %', NULL),
            ('6', 'f', '', NULL)
        """,
        {
            "apiTokens.client": 2,
            "apiTokens.admin": 1,
            "apiTokens.backend": 1,
            "apiTokens.J%C3%BCrgen %25": 1,
            "apiTokens.": 1,
        },
    ),
    World(
        "tokens of the second generation are a statistic of their own",
        """
        INSERT INTO api_tokens_v2 (selector, verifier, token_name, type, environment) VALUES
            ('1', 'v', 'a', 'backend', 'x'), ('2', 'v', 'b', 'backend', 'x'),
            ('3', 'v', 'c', 'frontend', 'x')
        """,
        {"apiTokensV2.backend": 2, "apiTokensV2.frontend": 1},
    ),
    World(
        "old tokens have no colon, orphaned ones no project that is left",
        """
        INSERT INTO api_tokens (secret, username, type, seen_at) VALUES
            ('old', 'a', 'client', now()),
            ('older', 'b', 'admin', now() - interval '3 months 1 minute'),
            ('*:*.all', 'c', 'client', now()),
            ('[]:production.gone', 'd', 'backend', now() - interval '3 months' + interval '1 min'),
            ('shop:production.gone', 'e', 'frontend', NULL),
            ('shop:production.there', 'f', 'client', now()),
            ('shop:production.admin', 'g', 'admin', now());
        INSERT INTO api_token_project VALUES ('shop:production.there', 'shop')
        """,
        {
            "legacyApiTokens.all": 2,
            "legacyApiTokens.active": 1,
            "orphanedApiTokens.all": 2,
            "orphanedApiTokens.active": 1,
        },
    ),
    World(
        "personal tokens are people's, service tokens are service accounts'",
        """
        INSERT INTO users (id, username, is_service) VALUES
            (101, 'ann', false), (102, 'robot', true), (103, 'neither', NULL);
        INSERT INTO personal_access_tokens (user_id, expires_at)
        VALUES (101, now()), (102, now()), (102, now()), (103, now()), (999, now())
        """,
        {"personalAccessTokens": 2, "serviceTokens": 2},
    ),
)

TRAFFIC: Final = (
    World(
        "an application is as old as its youngest instance",
        """
        INSERT INTO client_instances (app_name, instance_id, last_seen) VALUES
            ('fresh', '1', now()), ('fresh', '2', now() - interval '60 days'),
            ('week', '1', now() - interval '7 days' + interval '1 minute'),
            ('over a week', '1', now() - interval '7 days 1 minute'),
            ('month', '1', now() - interval '30 days' + interval '1 minute'),
            ('over a month', '1', now() - interval '30 days 1 minute'), ('never', '1', NULL)
        """,
        {"clientApps.7d": 2, "clientApps.30d": 4, "clientApps.allTime": 6},
    ),
    World(
        "yesterday is the day before today in UTC, its first instant included",
        """
        INSERT INTO client_metrics_env (feature_name, app_name, environment, timestamp)
        SELECT 'x', 'shop', 'live', date_trunc('day', now(), 'UTC') + at::interval
        FROM unnest('{-1 day,-1 second,-12:00,0,-1 day -1 second,1:00}'::text[]) AS at;
        INSERT INTO client_metrics_env_variants
            (feature_name, app_name, environment, timestamp, variant)
        SELECT 'x', 'shop', 'live', date_trunc('day', now(), 'UTC') - interval '1 day', variant
        FROM unnest('{blue,green}'::text[]) AS variant
        """,
        {
            "previousDayMetricsBucketsCount.enabledCount": 3,
            "previousDayMetricsBucketsCount.variantCount": 2,
        },
    ),
    World(
        "this month's traffic begins on the first, UTC",
        """
        INSERT INTO stat_traffic_usage (day, traffic_group, status_code_series, count)
        SELECT date_trunc('month', now(), 'UTC')::date + days, 'api', series, number
        FROM (VALUES (0, 200, 5), (0, 300, 6), (-1, 200, 1000))
             AS made(days, series, number)
        """,
        {"trafficThisMonth": 11},
    ),
)

LIMITS: Final = (
    World(
        "the largest of everything leaves archived flags out",
        """
        INSERT INTO features (name, project, archived_at) VALUES
            ('live', 'default', NULL), ('second', 'default', NULL), ('other', 'x', NULL),
            ('archived', 'default', now());
        INSERT INTO feature_strategies
            (id, feature_name, project_name, environment, strategy_name, constraints)
        VALUES
            ('1', 'live', 'default', 'production', 'default', '[]'),
            ('2', 'live', 'default', 'production', 'default', '[{}, {"values": null}, {}]'),
            ('3', 'live', 'default', 'development', 'default', '[{"values": ["a", "b"]}]'),
            ('4', 'second', 'default', 'development', 'default', '[{"values": []}]'),
            ('5', 'archived', 'default', 'production', 'default', '[{},{},{},{},{}]'),
            ('6', 'archived', 'default', 'production', 'default', '[{"values": [1,2,3,4]}]'),
            ('7', 'archived', 'default', 'production', 'default', '[]');
        INSERT INTO project_environments (project_id, environment_name)
        VALUES ('x', 'production'), ('x', 'development'), ('x', 'test')
        """,
        {
            "maxEnvironmentStrategies": 2,
            "maxConstraints": 3,
            "maxConstraintValues": 2,
            "largestProjectFeatureEnvironments": 4,
        },
    ),
    World(
        "constraints that are NULL, as before 7.2.3, cost nothing",
        """
        ALTER TABLE feature_strategies ALTER COLUMN constraints DROP NOT NULL;
        INSERT INTO features (name) VALUES ('live');
        INSERT INTO feature_strategies
            (id, feature_name, project_name, strategy_name, constraints)
        VALUES ('1', 'live', 'default', 'default', NULL),
               ('2', 'live', 'default', 'default', '[{"values": ["a"]}]')
        """,
        {"maxConstraints": 1, "maxConstraintValues": 1, "maxEnvironmentStrategies": 2},
    ),
    World(
        "sizes are what PostgreSQL stores for constraints, variants and parameters",
        """
        INSERT INTO feature_strategies (id, feature_name, project_name, environment,
                                        strategy_name, parameters, constraints, variants)
        SELECT n::text, feature, 'default', 'production', 'default', '{"rollout": "50"}',
               '[{"values": ["a", "b"]}]', '[]'
        FROM unnest('{large,large,small}'::text[]) WITH ORDINALITY AS made(feature, n)
        """,
        {"largestFeatureEnvironmentSize": 140, "largestProjectEnvironmentSize": 210},
    ),
)


def _switches(enabled: str, *, on: bool) -> World:
    names = {
        "SAMLenabled": "unleash.enterprise.auth.saml",
        "OIDCenabled": "unleash.enterprise.auth.oidc",
        "SCIMenabled": "scim",
    }
    sql = "".join(_setting(name, enabled) for name in names.values())
    return World(f"a switch that holds {enabled}", sql, dict.fromkeys(names, on))


def _password(content: str, *, on: bool) -> World:
    sql = _setting("unleash.auth.simple", content)
    return World(f"password sign-in that holds {content}", sql, {"passwordAuthEnabled": on})


SWITCHES: Final = (
    _switches("""'{"enabled": true}'""", on=True),
    *(
        _switches(content, on=False)
        for content in (
            """'{"enabled": false}'""",
            """'{"enabled": "true"}'""",
            """'{"enabled": 1}'""",
            """'{"enabled": null}'""",
            """'{"Enabled": true}'""",
            "'{}'",
            "'null'",
            "NULL",
        )
    ),
    *(_password(f"""'{{"disabled": {value}}}'""", on=False) for value in ("true", "null", "0")),
    _password("""'{"disabled": "false"}'""", on=False),
    *(_password(content, on=True) for content in ("""'{"disabled": false}'""", "'{}'", "NULL")),
    _password("'null'", on=True),
)

WORLDS: Final = (
    *PEOPLE, *FLAGS, *CHANGES, *STRUCTURE, *ACCESS, *TRAFFIC, *LIMITS, *SWITCHES,
)  # fmt: skip
