-- One more day, the one that ends at demo.now: people come and go, flags are made and cleaned up.
-- The day's own number makes it differ from others. What flows by itself is in traffic.sql.

CREATE TEMP TABLE today ON COMMIT DROP AS
SELECT number, extract(isodow FROM date '2000-01-01' + number) < 6 AS working
FROM pg_temp.day_number(pg_temp.ago(0.5)) AS number;

-- People

UPDATE users
SET seen_at = seen AT TIME ZONE 'UTC',
    first_seen_at = coalesce(users.first_seen_at, seen AT TIME ZONE 'UTC')
FROM users AS visitor,
     LATERAL pg_temp.last_visit(visitor.id - 1, pg_temp.ago(1), pg_temp.ago(0)) AS seen
WHERE users.id = visitor.id AND seen IS NOT NULL
  AND visitor.id > 1 AND visitor.deleted_at IS NULL AND NOT visitor.is_service;

UPDATE users SET seen_at = pg_temp.ago(0.2) AT TIME ZONE 'UTC' WHERE is_service;

UPDATE personal_access_tokens SET seen_at = pg_temp.ago(0.1 * pg_temp.chance('token used', id))
FROM today
WHERE expires_at > pg_temp.ago(0) AND pg_temp.chance('token day', id * 100000 + number) < 0.3;

UPDATE users
SET deleted_at = pg_temp.ago(0.05), updated_at = pg_temp.ago(0.05),
    email = NULL, name = name || ' (deleted)'
WHERE id = (SELECT id
            FROM users, today
            WHERE working AND pg_temp.chance('farewell', number) < 0.25
              AND id > 45 AND deleted_at IS NULL AND NOT is_service
            ORDER BY pg_temp.chance('leaver', id * 100000 + number)
            LIMIT 1);

INSERT INTO users (id, name, email, created_at, first_seen_at, seen_at, email_hash, updated_at,
                   seat_type, created_by_user_id)
SELECT id, pg_temp.person_name(id - 1), pg_temp.person_email(id - 1),
       joined AT TIME ZONE 'UTC', joined AT TIME ZONE 'UTC', joined AT TIME ZONE 'UTC',
       md5(pg_temp.person_email(id - 1)), joined,
       CASE WHEN pg_temp.chance('reads only', id) < 0.13 THEN 'ReadOnly' ELSE 'Regular' END, 1
FROM today,
     LATERAL generate_series(1, pg_temp.roll('arrivals', number, 1, 3)) AS n,
     LATERAL (SELECT max(id) + n FROM users) AS _(id),
     LATERAL pg_temp.ago(0.3 - n * 0.04) AS joined
WHERE working;

SELECT setval('users_id_seq', (SELECT max(id) FROM users));

INSERT INTO role_user (role_id, user_id, created_at, project, created_by_user_id)
SELECT 2, id, pg_temp.ago(0.1), 'default', 1
FROM users
WHERE id > 1 AND created_at > pg_temp.ago(1) AT TIME ZONE 'UTC';

-- Flags: some are cleaned up, some outlive their time, new ones come

UPDATE features SET archived_at = pg_temp.ago(0.1 + rank * 0.01)
FROM today,
     (SELECT name,
             row_number() OVER (ORDER BY pg_temp.chance(name, number)) AS rank
      FROM features, today
      WHERE archived_at IS NULL AND created_at < pg_temp.ago(60)
        AND type IN ('release', 'experiment', 'operational')) AS old
WHERE working AND features.name = old.name
  AND rank <= pg_temp.roll('clean-up', number, 1, 2);

INSERT INTO feature_lifecycles (feature, stage, created_at)
SELECT name, 'archived', archived_at
FROM features
WHERE archived_at > pg_temp.ago(1)
ON CONFLICT DO NOTHING;

UPDATE features SET stale = true, potentially_stale = false
FROM today
WHERE potentially_stale AND archived_at IS NULL AND pg_temp.chance('stale ' || name, number) < 0.01;

UPDATE features SET potentially_stale = true
WHERE archived_at IS NULL AND NOT stale AND created_at < pg_temp.ago(40)
  AND type IN ('release', 'experiment');

CREATE TEMP TABLE flags ON COMMIT DROP AS
SELECT flag,
       pg_temp.pick('{release,release,experiment,operational,release,kill-switch}', 'kind', flag)
           AS type,
       pg_temp.pick('{checkout,web-shop,search,mobile-app,pricing,stores,labs}', 'home', flag)
           AS project,
       pg_temp.ago(0.35 - n * 0.04) AS created, NULL::timestamptz AS archived
FROM today,
     LATERAL generate_series(1, pg_temp.roll('new flags', number, 2, 5)) AS n,
     LATERAL (SELECT count(*) + n FROM features) AS _(flag)
WHERE working;

CREATE TEMP TABLE transfers ON COMMIT DROP AS
SELECT number AS n, 'features-exported' AS type, pg_temp.ago(0.25) AS moment
FROM today
WHERE working AND pg_temp.chance('transfer', number) < 0.5;

-- Applications and their tokens

INSERT INTO client_instances (app_name, instance_id, client_ip, last_seen, created_at, sdk_version,
                              environment, sdk_type)
SELECT pg_temp.app_name(app), 'instance-3', '10.2.' || app || '.3', pg_temp.ago(0.1),
       pg_temp.ago(0.2), 'unleash-client-node:6.6.0', 'production', 'backend'
FROM today,
     LATERAL (SELECT count(DISTINCT app_name) + 1 FROM client_instances) AS _(app)
WHERE working AND pg_temp.chance('first deployment', number) < 0.6;

INSERT INTO client_applications (app_name, created_at, updated_at, seen_at, announced, created_by)
SELECT app_name, created_at, created_at, last_seen, true, 'unknown'
FROM client_instances
WHERE created_at > pg_temp.ago(1)
ON CONFLICT (app_name) DO UPDATE SET seen_at = excluded.seen_at;

INSERT INTO api_tokens (secret, username, type, created_at, seen_at, environment, token_name,
                        created_by_user_id)
SELECT '*:production.' || md5(name), name, 'backend', pg_temp.ago(0.4), pg_temp.ago(0.1),
       'production', name, 1
FROM today, LATERAL (SELECT 'token-' || number) AS _(name)
WHERE working AND pg_temp.chance('new token', number) < 0.4;
