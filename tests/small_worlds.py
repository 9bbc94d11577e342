"""Small worlds: rows added to a fresh Unleash 8.2.0 database, and what is counted then.

A fresh database has the user `admin`, two system users, two environments, one project, four
strategies, five context fields, six roles and one release template.
"""

from dataclasses import dataclass
from typing import Final

from warehouse.payload import Value


@dataclass(frozen=True)
class World:
    """Some rows, and the values of the statistics that count them."""

    story: str
    sql: str
    values: dict[str, Value]


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

WORLDS: Final = (*PEOPLE, *FLAGS, *CHANGES, *STRUCTURE)
