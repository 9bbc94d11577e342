-- What was changed up to now: a row per environment and day, and every event behind it.
-- Goes on after the newest event, so the same words load a past and live a day.

CREATE TEMP TABLE happened (
    created_at timestamptz, type text, person bigint, data jsonb,
    project text, feature_name text, environment text
) ON COMMIT DROP;

INSERT INTO happened (created_at, type, person, project, feature_name)
SELECT created_at, 'feature-created', created_by_user_id, project, name FROM features
UNION ALL
SELECT archived_at, 'feature-archived', 2, project, name FROM features;

INSERT INTO happened (created_at, type, person, data)
SELECT created_at AT TIME ZONE 'UTC',
       CASE WHEN is_service THEN 'service-account-created' ELSE 'user-created' END,
       1, jsonb_build_object('id', id)
FROM users WHERE id > 1
UNION ALL
SELECT deleted_at, 'user-deleted', 1, jsonb_build_object('id', id) FROM users
UNION ALL
SELECT created_at, 'group-created', 1, jsonb_build_object('id', id) FROM groups
UNION ALL
SELECT created_at, 'role-created', 1, jsonb_build_object('id', id)
FROM roles WHERE type IN ('custom', 'root-custom')
UNION ALL
SELECT created_at, 'segment-created', 3, jsonb_build_object('id', id) FROM segments
UNION ALL
SELECT created_at, 'environment-created', 1, jsonb_build_object('name', name)
FROM environments WHERE name IN ('test', 'preproduction')
UNION ALL
SELECT created_at AT TIME ZONE 'UTC', 'context-field-created', 3, jsonb_build_object('name', name)
FROM context_fields WHERE sort_order = 10
UNION ALL
SELECT created_at, 'strategy-created', 1, jsonb_build_object('name', name)
FROM strategies WHERE built_in = 0
UNION ALL
SELECT created_at, 'api-token-created', 1, jsonb_build_object('type', type) FROM api_tokens
UNION ALL
SELECT moment, type, 1 + n % 9, jsonb_build_object('n', n) FROM transfers;

INSERT INTO happened (created_at, type, person, project)
SELECT created_at AT TIME ZONE 'UTC', 'project-created', 2, id FROM projects WHERE id <> 'default'
UNION ALL
SELECT archived_at, 'project-archived', 2, id FROM projects;

DELETE FROM happened
WHERE created_at IS NULL OR created_at <= (SELECT max(created_at) FROM events);

CREATE TEMP TABLE days ON COMMIT DROP AS
SELECT day, name AS environment, pg_temp.changes(day, name) AS changes
FROM generate_series(
         (SELECT coalesce(max(known.day)::timestamptz, date_trunc('day', pg_temp.ago(1089)))
          FROM stat_environment_updates AS known WHERE known.environment <> '*'),
         pg_temp.ago(0), '1 day') AS day,
     environments;

-- The newest day that has a row may have been half over: its changes so far are not made twice.
INSERT INTO happened (created_at, type, person, project, feature_name, environment)
SELECT days.day + interval '7.5 hours' + interval '10 hours' * n / changes,
       pg_temp.pick('{feature-environment-enabled,feature-environment-enabled,
                      feature-environment-disabled,feature-strategy-add,feature-strategy-update,
                      feature-strategy-update,feature-strategy-update,feature-strategy-remove}',
                    'change', seed),
       pg_temp.roll('who', seed, 2, 40 + floor(280 * pg_temp.growth(days.day))::int),
       project, name, days.environment
FROM days
LEFT JOIN stat_environment_updates AS known
       ON known.day = days.day::date AND known.environment = days.environment
CROSS JOIN LATERAL generate_series(
    coalesce(updates, 0) + 1, floor(changes * pg_temp.done(days.day, pg_temp.ago(0)))::int) AS n
CROSS JOIN LATERAL (
    SELECT hashtextextended(days.environment, n + 1000 * pg_temp.day_number(days.day))) AS _(seed)
CROSS JOIN LATERAL (
    SELECT 900 * power(pg_temp.growth(days.day), 1.25)
           * (1 - 0.4 * power(pg_temp.chance('which', seed), 2))) AS __(youngest)
JOIN (SELECT name, project, row_number() OVER (ORDER BY created_at, name) AS flag
      FROM features) AS numbered
  ON flag = greatest(1, floor(youngest)::int);

INSERT INTO stat_environment_updates AS known (day, environment, updates)
SELECT created_at::date, coalesce(environment, '*') AS place, count(*)
FROM happened
GROUP BY created_at::date, place
ORDER BY created_at::date, place
ON CONFLICT (day, environment) DO UPDATE SET updates = known.updates + excluded.updates;

INSERT INTO events (created_at, type, created_by, project, environment, feature_name, data,
                    announced, created_by_user_id)
SELECT created_at, type,
       CASE person WHEN 1 THEN 'admin' ELSE pg_temp.person_email(person - 1) END,
       project, environment, feature_name, data, true, person
FROM happened
ORDER BY created_at, type, environment, feature_name, project, person, data;
