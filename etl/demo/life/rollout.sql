-- The rows of the flags in the temporary table `flags`: those of three years, or of one day.
-- Three young flags (874, 881, 888) are the extremes that the statistics named max… find.

INSERT INTO features (name, type, project, created_at, archived_at, stale, potentially_stale,
                      last_seen_at, impression_data, created_by_user_id)
SELECT pg_temp.flag_name(flag),
       CASE WHEN type = 'release' AND flag BETWEEN 885 AND 895 THEN 'sunset' ELSE type END,
       project, created, archived,
       stale,
       outlived AND NOT stale,
       CASE WHEN archived IS NOT NULL THEN archived - interval '1 day'
            WHEN pg_temp.chance('used', flag) < 0.85
            THEN pg_temp.ago(0.4 * pg_temp.chance('last use', flag)) END,
       type = 'experiment',
       pg_temp.roll('maker', flag, 2, 31)
FROM flags,
     LATERAL (SELECT archived IS NULL AND type IN ('release', 'experiment', 'operational')
                     AND created < pg_temp.ago(40)) AS _(outlived),
     LATERAL (SELECT outlived AND created < pg_temp.ago(150)
                     AND pg_temp.chance('stale', flag) < 0.45) AS __(stale)
ORDER BY flag;

INSERT INTO feature_environments (environment, feature_name, enabled, last_seen_at)
SELECT environments.name, features.name,
       pg_temp.chance(environments.name, flag)
           < CASE environments.name
                 WHEN 'development' THEN 0.9
                 WHEN 'test' THEN 0.8
                 WHEN 'preproduction' THEN 0.65
                 ELSE 0.55
             END,
       features.last_seen_at
FROM flags
JOIN features ON features.name = pg_temp.flag_name(flag)
CROSS JOIN environments
ORDER BY flag, environments.sort_order;

CREATE TEMP TABLE rollouts ON COMMIT DROP AS
SELECT flags.*, environment, e, n, flag * 97 + e * 17 + n AS seed,
       CASE WHEN flag = 888 AND e = 4 THEN 9
            ELSE floor(3.2 * power(pg_temp.chance('constraints', flag * 97 + e * 17 + n), 3))::int
       END AS constraint_count
FROM flags
CROSS JOIN unnest('{development,test,preproduction,production}'::text[])
               WITH ORDINALITY AS stage(environment, e)
CROSS JOIN LATERAL generate_series(
    1, CASE WHEN flag = 874 AND e = 4 THEN 14
            WHEN e = 4 THEN 1 + floor(3.4 * power(pg_temp.chance('strategies', flag), 3))::int
            ELSE 1 END) AS n;

INSERT INTO feature_strategies (id, feature_name, project_name, environment, strategy_name,
                                parameters, constraints, sort_order, created_at, disabled)
SELECT md5(flag || environment || n)::uuid, pg_temp.flag_name(flag), project, environment,
       CASE WHEN pg_temp.chance('strategy', seed) < 0.86 THEN 'flexibleRollout'
            WHEN pg_temp.chance('strategy', seed) < 0.96 THEN 'default'
            ELSE 'beta-testers' END,
       jsonb_build_object('rollout', ('{5,10,25,50,100,100}'::text[])[1 + seed % 6],
                          'stickiness', 'default', 'groupId', pg_temp.flag_name(flag)),
       coalesce(constraints, '[]'), n, created,
       pg_temp.chance('disabled', seed) < 0.04
FROM rollouts
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'contextName', pg_temp.pick('{userId,appName,country,plan,channel,storeId}',
                                           'context', seed + c),
               'operator', 'IN', 'inverted', false, 'caseInsensitive', false,
               'values', (SELECT jsonb_agg('value-' || v) FROM generate_series(1, value_count) AS v)
           ) ORDER BY c)
    FROM generate_series(1, constraint_count) AS c,
         LATERAL (SELECT CASE WHEN flag = 881 AND e = 4 THEN 240
                              ELSE pg_temp.roll('values', seed + c, 1, 9) END) AS _(value_count)
) AS constrained(constraints)
ORDER BY flag, e, n;

INSERT INTO feature_lifecycles (feature, stage, created_at, status)
SELECT pg_temp.flag_name(flag), stage, reached, CASE stage WHEN 'completed' THEN 'kept' END
FROM flags,
     LATERAL (VALUES
         ('initial', created),
         ('pre-live', created + interval '3 days'),
         ('live', created + pg_temp.roll('goes live', flag, 6, 35) * interval '1 day'),
         ('completed', CASE WHEN archived IS NOT NULL OR pg_temp.chance('completed', flag) < 0.1
                            THEN created + pg_temp.roll('completes', flag, 40, 99)
                                           * interval '1 day' END),
         ('archived', archived)) AS step(stage, reached)
WHERE reached <= least(coalesce(archived, 'infinity'), pg_temp.ago(0))
ORDER BY flag, reached;
