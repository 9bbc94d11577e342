-- One row per instance and number of days: the distinct client applications up to its newest snapshot.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    days,                                     -- 7, 30, 90 or 365 days back from there
    newest AS until,                          -- Its newest snapshot, UTC
    len(list_distinct(flatten(list(names)))) AS apps, -- Distinct applications in the snapshots of these days
    oldest <= newest - days * INTERVAL 1 DAY AS complete, -- Whether the history reaches back so far
    max(omitted) AS omitted                   -- Most names that a snapshot had no room for; above 0 there were more
FROM (
    SELECT
        *, max(last_taken_at) OVER instances AS newest, min(first_taken_at) OVER instances AS oldest,
        unnest([7, 30, 90, 365]) AS days
    FROM {app_lists}
    WINDOW instances AS (PARTITION BY instance_id, instance)
)
WHERE last_taken_at > newest - days * INTERVAL 1 DAY
GROUP BY instance_id, instance, days, newest, oldest
