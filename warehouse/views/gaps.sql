-- One row per slot that has no snapshot, as a signed record says it, and why.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    due_at::TIMESTAMP AS due_at,              -- Slot of the schedule that was missed, UTC
    decode(payload)->>'reason' AS reason,     -- Why there is no snapshot
    recorded_at::TIMESTAMP AS recorded_at,    -- Since when the history knows it, UTC
    log,                                      -- Origin of the log that holds the signed record
    index                                     -- Position of the signed record in that log
FROM {record_rows}
WHERE type = 'tallybook/missed/v1'
