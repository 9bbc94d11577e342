-- The newest observed snapshot of each instance, as in snapshots.
SELECT s.*
FROM snapshots AS s
-- Found by its place first: to rank whole rows would read every column of every snapshot.
SEMI JOIN (
    SELECT
        max(taken_at) AS taken_at,
        max_by(log, (taken_at, index, log)) AS log,
        max_by(index, (taken_at, index, log)) AS index
    FROM snapshots
    WHERE provenance = 'observed'
    GROUP BY instance_id, instance
) AS newest USING (taken_at, log, index)
