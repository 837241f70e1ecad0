-- Flows of a day with packets in one direction only.
--
-- A flow is what client, accelerator and endpoint, their ports and the protocol tell apart. Packets
-- that were never counted are none here. Where the client's packets had no answer, the endpoint is
-- down, a firewall drops them, or the protocol needs none; a flow over midnight may have its answer
-- on the other day. In Athena write another day in place of each '2026-01-09', so that the other
-- days are not read.
SELECT clientip,
  clientport,
  gip,
  gipport,
  endpointip,
  endpointport,
  protocol,
  coalesce(sum(CASE WHEN direction = 'INGRESS' THEN packets END), 0) AS ingress_packets,
  coalesce(sum(CASE WHEN direction = 'EGRESS' THEN packets END), 0) AS egress_packets,
  sum(bytes) AS bytes,
  min(starttime) AS first_seen,
  max(endtime) AS last_seen
FROM aga_flow_logs
WHERE year = substr(/* :day */ '2026-01-09', 1, 4)
  AND month = substr(/* :day */ '2026-01-09', 6, 2)
  AND day = substr(/* :day */ '2026-01-09', 9, 2)
  AND clientip IS NOT NULL
GROUP BY clientip, clientport, gip, gipport, endpointip, endpointport, protocol
HAVING (coalesce(sum(CASE WHEN direction = 'INGRESS' THEN packets END), 0) > 0)
  <> (coalesce(sum(CASE WHEN direction = 'EGRESS' THEN packets END), 0) > 0)
ORDER BY ingress_packets + egress_packets DESC, clientip, clientport NULLS LAST, gip NULLS LAST,
  gipport NULLS LAST, endpointip NULLS LAST, endpointport NULLS LAST, protocol NULLS LAST
LIMIT /* :limit */ 100;
