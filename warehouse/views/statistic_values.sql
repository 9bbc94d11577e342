-- One row per snapshot and statistic.
SELECT
    v.instance_id,                            -- Id that the Unleash database gives itself
    v.instance,                               -- Name of the source in the settings
    v.taken_at::TIMESTAMP AS taken_at,        -- When the snapshot was taken, UTC
    v.statistic,                              -- Name, such as activeUsers.last30
    v.value,                                  -- Value; 1 and 0 for a switch that is on or off
    v.provenance,                             -- observed: read from the live database at that moment
    d.hash AS definition                      -- Hash of the definition it was counted by
FROM {value_rows} AS v
LEFT JOIN (VALUES {definition_hashes}) AS d (definitions, statistic, hash)
    ON d.definitions = v.definitions AND d.statistic = v.statistic
