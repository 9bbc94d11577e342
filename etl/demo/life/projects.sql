-- Projects, environments, and what flags are rolled out with: strategies, segments, context.

INSERT INTO environments (name, created_at, sort_order, type)
VALUES ('test', pg_temp.ago(1085), 4, 'test'),
       ('preproduction', pg_temp.ago(960), 5, 'preproduction');

CREATE TEMP TABLE new_projects ON COMMIT DROP AS
SELECT position, name,
       pg_temp.at_work(pg_temp.ago(1086 - position * 45), position) AS founded,
       CASE WHEN name IN ('kiosk', 'loyalty', 'partners')
            THEN pg_temp.at_work(pg_temp.ago(60 * position % 350), position) END AS archived
FROM unnest('{
    checkout,web-shop,search,payments,accounts,mobile-app,kiosk,pricing,
    shipping,recommendations,notifications,loyalty,identity,returns,support-desk,partners,
    marketing,analytics,subscriptions,fraud,data-platform,stores,gift-cards,labs
}'::text[]) WITH ORDINALITY AS project(name, position);

INSERT INTO projects (id, name, created_at, health, updated_at, archived_at)
SELECT name, initcap(replace(name, '-', ' ')), founded AT TIME ZONE 'UTC',
       pg_temp.roll('health', position, 55, 99), coalesce(archived, founded), archived
FROM new_projects
ORDER BY position;

INSERT INTO project_settings (project, project_mode, default_stickiness)
SELECT name, ('{open,protected,open,private,open,protected}'::text[])[1 + position % 6], 'default'
FROM new_projects
ORDER BY position;

INSERT INTO project_environments (project_id, environment_name)
SELECT projects.id, environments.name
FROM projects, environments
ON CONFLICT DO NOTHING;

INSERT INTO strategies (created_at, name, parameters, built_in, deprecated, sort_order)
VALUES (pg_temp.ago(1010), 'beta-testers', '[]', 0, false, 20),
       (pg_temp.ago(820), 'store-region', '[]', 0, false, 21),
       (pg_temp.ago(1060), 'by-office', '[]', 0, true, 22);

INSERT INTO segments (name, created_by, created_at, segment_project_id, constraints)
SELECT name, 'admin', pg_temp.at_work(pg_temp.ago(1000 - position * 52), position),
       CASE WHEN position % 4 = 0 THEN 'checkout' END,
       jsonb_build_array(jsonb_build_object(
           'contextName', 'country', 'operator', 'IN', 'values', jsonb_build_array(name)))
FROM unnest('{
    employees,beta,nordics,dach,benelux,new-customers,returning,premium,ios-17,
    android-14,tablets,high-volume,opted-in,partners,slow-network,families,students
}'::text[]) WITH ORDINALITY AS segment(name, position)
ORDER BY position;

INSERT INTO context_fields (name, sort_order, legal_values, created_at, updated_at, stickiness,
                            project)
SELECT name, 10,
       CASE name WHEN 'plan' THEN '[{"value":"free"},{"value":"plus"},{"value":"premium"}]'::json
       END,
       made, made, name IN ('storeId', 'tenant'), CASE WHEN position > 6 THEN 'stores' END
FROM unnest('{country,plan,channel,storeId,tenant,deviceClass,region,tillNumber}'::text[])
         WITH ORDINALITY AS field(name, position),
     LATERAL (SELECT pg_temp.at_work(pg_temp.ago(1030 - position * 110), position)
                     AT TIME ZONE 'UTC') AS _(made)
ORDER BY position;

-- The newest requests are still open: one per person at most.
INSERT INTO change_requests (environment, state, project, created_by, created_at, min_approvals,
                             title)
SELECT 'production',
       CASE WHEN n <= 172
            THEN ('{Applied,Applied,Applied,Applied,Cancelled,Applied,Rejected}'::text[])[1 + n % 7]
            WHEN n <= 176 THEN 'Scheduled'
            ELSE ('{Draft,In review,Approved}'::text[])[1 + n % 3] END,
       pg_temp.pick('{checkout,payments,pricing}', 'change project', n),
       2 + n % 37, pg_temp.at_work(pg_temp.ago(540 - n * 2.9), n), 1, 'Change ' || n
FROM generate_series(1, 186) AS n;
