-- Client addresses of a day that were not seen in the days before it.
--
-- Days are UTC. A client that came before the days that are looked at counts as new, and so does
-- each where the lake holds nothing of them. A client whose bytes were never counted comes last, as
-- NULL. In Athena write another day in place of each '2026-01-09' and another number of days in
-- place of each 30: partitions outside of these days are not read.
SELECT clientip,
  min(starttime) AS first_seen,
  count(*) AS records,
  sum(bytes) AS bytes
FROM aga_flow_logs
WHERE year >= substr(CAST(CAST(CAST(/* :day */ '2026-01-09' AS date)
    - interval '1' day * /* :days */ 30 AS date) AS varchar), 1, 4)
  AND year <= substr(/* :day */ '2026-01-09', 1, 4)
  AND year || '-' || month || '-' || day >= CAST(CAST(CAST(/* :day */ '2026-01-09' AS date)
    - interval '1' day * /* :days */ 30 AS date) AS varchar)
  AND year || '-' || month || '-' || day <= /* :day */ '2026-01-09'
  AND clientip IS NOT NULL
GROUP BY clientip
HAVING min(year || '-' || month || '-' || day) = /* :day */ '2026-01-09'
ORDER BY bytes DESC NULLS LAST, clientip
LIMIT /* :limit */ 1000;
