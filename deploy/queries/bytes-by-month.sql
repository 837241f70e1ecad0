-- Bytes of each month, and how they differ from those of the month before.
--
-- Both ends of the range are looked at. The change is NULL where the month before has no bytes, or
-- is not looked at. In Athena write other months in place of each '2025-02' and '2026-01':
-- partitions of others are not read.
WITH months AS (
  SELECT year || '-' || month AS name,
    count(*) AS records,
    sum(bytes) AS bytes
  FROM aga_flow_logs
  WHERE year >= substr(/* :from */ '2025-02', 1, 4)
    AND year <= substr(/* :to */ '2026-01', 1, 4)
    AND year || '-' || month >= /* :from */ '2025-02'
    AND year || '-' || month <= /* :to */ '2026-01'
  GROUP BY year || '-' || month
)
SELECT this.name AS month,
  this.records,
  this.bytes,
  previous.bytes AS previous_bytes,
  round(1e2 * (this.bytes - previous.bytes) / nullif(previous.bytes, 0), 1) AS change_percent
FROM months AS this
LEFT JOIN months AS previous
  ON previous.name = substr(CAST(CAST(CAST(this.name || '-01' AS date)
    - interval '1' month AS date) AS varchar), 1, 7)
ORDER BY month;
