-- API tokens, the applications that use them, and the settings of the server.

-- Tokens 7 and 31 are older than environments, tokens 19, 43 and 58 have lost their project.
INSERT INTO api_tokens (secret, username, type, created_at, expires_at, seen_at, environment,
                        token_name, created_by_user_id)
SELECT CASE WHEN n IN (7, 31) THEN md5('legacy' || n)
            WHEN type = 'admin' THEN '*:*.' || md5('token' || n)
            WHEN n % 4 = 0 THEN '*:' || environment || '.' || md5('token' || n)
            ELSE 'project:' || environment || '.' || md5('token' || n) END,
       'token-' || n, type, made,
       CASE WHEN n % 6 = 0 THEN made + interval '400 days' END,
       CASE WHEN n % 7 > 0 THEN pg_temp.ago(2 * pg_temp.chance('token seen', n)) END,
       CASE WHEN type <> 'admin' THEN environment END, 'token-' || n, 1
FROM generate_series(1, 72) AS n,
     LATERAL pg_temp.at_work(pg_temp.ago(1080 - n * 14.5), n) AS made,
     LATERAL (SELECT CASE WHEN n % 15 = 3 THEN 'admin'
                          WHEN n % 4 = 1 THEN 'frontend'
                          WHEN n > 50 AND n % 2 = 0 THEN 'backend'
                          ELSE 'client' END) AS _(type),
     LATERAL (SELECT ('{production,development,production,test,preproduction}'::text[])[1 + n % 5]
             ) AS __(environment)
ORDER BY n;

INSERT INTO api_token_project (secret, project)
SELECT secret, pg_temp.pick('{checkout,web-shop,search,payments}', secret, 1)
FROM api_tokens
WHERE secret LIKE 'project:%' AND token_name NOT IN ('token-19', 'token-43', 'token-58');

INSERT INTO api_tokens_v2 (selector, verifier, token_name, type, environment, created_at, seen_at)
SELECT left(md5('selector' || n), 16), md5('verifier' || n), 'token-v2-' || n,
       ('{backend,frontend,backend}'::text[])[1 + n % 3],
       ('{production,development}'::text[])[1 + n % 2],
       pg_temp.at_work(pg_temp.ago(90 - n * 6), n), pg_temp.ago(pg_temp.chance('v2 seen', n))
FROM generate_series(1, 14) AS n;

INSERT INTO api_tokens_v2_project (selector, project)
SELECT selector, 'checkout' FROM api_tokens_v2;

-- 41 applications run today; the others were switched off after some months.
INSERT INTO client_applications (app_name, created_at, updated_at, seen_at, strategies, announced,
                                 created_by)
SELECT pg_temp.app_name(app), founded, founded,
       CASE WHEN app <= 41 THEN pg_temp.ago(0.1) ELSE founded + interval '100 days' END,
       '["default", "flexibleRollout"]', true, 'unknown'
FROM generate_series(1, 52) AS app,
     LATERAL pg_temp.ago(1080 - app * 18) AS founded;

-- The server forgets an instance after a day without a word from it.
INSERT INTO client_instances (app_name, instance_id, client_ip, last_seen, created_at, sdk_version,
                              environment, sdk_type)
SELECT pg_temp.app_name(app), 'instance-' || n, '10.2.' || app || '.' || n,
       pg_temp.ago(0.01 + 0.9 * pg_temp.chance('ping', app * 10 + n)),
       pg_temp.ago(1.5 + 9 * pg_temp.chance('deployed', app * 10 + n)),
       (ARRAY['unleash-client-node:6.6.0', 'unleash-client-java:10.2.2',
              'unleash-client-python:6.3.0', 'unleash-client-go:4.5.0'])[1 + app % 4],
       CASE n WHEN 1 THEN 'development' WHEN 2 THEN 'test' ELSE 'production' END,
       CASE WHEN app / 19 % 4 IN (1, 3) THEN 'frontend' ELSE 'backend' END
FROM generate_series(1, 41) AS app,
     LATERAL generate_series(1, 3 + app % 4) AS n;

INSERT INTO settings (name, content)
VALUES ('unleash.enterprise.auth.saml',
        '{"enabled": true, "entityId": "https://sso.example.com"}'),
       ('unleash.enterprise.auth.oidc', '{"enabled": false}'),
       ('unleash.auth.simple', '{"disabled": true}'),
       ('scim', '{"enabled": true}');
