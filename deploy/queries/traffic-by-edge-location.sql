-- Traffic of a day by edge location, the one with the most bytes first.
--
-- An edge location is named by the code of an airport near it and a number, such as NRT57-2. The
-- accelerator is an identifier, or a pattern of LIKE: % is all. A record that reports a gap in the
-- log names no client: it is left out. What was never counted is NULL, and comes last. In Athena
-- write another day in place of each '2026-01-09', so that the other days are not read.
SELECT globalacceleratorregion,
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
  AND clientip IS NOT NULL
GROUP BY globalacceleratorregion
ORDER BY bytes DESC NULLS LAST, globalacceleratorregion NULLS LAST;
