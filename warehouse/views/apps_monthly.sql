-- One row per instance and month: how many distinct client applications its snapshots name.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    month,                                    -- First day of the month, UTC
    len(list_distinct(flatten(list(names)))) AS apps, -- Distinct applications in the snapshots of the month
    sum(snapshots)::BIGINT AS snapshots,      -- How many snapshots that is made of
    max(omitted) AS omitted                   -- Most names that a snapshot had no room for; above 0 there were more
FROM {app_lists}
GROUP BY instance_id, instance, month
