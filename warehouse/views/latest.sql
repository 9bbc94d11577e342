-- The newest observed snapshot of each instance, as in snapshots.
SELECT *
FROM snapshots
WHERE provenance = 'observed'
QUALIFY row_number() OVER (PARTITION BY instance_id, instance ORDER BY taken_at DESC, index DESC) = 1
