-- One row per snapshot: all statistics of one instance at one moment, a column each.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    taken_at::TIMESTAMP AS taken_at,          -- When it was taken, UTC
    due_at::TIMESTAMP AS due_at,              -- Slot of the schedule it was taken for, UTC; empty: by hand
    provenance,                               -- observed: read from the live database at that moment
    version_oss,                              -- Release of Unleash, only as exact as it is certain
    version_enterprise,                       -- Release of Unleash Enterprise; empty on open source
    schema,                                   -- Newest migration of the database
    db_time::TIMESTAMP AS db_time,            -- The same moment by the database's own clock, UTC
    recorded_at::TIMESTAMP AS recorded_at,    -- Since when the history knows it, UTC
    log,                                      -- Origin of the log that holds the signed record
    index,                                    -- Position of the signed record in that log
    definitions,                              -- Set of definitions the statistics were counted by
    {checksum} AS sum,                        -- Checksum as Unleash computes it; no signature
    {statistic_columns}
FROM {snapshot_rows}
