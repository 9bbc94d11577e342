-- One row per set of definitions and statistic in it: what each number meant when it was counted.
SELECT
    definitions,                              -- Set of definitions, as snapshots name it
    statistic,                                -- Name; labelled statistics have one value per label
    definition,                               -- Hash of what decides the value
    meaning,                                  -- What exactly is counted
    unit,                                     -- Unit of the value
    time_window,                              -- Period it looks back on; empty: the moment itself
    labelled,                                 -- Whether there is one value per label
    reads,                                    -- Columns of the Unleash database that it needs
    sql                                       -- How it is counted; [[column: …]] only where the schema has it
FROM (VALUES {definition_rows})
    AS v (definitions, statistic, definition, meaning, unit, time_window, labelled, reads, sql)
WHERE statistic IS NOT NULL
