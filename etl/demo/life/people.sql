-- People, what they may do, and the tokens they made: 40 in the first days, some 250 today.

CREATE TEMP TABLE people ON COMMIT DROP AS
SELECT person, joined,
       CASE WHEN pg_temp.chance('leaves', person) < 0.42 AND stays < days_ago
            THEN pg_temp.at_work(pg_temp.ago(days_ago - stays), person) END AS left_at
FROM (SELECT person,
             CASE WHEN person <= 40 THEN 1090 - person / 10.0
                  ELSE 1078 * (1 - power((person - 40) / 300.0, 0.85)) END AS days_ago
      FROM generate_series(1, 340) AS person) AS arrivals,
     LATERAL (SELECT pg_temp.at_work(pg_temp.ago(days_ago), person) AS joined,
                     60 + 800 * pg_temp.chance('stays', person) AS stays) AS plans;

-- Person n has the id n + 1: the administrator was there before.
INSERT INTO users (name, email, created_at, first_seen_at, seen_at, deleted_at, email_hash,
                   updated_at, seat_type, company_role, created_by_user_id,
                   product_updates_email_consent)
SELECT pg_temp.person_name(person) || CASE WHEN left_at IS NULL THEN '' ELSE ' (deleted)' END,
       CASE WHEN left_at IS NULL THEN pg_temp.person_email(person) END,
       joined AT TIME ZONE 'UTC',
       CASE WHEN seen IS NOT NULL THEN joined AT TIME ZONE 'UTC' END,
       seen AT TIME ZONE 'UTC',
       left_at,
       md5(pg_temp.person_email(person)),
       coalesce(left_at, joined),
       CASE WHEN pg_temp.chance('reads only', person) < 0.13 THEN 'ReadOnly' ELSE 'Regular' END,
       pg_temp.pick('{engineer,product,design,support,data}', 'company role', person),
       1,
       pg_temp.chance('consent', person) < 0.3
FROM people,
     LATERAL pg_temp.last_visit(person, greatest(joined, pg_temp.ago(400)),
                                coalesce(left_at, pg_temp.ago(0))) AS seen
ORDER BY person;

INSERT INTO users (name, username, created_at, seen_at, updated_at, is_service,
                   created_by_user_id)
SELECT initcap(name), 'service-' || name, founded AT TIME ZONE 'UTC',
       pg_temp.ago(0.3) AT TIME ZONE 'UTC', founded, true, 1
FROM unnest('{
         pipeline,terraform,release-train,backup,reporting,chat-bridge,
         load-test,cleanup,staging,incident-robot,audit
     }'::text[]) WITH ORDINALITY AS service(name, position),
     LATERAL pg_temp.at_work(pg_temp.ago(1000 - position * 88), position) AS founded
ORDER BY position;

INSERT INTO roles (name, type, created_at, created_by_user_id)
SELECT name, type, pg_temp.at_work(pg_temp.ago(days), days), 1
FROM (VALUES ('Auditor', 'root-custom', 870),
             ('Token keeper', 'root-custom', 640),
             ('On call', 'root-custom', 410),
             ('Flag gardener', 'root-custom', 120),
             ('Release captain', 'custom', 700),
             ('Experimenter', 'custom', 380),
             ('Contractor', 'custom', 90)) AS role(name, type, days);

-- Everyone has one of the built-in root roles: 1 administers, 2 edits, 3 reads.
INSERT INTO role_user (role_id, user_id, created_at, project, created_by_user_id)
SELECT CASE WHEN chance < 0.04 THEN 1 WHEN chance < 0.7 THEN 2 ELSE 3 END,
       id, created_at AT TIME ZONE 'UTC', 'default', 1
FROM users, LATERAL pg_temp.chance('root role', id) AS chance
WHERE id > 1 AND deleted_at IS NULL;

INSERT INTO role_user (role_id, user_id, created_at, project, created_by_user_id)
SELECT roles.id, users.id, roles.created_at + interval '2 hours', 'default', 1
FROM roles, users
WHERE roles.name IN ('Auditor', 'Token keeper')
  AND users.id > 1 AND users.deleted_at IS NULL
  AND users.created_at < roles.created_at AT TIME ZONE 'UTC'
  AND pg_temp.chance(roles.name, users.id) < 0.09;

INSERT INTO groups (name, created_by, created_at, root_role_id)
SELECT name, 'admin', pg_temp.at_work(pg_temp.ago(1040 - position * 75), position),
       CASE name WHEN 'on-call' THEN (SELECT id FROM roles WHERE roles.name = 'On call') END
FROM unnest('{
         web,ios,android,backend,data,design,support,on-call,growth,platform,security,qa,partners
     }'::text[]) WITH ORDINALITY AS team(name, position)
ORDER BY position;

-- A token that is still valid is used on three days of ten.
INSERT INTO personal_access_tokens (secret, description, user_id, created_at, expires_at, seen_at)
SELECT 'user:' || md5('personal token ' || users.id), 'scripts', users.id, made, expires,
       CASE WHEN expires > pg_temp.ago(0)
            THEN greatest(made, pg_temp.ago(ln(1 - chance) / ln(0.7)))
       END
FROM users,
     LATERAL (SELECT pg_temp.ago(500 * pg_temp.chance('token made', users.id))) AS _(wanted),
     LATERAL (SELECT greatest(users.created_at AT TIME ZONE 'UTC', wanted)) AS token(made),
     LATERAL (SELECT made + interval '1 year') AS validity(expires),
     LATERAL pg_temp.chance('token use', users.id) AS chance
WHERE users.id > 1 AND users.deleted_at IS NULL
  AND (users.is_service OR pg_temp.chance('has a token', users.id) < 0.16)
ORDER BY users.id;
