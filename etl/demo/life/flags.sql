-- The births and ends of 900 flags; their rows are written in rollout.sql.

CREATE TEMP TABLE births ON COMMIT DROP AS
SELECT flag,
       pg_temp.at_work(pg_temp.ago(1090 * (1 - grown)), flag) AS created,
       floor(pg_temp.chance('project', flag) * 24 * grown)::int AS home,
       CASE WHEN kind < 0.56 THEN 'release'
            WHEN kind < 0.74 THEN 'experiment'
            WHEN kind < 0.86 THEN 'operational'
            WHEN kind < 0.95 THEN 'kill-switch'
            ELSE 'permission' END AS type
FROM generate_series(1, 900) AS flag,
     LATERAL power(flag / 900.0::float8, 0.8) AS grown,
     LATERAL pg_temp.chance('kind', flag) AS kind;

-- One in five of those meant to be short-lived is forgotten; the long-lived mostly stay.
CREATE TEMP TABLE flags ON COMMIT DROP AS
SELECT flag, type, coalesce(name, 'default') AS project, created,
       least(new_projects.archived,
             CASE WHEN ends < pg_temp.ago(0) THEN pg_temp.at_work(ends, flag) END) AS archived
FROM births
LEFT JOIN new_projects
       ON position = home AND (new_projects.archived > created OR new_projects.archived IS NULL)
CROSS JOIN LATERAL (
    SELECT CASE WHEN type NOT IN ('kill-switch', 'permission')
                     AND pg_temp.chance('forgotten', flag) >= 0.2
                THEN created + (30 + 280 * pg_temp.chance('lifetime', flag)) * interval '1 day'
                WHEN type IN ('kill-switch', 'permission')
                     AND pg_temp.chance('retired', flag) < 0.2
                THEN created + interval '400 days' END) AS plan(ends);

INSERT INTO release_plan_definitions (id, discriminator, name, created_by_user_id, created_at,
                                      archived_at)
SELECT 'template-' || name, 'template', initcap(name), 2, pg_temp.ago(days),
       CASE name WHEN 'overnight' THEN pg_temp.ago(30) END
FROM (VALUES ('careful', 300), ('overnight', 260), ('by-region', 170), ('big-bang', 45))
     AS template(name, days);

INSERT INTO release_plan_definitions (id, discriminator, name, feature_name, environment,
                                      created_by_user_id, created_at, release_plan_template_id)
SELECT 'plan-' || flag, 'plan', 'Careful', pg_temp.flag_name(flag), 'production', 2 + flag % 30,
       created, 'template-careful'
FROM flags
WHERE archived IS NULL AND created > pg_temp.ago(300) AND pg_temp.chance('has a plan', flag) < 0.3
ORDER BY flag;

-- Exports and imports between servers; their events are written with all the others.
CREATE TEMP TABLE transfers ON COMMIT DROP AS
SELECT n, CASE WHEN n % 3 = 0 THEN 'features-imported' ELSE 'features-exported' END AS type,
       pg_temp.at_work(pg_temp.ago(1070 * (1 - power(n / 212.0, 0.7))), n) AS moment
FROM generate_series(1, 212) AS n;
