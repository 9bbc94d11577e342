-- One row per snapshot and statistic.
SELECT
    s.instance_id,                            -- Id that the Unleash database gives itself
    s.instance,                               -- Name of the source in the settings
    s.taken_at,                               -- When the snapshot was taken, UTC
    s.entry.key AS statistic,                 -- Name, such as activeUsers.last30
    s.entry.value AS value,                   -- Value; 1 and 0 for a switch that is on or off
    s.provenance,                             -- observed: read from the live database at that moment
    d.hash AS definition,                     -- Hash of the definition it was counted by
    s.log,                                    -- Origin of the log that holds the signed record
    s.index                                   -- Position of the signed record in that log
FROM (
    SELECT
        instance_id, instance, taken_at::TIMESTAMP AS taken_at, provenance, definitions, log, index,
        unnest(map_entries(stats)) AS entry
    FROM {records}
    WHERE type = 'tallybook/snapshot/v1'
) AS s
LEFT JOIN (VALUES {definition_hashes}) AS d (definitions, statistic, hash)
    ON d.definitions = s.definitions AND d.statistic = s.entry.key
