-- Times for which the log has gaps (log status SKIPDATA), by accelerator.
--
-- Capture windows that touch or overlap are one time here. Traffic of these times may be missing
-- from every other answer. A gap that does not name its accelerator has NULL there. In Athena write
-- other days in place of each '2026-01-01' and '2026-01-31', both of which are looked at: others
-- are not read.
WITH gaps AS (
  SELECT acceleratorid,
    starttime,
    endtime,
    max(endtime) OVER (PARTITION BY acceleratorid ORDER BY starttime NULLS LAST, endtime NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
  FROM aga_flow_logs
  WHERE year >= substr(/* :from */ '2026-01-01', 1, 4)
    AND year <= substr(/* :to */ '2026-01-31', 1, 4)
    AND year || '-' || month || '-' || day >= /* :from */ '2026-01-01'
    AND year || '-' || month || '-' || day <= /* :to */ '2026-01-31'
    AND logstatus = 'SKIPDATA'
), numbered AS (
  SELECT acceleratorid,
    starttime,
    endtime,
    sum(CASE WHEN starttime <= reached THEN 0 ELSE 1 END) OVER (PARTITION BY acceleratorid
      ORDER BY starttime NULLS LAST, endtime NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS gap
  FROM gaps
)
SELECT min(starttime) AS first_start,
  max(endtime) AS last_end,
  acceleratorid,
  count(*) AS records
FROM numbered
GROUP BY acceleratorid, gap
ORDER BY first_start NULLS LAST, last_end NULLS LAST, acceleratorid NULLS LAST;
