-- One row per instance.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    min(taken_at) AS first_taken_at,          -- Its first snapshot, UTC
    max(taken_at) AS last_taken_at,           -- Its newest snapshot, UTC
    count(*) AS snapshots,                    -- How many snapshots there are
    max_by(version_oss, taken_at) AS version_oss -- Release of Unleash in the newest
FROM snapshots
GROUP BY instance_id, instance
