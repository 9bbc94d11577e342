-- Chance without chance: every number of the demo's life follows from its own
-- name and ordinal, so the same instant always makes the same database.
--
-- demo.now is the instant that the database has lived up to. demo.lag says how
-- many days the calendar of its people (weekends, holidays) is behind that.

CREATE FUNCTION pg_temp.ago(days float8) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT current_setting('demo.now')::timestamptz - days * interval '1 day'
$$;

-- The day as its people call it.
CREATE FUNCTION pg_temp.calendar(moment timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT moment::date - current_setting('demo.lag')::int
$$;

CREATE FUNCTION pg_temp.day_number(moment timestamptz) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT pg_temp.calendar(moment) - date '2000-01-01'
$$;

-- In [0, 1), evenly, the same for the same question and ordinal.
CREATE FUNCTION pg_temp.chance(question text, ordinal bigint) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtextextended(question, ordinal) & 1073741823) / 1073741824.0::float8
$$;

-- A whole number from `low` to `high`, both included.
CREATE FUNCTION pg_temp.roll(question text, ordinal bigint, low int, high int) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
    SELECT low + floor(pg_temp.chance(question, ordinal) * (high - low + 1))::int
$$;

CREATE FUNCTION pg_temp.pick(words text[], question text, ordinal bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT words[pg_temp.roll(question, ordinal, 1, cardinality(words))]
$$;

-- That day between 8 and 18 o'clock, or the Friday before a weekend; never in the future.
CREATE FUNCTION pg_temp.at_work(moment timestamptz, ordinal bigint) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT least(
        date_trunc('day', moment) - weekend_days * interval '1 day'
            + (8 + 10 * pg_temp.chance('office hour', ordinal)) * interval '1 hour',
        pg_temp.ago(0.04 * pg_temp.chance('just now', ordinal)))
    FROM (SELECT greatest(0, extract(isodow FROM pg_temp.calendar(moment)) - 5)) AS _(weekend_days)
$$;

-- How busy a day is: 1 on a common Monday, less in summer and when the year turns.
CREATE FUNCTION pg_temp.bustle(moment timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT (ARRAY[1.0, 1.2, 1.15, 1.1, 0.7, 0.06, 0.05])[extract(isodow FROM day)::int]
        * CASE
              WHEN to_char(day, 'MMDD') BETWEEN '0701' AND '0815' THEN 0.6
              WHEN to_char(day, 'MMDD') NOT BETWEEN '0103' AND '1221' THEN 0.25
              ELSE 1
          END
        * (0.75 + pg_temp.chance('bustle', day - date '2000-01-01') / 2)
    FROM (SELECT pg_temp.calendar(moment)) AS _(day)
$$;

-- The share of a day's work that is done at an instant: from 7:30 to 17:30.
CREATE FUNCTION pg_temp.done(day timestamptz, moment timestamptz) RETURNS float8
LANGUAGE sql STABLE AS $$
    SELECT least(1, greatest(0, extract(epoch FROM moment - day) / 36000 - 0.75))
$$;

-- How much of the company there was then: from 0 three years ago to 1 today.
CREATE FUNCTION pg_temp.growth(moment timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT greatest(0, 1 - extract(epoch FROM pg_temp.ago(0) - moment) / 86400 / 1090)
$$;

-- How many changes a whole day in an environment has room for.
CREATE FUNCTION pg_temp.changes(day timestamptz, environment text) RETURNS float8
LANGUAGE sql STABLE AS $$
    SELECT pg_temp.bustle(day) * (0.2 + 0.8 * pg_temp.growth(day))
        * CASE environment
              WHEN 'production' THEN 34
              WHEN 'development' THEN 30
              WHEN 'test' THEN 18
              ELSE 14
          END
$$;

-- Does this person open Unleash on that day? Some do daily, some once in a quarter.
CREATE FUNCTION pg_temp.visits(person bigint, day timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT pg_temp.chance('visit', person * 100000 + pg_temp.day_number(day))
        < CASE WHEN extract(isodow FROM pg_temp.calendar(day)) > 5 THEN 0.05 ELSE 1 END
            * CASE
                  WHEN habit < 0.36 THEN 0.6
                  WHEN habit < 0.62 THEN 0.15
                  WHEN habit < 0.84 THEN 0.025
                  ELSE 0.006
              END
    FROM (SELECT pg_temp.chance('habit', person)) AS _(habit)
$$;

-- When a person was last seen in that time; null if not at all.
CREATE FUNCTION pg_temp.last_visit(person bigint, since timestamptz, until timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(seen)
    FROM generate_series(date_trunc('day', since), until, '1 day') AS day,
         LATERAL (SELECT pg_temp.chance('seen', person * 100000 + pg_temp.day_number(day))) AS _(c),
         LATERAL (SELECT day + (8 + 9 * c) * interval '1 hour') AS visit(seen)
    WHERE seen BETWEEN since AND until AND pg_temp.visits(person, day)
$$;
