-- One row per instance, environment and day: the changes made there, as the newest snapshot that tells of it has it.
-- A snapshot tells of 90 days. Its own are those that no later one tells of, later by the
-- database's clock, which says what today is: few are taken apart, and nothing is counted twice.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    environment,                              -- Name of the environment
    type,                                     -- Its type at that snapshot, such as production; empty: it was gone
    day,                                      -- Day of the changes, UTC
    changes,                                  -- How many changes; no other row counts them again
    day < db_time::DATE AS complete,          -- Whether the day was over at that snapshot
    taken_at                                  -- When that snapshot was taken, UTC
FROM (
    SELECT
        * EXCLUDE (updates), unnest(updates[:own_days]) AS changes,
        first_day + generate_subscripts(updates[:own_days], 1)::INTEGER - 1 AS day
    FROM (
        SELECT
            * REPLACE (from_json(updates, '["BIGINT"]') AS updates),
            coalesce(min(first_day) OVER later - first_day, json_array_length(updates)) AS own_days
        FROM (
            SELECT
                instance_id, instance, index, taken_at, db_time, told->>'environment' AS environment,
                told->>'type' AS type, (told->>'first_day')::DATE AS first_day, told->'updates' AS updates
            FROM (
                SELECT
                    instance_id, instance, index, (told[1]->>'$')::TIMESTAMP AS taken_at,
                    (told[2]->>'$')::TIMESTAMP AS db_time, unnest(from_json(told[3], '["JSON"]')) AS told
                FROM (
                    SELECT
                        instance_id, instance, index,
                        json_extract(decode(payload), ['$.taken_at', '$.db_time', '$.names.changes']) AS told
                    FROM ledger
                    WHERE type = 'tallybook/snapshot/v1'
                )
            )
        )
        WINDOW later AS (
            PARTITION BY instance_id, instance, environment ORDER BY db_time, index
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
    )
    WHERE own_days > 0
)
