-- What flows by itself up to now: usage metrics, Edge nodes, requests.
-- Each table goes on where it ended, so the same words load a past and live a day.

-- The server keeps hourly metrics for 48 hours.
DELETE FROM client_metrics_env WHERE timestamp < pg_temp.ago(2);
DELETE FROM client_metrics_env_variants WHERE timestamp < pg_temp.ago(2);

CREATE TEMP TABLE reporters ON COMMIT DROP AS
SELECT flag, type, name AS feature_name, environment,
       pg_temp.app_name(1 + flag * 31 % 41) AS app_name
FROM (SELECT name, type, archived_at, row_number() OVER (ORDER BY created_at, name) AS flag
      FROM features) AS numbered
JOIN feature_environments ON feature_name = name
WHERE enabled AND archived_at IS NULL
  AND pg_temp.chance('reports from ' || environment, flag)
      < CASE environment WHEN 'production' THEN 0.5 WHEN 'development' THEN 0.12 ELSE 0 END;

INSERT INTO client_metrics_env (feature_name, app_name, environment, timestamp, yes, no)
SELECT feature_name, app_name, environment, hour,
       floor(900 * share)::int, floor(2400 * share * share)::int
FROM reporters,
     generate_series(
         (SELECT date_trunc('hour', coalesce(max(timestamp), pg_temp.ago(2))) + interval '1 hour'
          FROM client_metrics_env),
         pg_temp.ago(0), '1 hour') AS hour,
     LATERAL (SELECT flag * 1000000 + 24 * pg_temp.day_number(hour) + extract(hour FROM hour)::int
             ) AS _(seed),
     LATERAL pg_temp.chance('evaluations', seed) AS share
WHERE share < CASE WHEN extract(hour FROM hour) BETWEEN 6 AND 21 THEN 0.95 ELSE 0.4 END;

INSERT INTO client_metrics_env_variants (feature_name, app_name, environment, timestamp, variant,
                                         count)
SELECT feature_name, app_name, environment, timestamp, variant, greatest(1, (yes * share)::int)
FROM client_metrics_env
JOIN reporters USING (feature_name, app_name, environment)
CROSS JOIN (VALUES ('control', 0.5), ('blue', 0.3), ('green', 0.2)) AS split(variant, share)
WHERE type = 'experiment'
ON CONFLICT DO NOTHING;

UPDATE client_instances
SET last_seen = pg_temp.ago(0.01 + 0.9 * pg_temp.chance(app_name, hashtext(instance_id)));

UPDATE features SET last_seen_at = pg_temp.ago(0.1)
FROM reporters
WHERE name = feature_name AND environment = 'production';

-- Edge runs next to the shops while they are open: one node at first, three of late.
INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)
SELECT bucket, 'edge-' || node || '-' || to_char(bucket, 'YYYYMM')
FROM generate_series(
         (SELECT coalesce(max(bucket_ts) + interval '5 minutes',
                          date_trunc('hour', pg_temp.ago(395)))
          FROM edge_node_presence),
         pg_temp.ago(0), '5 minutes') AS bucket,
     LATERAL generate_series(
         1, 1 + (bucket > pg_temp.ago(240))::int + (bucket > pg_temp.ago(75))::int) AS node
WHERE extract(hour FROM bucket) BETWEEN 9 AND 16
  AND extract(isodow FROM pg_temp.calendar(bucket)) < 7;

-- Today's requests are counted up to now, so the newest day is counted again.
INSERT INTO stat_traffic_usage AS known (day, traffic_group, status_code_series, count)
SELECT day::date, traffic_group, series,
       floor(requests * pg_temp.growth(day)
             * (0.8 + 0.4 * pg_temp.chance(traffic_group, pg_temp.day_number(day) * 10 + series))
             * least(1, extract(epoch FROM pg_temp.ago(0) - day) / 86400))
FROM generate_series(
         (SELECT coalesce(max(known.day), pg_temp.ago(395)::date) FROM stat_traffic_usage AS known)
             ::timestamptz,
         pg_temp.ago(0), '1 day') AS day,
     (VALUES ('/api/client', 200, 310000), ('/api/client', 300, 1450000),
             ('/api/client', 400, 900), ('/api/frontend', 200, 640000),
             ('/api/frontend', 300, 220000), ('/api/admin', 200, 21000),
             ('/api/admin', 400, 300)) AS usage(traffic_group, series, requests)
ON CONFLICT (day, traffic_group, status_code_series) DO UPDATE
    SET count = greatest(known.count, excluded.count);

-- Applications that still ask for flags which are gone.
DELETE FROM unknown_flags;
INSERT INTO unknown_flags (name, app_name, seen_at, environment)
SELECT 'removed-' || pg_temp.flag_name(2000 + n), pg_temp.app_name(n * 5 % 41),
       pg_temp.ago(0.5 * pg_temp.chance('asked', n)), 'production'
FROM generate_series(1, 13) AS n
WHERE pg_temp.chance('still asked', n * 100000 + pg_temp.day_number(pg_temp.ago(0))) < 0.8;
