-- One row per day, from the first day of the history to its last: of all snapshots and missed slots.
SELECT
    day,                                      -- Day, UTC
    year(day) AS year,                        -- Year
    quarter(day) AS quarter,                  -- Quarter of the year, 1 to 4
    month(day) AS month,                      -- Month of the year, 1 to 12
    dayofmonth(day) AS day_of_month,          -- Day of the month, from 1
    dayofyear(day) AS day_of_year,            -- Day of the year, from 1
    isoyear(day) AS iso_year,                 -- Year that the ISO week belongs to
    weekofyear(day) AS iso_week,              -- Week of that year by ISO 8601, 1 to 53
    isodow(day) AS weekday,                   -- Day of the week, 1 is Monday
    dayname(day) AS weekday_name,             -- Its English name
    monthname(day) AS month_name,             -- English name of the month
    date_trunc('week', day)::DATE AS week_start, -- Monday of its week
    date_trunc('month', day)::DATE AS month_start, -- First day of its month, as in monthly
    date_trunc('quarter', day)::DATE AS quarter_start, -- First day of its quarter
    isodow(day) >= 6 AS is_weekend,           -- Whether it is a Saturday or a Sunday
    day = last_day(day) AS is_month_end,      -- Whether it is the last day of its month
    day = last_day(day) AND month(day) % 3 = 0 AS is_quarter_end, -- Whether it is the last day of its quarter
    dayofmonth(day) = 31 AND month(day) = 12 AS is_year_end -- Whether it is the last day of its year
FROM (
    SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY))::DATE AS day
    FROM (
        SELECT taken_at::DATE AS day FROM snapshots
        UNION ALL
        SELECT due_at::DATE FROM gaps
    )
)
