-- One row per statistic that the history knows, labels included, by its newest definition.
SELECT
    statistic,                                -- Name, such as activeUsers.last30
    column_name,                              -- Its column in snapshots
    subject,                                  -- What it tells about, such as people or flags
    meaning,                                  -- What exactly is counted
    unit,                                     -- Unit of the value
    kind,                                     -- count, ratio, switch or bytes
    time_window,                              -- Period it looks back on; empty: the moment itself
    since,                                    -- First Unleash release whose database can tell it
    definition                                -- Hash of that definition
FROM (VALUES {statistic_rows})
    AS v (statistic, column_name, subject, meaning, unit, kind, time_window, since, definition)
WHERE statistic IS NOT NULL
