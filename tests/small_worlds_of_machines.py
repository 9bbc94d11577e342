"""Small worlds of access, traffic and limits; see `small_worlds`."""

from typing import Final

from tests.small_worlds import World


def _setting(name: str, content: str) -> str:
    return f"INSERT INTO settings VALUES ('{name}', {content});"


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

WORLDS: Final = (*ACCESS, *TRAFFIC, *LIMITS, *SWITCHES)
