-- Client addresses with the most bytes in an hour, in both directions.
--
-- The hour is UTC, and that in which the capture windows began. The accelerator is an identifier,
-- or a pattern of LIKE: % is all. A client whose bytes were never counted comes last, as NULL. In
-- Athena write another hour in place of each '2026-01-09 13': other days are not read.
SELECT clientip,
  count(*) AS records,
  sum(packets) AS packets,
  sum(CASE WHEN direction = 'INGRESS' THEN bytes END) AS ingress_bytes,
  sum(CASE WHEN direction = 'EGRESS' THEN bytes END) AS egress_bytes,
  sum(bytes) AS bytes
FROM aga_flow_logs
WHERE year = substr(/* :hour */ '2026-01-09 13', 1, 4)
  AND month = substr(/* :hour */ '2026-01-09 13', 6, 2)
  AND day = substr(/* :hour */ '2026-01-09 13', 9, 2)
  AND starttime >= CAST(/* :hour */ '2026-01-09 13' || ':00:00' AS timestamp)
  AND starttime < CAST(/* :hour */ '2026-01-09 13' || ':00:00' AS timestamp) + interval '1' hour
  AND coalesce(acceleratorid, '') LIKE /* :accelerator */ '%'
  AND clientip IS NOT NULL
GROUP BY clientip
ORDER BY bytes DESC NULLS LAST, clientip
LIMIT /* :limit */ 50;
