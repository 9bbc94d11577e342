-- One row per instance, month and statistic. What was observed in a month stands, and else what came to be known.
SELECT
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    month,                                    -- First day of the month, UTC
    statistic,                                -- Name, such as activeUsers.last30
    max_by(earliest, observed) AS first,      -- Value in the first snapshot of the month
    max_by(newest, observed) AS last,         -- Value in the last snapshot of the month
    max_by(lowest, observed) AS min,          -- Lowest value of the month
    max_by(highest, observed) AS max,         -- Highest value of the month
    max_by(mean, observed) AS avg,            -- Mean of the values of the month
    max_by(snapshots, observed) AS n,         -- How many snapshots that is made of
    max_by(origins, observed) AS provenance   -- How they came to be: observed, or all other ways, by comma
FROM (
    SELECT
        instance_id, instance, date_trunc('month', taken_at)::DATE AS month, statistic, provenance = 'observed' AS observed,
        min_by(value, (taken_at, value)) AS earliest, max_by(value, (taken_at, value)) AS newest,
        min(value) AS lowest, max(value) AS highest, avg(value) AS mean, count(*) AS snapshots,
        array_to_string(map_keys(histogram(provenance)), ', ') AS origins
    FROM statistic_values
    GROUP BY ALL
)
GROUP BY instance_id, instance, month, statistic
