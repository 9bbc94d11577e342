-- Part of apps, apps_monthly and apps_windows: the lists of applications that snapshots have, by month.
-- Most snapshots name what the one before named, so each list is taken apart once. A list that
-- could not be read is none; omitted is how many names did not fit.
SELECT * REPLACE (from_json(names, '["VARCHAR"]') AS names)
FROM (
    SELECT
        instance_id, instance, date_trunc('month', taken_at)::DATE AS month, names, omitted,
        count(*) AS snapshots, min(taken_at) AS first_taken_at, max(taken_at) AS last_taken_at
    FROM (
        SELECT
            instance_id, instance, (told[1]->>'$')::TIMESTAMP AS taken_at, told[2] AS names,
            coalesce(told[3]::BIGINT, 0) AS omitted
        FROM (
            SELECT
                instance_id, instance,
                json_extract(
                    decode(payload),
                    ['$.taken_at', '$.names.apps', '$.names.omitted.apps', '$.unavailable."names.apps"']
                ) AS told
            FROM ledger
            WHERE type = 'tallybook/snapshot/v1'
        )
        WHERE told[4] IS NULL
    )
    GROUP BY ALL
)
