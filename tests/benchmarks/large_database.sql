-- A large, lived-in Unleash 8.2 database, by arithmetic: the same rows on every run but for the clock.
--
-- large_database.py runs this in one session, with the scale in the setting `benchmark.scale` and with
-- triggers and foreign keys switched off. Heaps grow in the order in which a server would have written
-- them, because the speed of a scan over recent rows depends on it.

CREATE FUNCTION pg_temp.rows(wanted int) RETURNS SETOF int LANGUAGE sql STABLE AS
$$ SELECT generate_series(1, greatest(1, (wanted * current_setting('benchmark.scale')::float)::int)) $$;

CREATE FUNCTION pg_temp.scaled(wanted int) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT greatest(1, (wanted * current_setting('benchmark.scale')::float)::int) $$;

-- Multiplicative hashing; the middle bits are the ones that look random.
CREATE FUNCTION pg_temp.dice(sides int, throw bigint, salt int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT ((((throw * 2654435761 + salt * 97531) & 4294967295) >> 7) % sides)::int $$;

CREATE FUNCTION pg_temp.ago(longest interval, throw bigint, salt int) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT now() - longest * (pg_temp.dice(1000003, throw, salt) / 1000003.0) $$;

CREATE FUNCTION pg_temp.environment(n int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['production', 'development', 'staging', 'production-eu', 'test', 'sandbox'])[1 + n] $$;

-- Places ---------------------------------------------------------------------------------------------

INSERT INTO environments (name, sort_order, type, enabled) VALUES
    ('staging', 4, 'preproduction', true), ('production-eu', 5, 'production', true),
    ('test', 6, 'test', true), ('sandbox', 7, 'development', false);

INSERT INTO projects (id, name, created_at, archived_at)
SELECT 'project-' || i, 'Project ' || i, pg_temp.ago('3 years', i, 1),
       CASE WHEN i % 20 = 0 THEN pg_temp.ago('1 year', i, 2) END
FROM generate_series(1, 200) AS i;

INSERT INTO project_settings (project, project_mode)
SELECT 'project-' || i, (ARRAY['open', 'open', 'protected', 'private'])[1 + i % 4]
FROM generate_series(1, 180) AS i;

INSERT INTO project_environments (project_id, environment_name)
SELECT 'project-' || i, pg_temp.environment(e) FROM generate_series(1, 200) AS i, generate_series(0, 5) AS e
WHERE e < 3 + i % 4;

INSERT INTO context_fields (name, project)
SELECT 'field-' || i, CASE WHEN i % 3 = 0 THEN 'project-' || (1 + i % 200) END FROM generate_series(1, 90) AS i;

INSERT INTO segments (name, constraints, segment_project_id)
SELECT 'segment-' || i, jsonb_build_array(jsonb_build_object(
           'contextName', 'userId', 'operator', 'IN', 'values', to_jsonb(array_agg('user-' || v)))),
       CASE WHEN i % 4 = 0 THEN 'project-' || (1 + i % 200) END
FROM generate_series(1, 300) AS i, generate_series(1, 200) AS v GROUP BY i;

INSERT INTO strategies (name, description, parameters, built_in, deprecated)
SELECT 'custom-' || i, 'Own strategy', '[]', 0, i % 5 = 0 FROM generate_series(1, 25) AS i;

INSERT INTO release_plan_definitions (id, discriminator, name, feature_name, environment, created_by_user_id,
                                      archived_at)
SELECT 'release-' || i, CASE WHEN i % 10 = 0 THEN 'template' ELSE 'plan' END, 'Release ' || i,
       CASE WHEN i % 10 > 0 THEN 'flag-' || i END, CASE WHEN i % 10 > 0 THEN 'production' END, 1,
       CASE WHEN i % 30 = 0 THEN now() END
FROM pg_temp.rows(3000) AS i;

INSERT INTO settings (name, content) VALUES
    ('unleash.enterprise.auth.saml', '{"enabled": true, "entityId": "unleash"}'),
    ('unleash.enterprise.auth.oidc', '{"enabled": false}'),
    ('unleash.auth.simple', '{"disabled": false}'),
    ('scim', '{"enabled": true}');

-- People ---------------------------------------------------------------------------------------------

INSERT INTO users (name, username, email, image_url, password_hash, created_at, seen_at, first_seen_at, email_hash,
                   deleted_at, is_service, seat_type)
SELECT 'Person ' || i, 'person-' || i, 'person-' || i || '@example.com',
       CASE WHEN i % 3 = 0 THEN 'https://images.example.com/people/' || i || '.png' END,
       CASE WHEN i % 4 > 0 THEN '$2a$10$' || repeat(substr(md5(i::text), 1, 26), 2) || 'x' END,
       pg_temp.ago('3 years', i, 3),
       CASE WHEN i % 5 > 0 THEN pg_temp.ago('200 days', i, 4) END, CASE WHEN i % 5 > 0 THEN pg_temp.ago('3 years', i, 3) END,
       CASE WHEN i % 50 > 0 THEN encode(sha256(('person-' || i % pg_temp.scaled(98000))::bytea), 'hex') END,
       CASE WHEN i % 12 = 0 THEN pg_temp.ago('400 days', i, 5) END,
       CASE i % 500 WHEN 0 THEN NULL WHEN 1 THEN true WHEN 2 THEN true ELSE false END,
       CASE i % 7 WHEN 0 THEN 'ReadOnly' WHEN 1 THEN NULL ELSE 'Regular' END
FROM pg_temp.rows(100000) AS i;

INSERT INTO personal_access_tokens (description, user_id, expires_at, seen_at, created_at, secret, selector, verifier)
SELECT 'token ' || i, 2 + pg_temp.dice(pg_temp.scaled(100000), i / 3, 6), now() + '90 days',
       CASE WHEN i % 3 > 0 THEN pg_temp.ago('120 days', i, 7) END, pg_temp.ago('1 year', i, 8),
       CASE WHEN i % 2 = 0 THEN 'user:' || md5('pat' || i) END,
       CASE WHEN i % 2 = 1 THEN md5('selector' || i) END, CASE WHEN i % 2 = 1 THEN md5('verifier' || i) END
FROM pg_temp.rows(20000) AS i;

INSERT INTO roles (name, description, type)
SELECT 'Role ' || i, 'Role ' || i, CASE WHEN i % 2 = 0 THEN 'root-custom' ELSE 'custom' END
FROM generate_series(1, 60) AS i;

INSERT INTO groups (name, created_by, root_role_id)
SELECT 'Group ' || i, 'admin', CASE WHEN i % 20 = 0 THEN (SELECT max(id) FROM roles) - i % 60 END
FROM pg_temp.rows(800) AS i;

INSERT INTO group_user (group_id, user_id)
SELECT g, 2 + pg_temp.dice(pg_temp.scaled(100000), g * 50 + u, 9)
FROM pg_temp.rows(800) AS g, generate_series(1, 20) AS u ON CONFLICT DO NOTHING;

INSERT INTO role_user (role_id, user_id, project)
SELECT CASE WHEN i % 40 = 0 THEN (SELECT max(id) FROM roles) - i % 50 ELSE 1 + i % 5 END, 1 + i,
       CASE WHEN i % 5 < 3 THEN 'default' ELSE 'project-' || (1 + i % 200) END
FROM pg_temp.rows(100000) AS i;

INSERT INTO role_user (role_id, user_id, project)
SELECT 4 + i % 2, 1 + i, 'project-' || (1 + (i + 7) % 200) FROM pg_temp.rows(50000) AS i ON CONFLICT DO NOTHING;

-- Tokens ---------------------------------------------------------------------------------------------

INSERT INTO api_tokens (secret, username, token_name, type, environment, expires_at, seen_at)
SELECT CASE WHEN i % 25 = 0 THEN md5('old' || i)
            ELSE 'project-' || (1 + i % 200) || ':' || pg_temp.environment(i % 6) || '.' || md5(i::text) END,
       'token-' || i, 'token-' || i, (ARRAY['client', 'client', 'backend', 'frontend', 'admin'])[1 + i % 5],
       pg_temp.environment(i % 6), CASE WHEN i % 9 = 0 THEN pg_temp.ago('1 year', i, 10) END, pg_temp.ago('1 year', i, 11)
FROM pg_temp.rows(3000) AS i;

INSERT INTO api_token_project (secret, project)
SELECT secret, split_part(secret, ':', 1) FROM api_tokens WHERE secret LIKE 'project-%' AND length(token_name) % 3 > 0;

INSERT INTO api_tokens_v2 (selector, verifier, token_name, type, environment, seen_at)
SELECT md5('s' || i), md5('v' || i), 'secure-' || i, (ARRAY['backend', 'frontend', 'admin'])[1 + i % 3],
       pg_temp.environment(i % 6), pg_temp.ago('1 year', i, 12)
FROM pg_temp.rows(1000) AS i;

-- Flags ----------------------------------------------------------------------------------------------

INSERT INTO features (created_at, name, description, type, stale, project, archived_at, potentially_stale)
SELECT now() - '3 years'::interval * (1 - i / pg_temp.scaled(20000)::float), 'flag-' || i, 'What flag ' || i || ' is for',
       (ARRAY['release', 'release', 'release', 'experiment', 'operational', 'kill-switch', 'permission', 'sunset'])[1 + i % 8],
       i % 9 = 0, 'project-' || (1 + pg_temp.dice(200, i, 13)),
       CASE WHEN i % 4 = 0 THEN pg_temp.ago('1 year', i, 14) END, i % 13 = 0
FROM pg_temp.rows(20000) AS i;

INSERT INTO feature_environments (environment, feature_name, enabled)
SELECT pg_temp.environment(e), 'flag-' || i, pg_temp.dice(2, i * 6 + e, 15) = 0
FROM pg_temp.rows(20000) AS i, generate_series(0, 3) AS e;

-- Constraints are dear to make and cheap to repeat: 4000 different ones, shared by all strategies.
CREATE TEMP TABLE constraint_pool AS
SELECT p AS slot, coalesce(c.constraints, '[]') AS constraints
FROM generate_series(0, 3999) AS p CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'contextName', (ARRAY['userId', 'appName', 'region', 'plan'])[1 + n % 4],
               'operator', (ARRAY['IN', 'NOT_IN', 'STR_CONTAINS'])[1 + (n + p) % 3],
               'inverted', n % 5 = 0, 'caseInsensitive', n % 2 = 0, 'values', v.chosen)) AS constraints
    FROM generate_series(1, pg_temp.dice(9, p, 16)) AS n CROSS JOIN LATERAL (
        SELECT jsonb_agg('value-' || pg_temp.dice(1000000, p * 400 + n * 50 + s, 17)) AS chosen
        FROM generate_series(1, 1 + pg_temp.dice(50, p * 9 + n, 18)) AS s
    ) AS v
) AS c;
CREATE UNIQUE INDEX ON constraint_pool (slot);
ANALYZE constraint_pool;

INSERT INTO feature_strategies (id, feature_name, project_name, environment, strategy_name, parameters, constraints,
                                sort_order, disabled)
SELECT md5('strategy' || i)::uuid, f.name, f.project, pg_temp.environment(pg_temp.dice(4, i, 19)),
       CASE WHEN i % 15 = 0 THEN 'custom-' || (1 + i % 20) WHEN i % 3 = 0 THEN 'default' ELSE 'flexibleRollout' END,
       CASE WHEN i % 3 = 0 THEN '{}' ELSE jsonb_build_object(
           'rollout', (i % 101)::text, 'stickiness', 'default', 'groupId', f.name) END,
       pool.constraints, i % 10, i % 20 = 0
FROM pg_temp.rows(60000) AS i
JOIN features AS f ON f.name = 'flag-' || (1 + i % pg_temp.scaled(20000))
JOIN constraint_pool AS pool ON pool.slot = pg_temp.dice(4000, i, 20);

INSERT INTO feature_lifecycles (feature, stage, created_at)
SELECT 'flag-' || i, (ARRAY['initial', 'pre-live', 'live', 'completed', 'archived'])[s],
       now() - '2 years'::interval + '40 days'::interval * s + '1 minute'::interval * (i % 10000)
FROM pg_temp.rows(20000) AS i, generate_series(1, 5) AS s WHERE s <= 1 + i % 5;

INSERT INTO unknown_flags (name, app_name, seen_at, environment)
SELECT 'unknown-' || i % 1500, 'app-' || i, pg_temp.ago('7 days', i, 21), pg_temp.environment(i % 6)
FROM pg_temp.rows(5000) AS i;

INSERT INTO change_requests (environment, state, project, created_by, created_at, title)
SELECT pg_temp.environment(i % 2), (ARRAY['Applied', 'Applied', 'Applied', 'Cancelled', 'Rejected', 'Draft', 'In review'])[1 + i % 7],
       'project-' || (1 + i % 200), 2 + i, pg_temp.ago('2 years', i, 22), 'Change ' || i
FROM pg_temp.rows(8000) AS i;

-- Applications and their traffic -----------------------------------------------------------------------

INSERT INTO client_applications (app_name, created_at, seen_at, announced)
SELECT 'app-' || i, pg_temp.ago('3 years', i, 23), pg_temp.ago('30 days', i, 24), true FROM pg_temp.rows(2000) AS i;

INSERT INTO client_instances (app_name, instance_id, client_ip, last_seen, created_at, sdk_version, environment, sdk_type)
SELECT 'app-' || (1 + pg_temp.dice(pg_temp.scaled(2000), i, 25)), md5('instance' || i), '10.0.0.' || i % 250,
       pg_temp.ago('1 day'::interval * CASE WHEN i % 10 < 6 THEN 1 ELSE 60 END, i, 26), pg_temp.ago('90 days', i, 27),
       'unleash-client-node:6.' || i % 8 || '.0', pg_temp.environment(i % 6), 'backend'
FROM pg_temp.rows(50000) AS i;

INSERT INTO stat_traffic_usage (day, traffic_group, status_code_series, count)
SELECT current_date - d, g, c, 100000 + pg_temp.dice(500000, d * 10 + c, 28)
FROM generate_series(0, 1095) AS d, unnest(ARRAY['/api/admin', '/api/client', '/api/frontend', '/edge']) AS g,
     unnest(ARRAY[200, 300, 400, 500]) AS c;

INSERT INTO stat_environment_updates (day, environment, updates)
SELECT current_date - d, pg_temp.environment(e), 1 + pg_temp.dice(400, d * 6 + e, 29)
FROM generate_series(1095, 0, -1) AS d, generate_series(0, 5) AS e ON CONFLICT DO NOTHING;

INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)
SELECT bucket, 'edge-' || n
FROM generate_series(date_trunc('month', now()) - '14 months'::interval * current_setting('benchmark.scale')::float,
                     now(), '5 minutes') AS bucket, generate_series(1, 5) AS n;

-- The two long tables ----------------------------------------------------------------------------------

-- Building an index once is several times cheaper than keeping it during five million inserts.
UPDATE pg_index SET indisready = false WHERE indrelid IN (
    'events'::regclass, 'client_metrics_env'::regclass, 'client_metrics_env_variants'::regclass);

CREATE TEMP TABLE event_mix AS
SELECT row_number() OVER () - 1 AS slot, kind
FROM (VALUES
    ('feature-environment-enabled', 1700), ('feature-environment-disabled', 1200), ('feature-strategy-update', 1500),
    ('feature-strategy-add', 900), ('feature-strategy-remove', 400), ('feature-created', 700), ('feature-updated', 500),
    ('feature-metadata-updated', 400), ('feature-archived', 300), ('feature-revived', 30), ('feature-deleted', 150),
    ('feature-stale-on', 200), ('feature-stale-off', 60), ('feature-tagged', 300), ('feature-untagged', 60),
    ('feature-environment-variants-updated', 200), ('feature-potentially-stale-on', 150), ('feature-completed', 150),
    ('user-created', 200), ('user-updated', 150), ('user-deleted', 70), ('application-created', 200),
    ('api-token-created', 120), ('api-token-deleted', 70), ('api-token-updated', 60), ('segment-created', 30),
    ('segment-updated', 80), ('project-created', 10), ('project-updated', 57), ('project-access-updated', 50),
    ('features-exported', 2), ('features-imported', 1)) AS mix (kind, weight), generate_series(1, weight);
ANALYZE event_mix;

INSERT INTO events (id, created_at, type, created_by, data, project, environment, feature_name, announced,
                    created_by_user_id, ip)
SELECT 1000 + i, now() - '3 years'::interval * (1 - i / pg_temp.scaled(5000000)::float), kind,
       'person-' || pg_temp.dice(30000, i, 30), json_build_object('name', 'flag-' || i % 20000, 'enabled', i % 2 = 0,
       'rollout', (i % 101)::text), 'project-' || (1 + pg_temp.dice(200, i % 20000, 13)),
       CASE WHEN kind LIKE 'feature-%' AND i % 3 > 0 THEN pg_temp.environment(pg_temp.dice(6, i, 31)) END,
       CASE WHEN kind LIKE 'feature%' THEN 'flag-' || i % 20000 END, true, 2 + pg_temp.dice(30000, i, 30), '10.1.2.3'
FROM pg_temp.rows(5000000) AS i JOIN event_mix ON slot = pg_temp.dice(10000, i, 32);

-- Hours outside, series inside: the heap is in the order of time, as a server leaves it.
INSERT INTO client_metrics_env (feature_name, app_name, environment, "timestamp", yes, no)
SELECT 'flag-' || s % pg_temp.scaled(20000), 'app-' || (1 + s % pg_temp.scaled(2000)),
       pg_temp.environment(s / pg_temp.scaled(20000)), date_trunc('hour', now()) - '1 hour'::interval * h,
       pg_temp.dice(9000, s * 48 + h, 33), pg_temp.dice(3000, s * 48 + h, 34)
FROM generate_series(47, 0, -1) AS h, generate_series(0, pg_temp.scaled(104166) - 1) AS s;

INSERT INTO client_metrics_env_variants (feature_name, app_name, environment, "timestamp", variant, count)
SELECT feature_name, app_name, environment, "timestamp", variant, yes / 2
FROM client_metrics_env, unnest(ARRAY['blue', 'green']) AS variant
WHERE pg_temp.dice(10, hashtext(feature_name) & 16777215, 35) = 0;

UPDATE pg_index SET indisready = true WHERE NOT indisready;
REINDEX TABLE events;
REINDEX TABLE client_metrics_env;
REINDEX TABLE client_metrics_env_variants;

-- A server that starts deletes old metrics and instances; here they shall stay as they were measured.
CREATE RULE benchmark_keeps_rows AS ON DELETE TO client_instances DO INSTEAD NOTHING;
CREATE RULE benchmark_keeps_rows AS ON DELETE TO client_metrics_env DO INSTEAD NOTHING;
CREATE RULE benchmark_keeps_rows AS ON DELETE TO client_metrics_env_variants DO INSTEAD NOTHING;

SELECT setval(pg_get_serial_sequence('events', 'id'), max(id)) FROM events;
