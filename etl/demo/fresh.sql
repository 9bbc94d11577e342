-- What a freshly migrated 8.2.0 server has in its tables, in our own words.
-- The instant comes as demo.now; texts are ours, names and numbers are facts.

INSERT INTO users (id, name, username, created_at, updated_at, created_by_user_id, is_system)
SELECT id, name, username, pg_temp.ago(0) AT TIME ZONE 'UTC', pg_temp.ago(0), -1337, true
FROM (VALUES (-1337, 'Unleash System', 'unleash_system_user'),
             (-42, 'Unleash Admin Token User', 'unleash_admin_token'))
     AS system(id, name, username);

INSERT INTO users (username, password_hash, created_at, updated_at)
SELECT 'admin', 'no password fits this', pg_temp.ago(0) AT TIME ZONE 'UTC', pg_temp.ago(0);

INSERT INTO environments (name, created_at, sort_order, type)
VALUES ('development', pg_temp.ago(0), 2, 'development'),
       ('production', pg_temp.ago(0), 3, 'production');

INSERT INTO projects (id, name, created_at, updated_at)
VALUES ('default', 'Default', pg_temp.ago(0) AT TIME ZONE 'UTC', pg_temp.ago(0));

INSERT INTO project_environments (project_id, environment_name)
SELECT 'default', name FROM environments;

INSERT INTO feature_types (id, name, lifetime_days, created_at)
SELECT id, name, lifetime_days, pg_temp.ago(0)
FROM (VALUES ('release', 'Release', 40),
             ('experiment', 'Experiment', 40),
             ('operational', 'Operational', 7),
             ('kill-switch', 'Kill switch', NULL),
             ('permission', 'Permission', NULL),
             ('sunset', 'Sunset', 90)) AS type(id, name, lifetime_days);

INSERT INTO context_fields (name, sort_order, created_at, updated_at, stickiness)
SELECT name, position - 1, pg_temp.ago(0) AT TIME ZONE 'UTC', pg_temp.ago(0) AT TIME ZONE 'UTC',
       name = 'sessionId'
FROM unnest('{environment,userId,appName,currentTime,sessionId}'::text[])
         WITH ORDINALITY AS field(name, position);

INSERT INTO strategies (created_at, name, parameters, built_in, sort_order, display_name)
SELECT pg_temp.ago(0), name, '[]', 1, sort_order, display_name
FROM (VALUES ('flexibleRollout', 0, 'Gradual rollout'),
             ('default', 1, 'Standard'),
             ('remoteAddress', 3, 'IPs'),
             ('applicationHostname', 4, 'Hosts')) AS strategy(name, sort_order, display_name);

INSERT INTO roles (name, type, created_at)
SELECT name, type, pg_temp.ago(0)
FROM (VALUES ('Admin', 'root'), ('Editor', 'root'), ('Viewer', 'root'),
             ('Owner', 'project'), ('Member', 'project'), ('Reader', 'project'))
     AS role(name, type);

INSERT INTO role_user (role_id, user_id, created_at, project)
VALUES (1, 1, pg_temp.ago(0), 'default');

INSERT INTO release_plan_definitions (id, discriminator, name, created_by_user_id, created_at)
VALUES ('01KC6TD3HASJWRPMKT1ACY8M3A', 'template', 'Unleash Release Template', -1337,
        pg_temp.ago(0));

INSERT INTO settings (name, content)
VALUES ('unleash.secret', to_json(md5('the secret of a demo'))),
       ('instanceInfo', json_build_object('id', md5('the instance of a demo')::uuid)),
       ('login_history_retention', '{"hours": 336}');
