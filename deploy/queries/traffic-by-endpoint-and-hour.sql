-- Traffic of a day by hour and endpoint, with bytes of each direction.
--
-- Hours are UTC, and those in which the capture windows began. The accelerator is an identifier, or
-- a pattern of LIKE: % is all. A record that names no endpoint, as one that reports a gap in the
-- log, is left out. What was never counted is NULL, and comes last in its hour. In Athena write
-- another day in place of each '2026-01-09', so that the other days are not read.
SELECT date_trunc('hour', starttime) AS hour,
  endpointip,
  endpointregion,
  count(*) AS records,
  count(DISTINCT clientip) AS clients,
  sum(packets) AS packets,
  sum(CASE WHEN direction = 'INGRESS' THEN bytes END) AS ingress_bytes,
  sum(CASE WHEN direction = 'EGRESS' THEN bytes END) AS egress_bytes,
  sum(bytes) AS bytes
FROM aga_flow_logs
WHERE year = substr(/* :day */ '2026-01-09', 1, 4)
  AND month = substr(/* :day */ '2026-01-09', 6, 2)
  AND day = substr(/* :day */ '2026-01-09', 9, 2)
  AND coalesce(acceleratorid, '') LIKE /* :accelerator */ '%'
  AND endpointip IS NOT NULL
GROUP BY date_trunc('hour', starttime), endpointip, endpointregion
ORDER BY hour NULLS LAST, bytes DESC NULLS LAST, endpointip, endpointregion NULLS LAST;
