-- One row per instance and client application that any snapshot names.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    app,                                      -- Name of the application
    min(first_taken_at) AS first_taken_at,    -- First snapshot that names it, UTC
    max(last_taken_at) AS last_taken_at,      -- Newest snapshot that names it, UTC
    sum(snapshots)::BIGINT AS snapshots       -- How many snapshots name it
FROM (SELECT * EXCLUDE (names), unnest(names) AS app FROM {app_lists})
GROUP BY instance_id, instance, app
