-- Client addresses that tried many ports of the accelerators on a day.
--
-- Ports are those of the accelerator, by which a client asks for a listener; what no listener takes
-- may not be logged at all. An address that many clients share, such as a proxy's, has many records
-- but few ports. In Athena write another day in place of each '2026-01-09', so that the other
-- days are not read, and another least number of ports in place of 20.
SELECT clientip,
  count(DISTINCT gipport) AS ports,
  min(gipport) AS lowest_port,
  max(gipport) AS highest_port,
  count(DISTINCT gip) AS addresses,
  count(*) AS records,
  min(starttime) AS first_seen,
  max(endtime) AS last_seen,
  sum(bytes) AS bytes
FROM aga_flow_logs
WHERE year = substr(/* :day */ '2026-01-09', 1, 4)
  AND month = substr(/* :day */ '2026-01-09', 6, 2)
  AND day = substr(/* :day */ '2026-01-09', 9, 2)
  AND direction = 'INGRESS'
  AND clientip IS NOT NULL
GROUP BY clientip
HAVING count(DISTINCT gipport) >= /* :ports */ 20
ORDER BY ports DESC, records DESC, clientip
LIMIT /* :limit */ 100;
